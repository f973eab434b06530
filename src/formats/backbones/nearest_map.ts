/**
 * Which name map fits a file: all are tried, with whatever stands in front of the names taken away.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import {
  applyNameMap,
  isCandidate,
  LONGEST_NAME,
  type MappedTensors,
  matchNames,
  type NameMap,
  type WantedNames,
} from "./name_map.ts";

/**
 * Applies the map that fits a file best: it misses least, then knows most. Of two such maps one of a family is
 * preferred to a general one. Whatever stands in front of all names of a model is found by what follows it.
 *
 * @param file Named in errors
 * @throws {InputError} If two maps fit equally well, the file has two models, or tensors cannot be what they say
 */
export function nearestNameMap(
  maps: readonly NameMap[],
  tensors: NamedTensors,
  wanted: WantedNames,
  file: string,
): MappedTensors {
  const plain = nearestAsNamed(maps, tensors, wanted, file);
  if (fits(plain)) return withoutProblem(plain);
  const wrapped = sharedPrefixes(Object.keys(tensors)).map((prefix) => {
    const inner = maps.map((map) => ({ ...map, prefixes: [prefix, ...map.prefixes ?? []] }));
    return { prefix, mapped: nearestAsNamed(inner, tensors, wanted, file) };
  });
  const whole = wrapped.filter(({ mapped }) => mapped.missing.length === 0 && !mapped.problem);
  checkOneModel(whole, file);
  const unknown = ({ missing, leftover }: MappedTensors) => missing.length + leftover.length;
  const candidates = whole.length > 0 ? whole : wrapped;
  const isWhole = plain.missing.length === 0 && !plain.problem;
  const first = whole.length > 0 && !isWhole ? whole[0]!.mapped : plain;
  const best = candidates.reduce<Attempt>(
    (least, { mapped }) => unknown(mapped) < unknown(least) ? mapped : least,
    first,
  );
  return withoutProblem(best);
}

/** A map that was tried; its problem is told if no other fits better. */
type Attempt = MappedTensors & { readonly problem?: InputError };

function fits({ missing, leftover, problem }: Attempt): boolean {
  return missing.length === 0 && leftover.length === 0 && !problem;
}

function withoutProblem({ problem, ...mapped }: Attempt): MappedTensors {
  if (problem) throw problem;
  return mapped;
}

/** @throws {InputError} If models stand side by side, such as a student and its teacher */
function checkOneModel(
  whole: readonly { readonly prefix: string; readonly mapped: MappedTensors }[],
  file: string,
): void {
  const prefixes = whole.map(({ prefix }) => prefix);
  const other = prefixes.find((one) => !prefixes[0]!.startsWith(one) && !one.startsWith(prefixes[0]!));
  if (other === undefined) return;
  throw new InputError(
    `Cannot load ${file}: found two models, under "${prefixes[0]}" and "${other}", wanted one; ` +
      "save the tensors of one of them alone",
  );
}

/** So many tensors a model has at least. */
const FEWEST = 8;
/** Prefixes that are tried. */
const MOST_PREFIXES = 12;

/** Paths of words that stand in front of many names, each only if it is not in front of one longer path alone. */
function sharedPrefixes(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    if (name.length > LONGEST_NAME) continue;
    const parts = name.split(".").slice(0, -1);
    parts.forEach((_, i) => {
      const prefix = `${parts.slice(0, i + 1).join(".")}.`;
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    });
  }
  // A number is that of a block, unless most names are behind it, as in a sequence of backbone and classifier.
  const isMeant = (prefix: string, count: number) =>
    !/(^|\.)\d+\./.test(prefix) || count > 0.7 * names.length;
  const many = [...counts].filter(([prefix, count]) => count >= FEWEST && isMeant(prefix, count));
  const isOuter = (prefix: string, count: number) =>
    many.some(([other, same]) => other !== prefix && other.startsWith(prefix) && same === count);
  return many.filter(([prefix, count]) => !isOuter(prefix, count))
    .sort(([, a], [, b]) => b - a).slice(0, MOST_PREFIXES).map(([prefix]) => prefix);
}

function nearestAsNamed(
  maps: readonly NameMap[],
  tensors: NamedTensors,
  wanted: WantedNames,
  file: string,
): Attempt {
  const tried = maps.filter((map) => isCandidate(map, tensors)).map((map) => {
    const mapped = tryNameMap(map, tensors, wanted);
    const { missing, leftover, problem } = mapped;
    const rank = [
      missing.length > 0 || problem ? 1 : 0,
      missing.length + leftover.length,
      map.general ? 1 : 0,
    ];
    return { ...mapped, rank };
  });
  tried.sort((a, b) => a.rank.map((value, i) => value - b.rank[i]!).find((order) => order !== 0) ?? 0);
  const [best, second] = tried;
  if (!best) throw new InputError(`Cannot load ${file}: found no name map to try`);
  const { rank, ...mapped } = best;
  const isTie = !best.problem && mapped.missing.length === 0 && second?.rank.join() === rank.join();
  if (isTie) {
    throw new InputError(
      `Cannot load ${file}: the name maps ${best.map} and ${second!.map} fit equally well`,
    );
  }
  return mapped;
}

/** A map that breaks on a file; its problem is told if no other fits better. */
function tryNameMap(
  map: NameMap,
  tensors: NamedTensors,
  wanted: WantedNames,
): Attempt {
  try {
    return applyNameMap(map, tensors, wanted);
  } catch (problem) {
    if (!(problem instanceof InputError)) throw problem;
    const { leftover } = matchNames(map, tensors);
    return { map: map.id, tensors: {}, unneeded: [], leftover, missing: [], scales: {}, problem };
  }
}
