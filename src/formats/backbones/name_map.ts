/**
 * Bringing other projects' tensor names to ours (timm's). A name map is data: rules that rename, reshape, fuse,
 * fold or ignore tensors. Which map fits a file is found by trying all of them.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { scaleRows, type Transform } from "./transforms.ts";

/** What becomes of the tensors of one name pattern. */
export interface NameRule {
  /** `{block}` stands for a number, `{kind}` for weight or bias, `(a|b)` for alternatives. */
  readonly from: string;
  /** Our name, with the same placeholders. Absent: the tensor is not needed. */
  readonly to?: string;
  readonly transform?: Transform;
  /** The tensor is this third of the rows of `to`: q, k and v are 0, 1 and 2. */
  readonly third?: 0 | 1 | 2;
  /** The tensor multiplies the outputs of this layer of ours (LayerScale), and is folded into weight and bias. */
  readonly scales?: string;
}

/** The naming of one family of files. */
export interface NameMap {
  readonly id: string;
  /** Prefixes that names may carry, besides those of common wrappers. */
  readonly prefixes?: readonly string[];
  /** The first rule that matches a name decides. */
  readonly rules: readonly NameRule[];
  /** Names that a file of this family always has. */
  readonly requires?: readonly string[];
  /** Made of words that many projects use; a map of one family is preferred. */
  readonly general?: true;
}

/** What a map made of a file. */
export interface MappedTensors {
  /** Id of the map. */
  readonly map: string;
  /** Under our names. */
  readonly tensors: NamedTensors;
  /** Names of the file that the map knows and the model does not need. */
  readonly unneeded: readonly string[];
  /** Names of the file that no rule knows. */
  readonly leftover: readonly string[];
  /** Names of ours that the file does not give. */
  readonly missing: readonly string[];
}

/** Our tensor names for a number of blocks, without the classifier's. */
export type WantedNames = (depth: number) => readonly string[];

/** What training frameworks put in front of every name. */
const wrappers = ["module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "base_model."];

function fuseThirds(name: string, thirds: readonly HostTensor[]): HostTensor {
  const [first] = thirds as readonly [HostTensor];
  if (first.shape.length === 0 || thirds.some(({ shape }) => !sameShape(shape, first.shape))) {
    const shapes = thirds.map(({ shape }) => formatShape(shape)).join(", ");
    throw new InputError(
      `Cannot map weights: "${name}" has q, k and v of shapes ${shapes}, wanted equal ones`,
    );
  }
  const size = first.data.length;
  const data = new Float32Array(3 * size);
  thirds.forEach((third, i) => data.set(third.data, i * size));
  return hostTensor([3 * first.shape[0]!, ...first.shape.slice(1)], data);
}

/** Blocks that the names speak of, at most as many as there are tensors. */
function depthOf(tensors: NamedTensors): number {
  const names = Object.keys(tensors);
  const indices = names.map((name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  return Math.min(indices.reduce((most, index) => Math.max(most, index + 1), 0), names.length);
}

/** Parts of a model that may be made without biases. */
const BIASED = /^(patch_embed\.proj|norm|blocks\.\d+\.(norm[12]|attn\.(qkv|proj)|mlp\.fc[12]))\.weight$/;

/** Zeros for biases that no block has: the model was trained without. A misnamed bias is left over and refused. */
function fillBiases(tensors: Record<string, HostTensor>): void {
  const kindOf = (name: string) => name.replace(/\d+/, "#");
  const present = new Set(Object.keys(tensors).map(kindOf));
  for (const [name, { shape }] of Object.entries(tensors)) {
    const layer = BIASED.exec(name)?.[1];
    const bias = `${layer}.bias`;
    if (layer && shape.length > 0 && !present.has(kindOf(bias))) tensors[bias] = hostTensor([shape[0]!]);
  }
}

/** Longer names are none of a model's; patterns could take very long over them. */
const LONGEST_NAME = 500;

/** What the placeholders of a rule match. */
const placeholders: Readonly<Record<string, string>> = {
  "{block}": "(?<block>\\d{1,4})",
  "{kind}": "(?<kind>weight|bias)",
};

function compile(from: string): RegExp {
  const parts = from.split(/(\{block\}|\{kind\})/);
  return new RegExp(`^${parts.map((part) => placeholders[part] ?? part.replaceAll(".", "\\.")).join("")}$`);
}

function withoutPrefixes(name: string, { prefixes = [] }: NameMap): string {
  if (name.length > LONGEST_NAME) return name;
  const known = [...wrappers, ...prefixes];
  const prefixOf = (text: string) => known.find((prefix) => text.startsWith(prefix))?.length ?? 0;
  let plain = name;
  while (prefixOf(plain) > 0) plain = plain.slice(prefixOf(plain));
  return plain;
}

/** Whether a file has the names that the map's family always has. */
function isCandidate(map: NameMap, tensors: NamedTensors): boolean {
  const names = new Set(Object.keys(tensors).map((name) => withoutPrefixes(name, map)));
  return (map.requires ?? []).every((name) => names.has(name));
}

/** A rule with its pattern, and which tensor it met. */
interface Match {
  readonly source: string;
  readonly tensor: HostTensor;
  readonly rule: NameRule;
  /** A template of the rule with the placeholders filled in. */
  fill(template: string): string;
}

function matchNames(map: NameMap, tensors: NamedTensors) {
  const rules = map.rules.map((rule) => ({ ...rule, pattern: compile(rule.from) }));
  const matches: Match[] = [];
  const leftover: string[] = [];
  for (const [source, tensor] of Object.entries(tensors)) {
    const plain = withoutPrefixes(source, map);
    const isName = plain.length <= LONGEST_NAME;
    const rule = isName ? rules.find(({ pattern }) => pattern.test(plain)) : undefined;
    if (!rule) {
      leftover.push(source);
      continue;
    }
    const { block = "", kind = "" } = rule.pattern.exec(plain)!.groups ?? {};
    const index = block && String(Number(block));
    const fill = (template: string) => template.replace("{block}", index).replace("{kind}", kind);
    matches.push({ source, tensor, rule, fill });
  }
  return { matches, leftover };
}

/** Runs a change of tensors, naming the tensor of the file that it failed for. */
function attempt(source: string, change: () => HostTensor): HostTensor {
  try {
    return change();
  } catch (error) {
    if (error instanceof RangeError) {
      throw new InputError(`Cannot map weights: "${source}": ${error.message}`);
    }
    throw error;
  }
}

/**
 * Renames the tensors of a file.
 *
 * @throws {InputError} If two tensors get one name, or a tensor's shape does not suit its rule
 */
export function applyNameMap(map: NameMap, tensors: NamedTensors, wanted: WantedNames): MappedTensors {
  const { matches, leftover } = matchNames(map, tensors);
  const found: Record<string, HostTensor> = {};
  const thirds: Record<string, HostTensor[]> = {};
  const unneeded: string[] = [];
  for (const { source, tensor, rule, fill } of matches) {
    if (rule.to === undefined) {
      if (rule.scales === undefined) unneeded.push(source);
      continue;
    }
    const name = fill(rule.to);
    const value = attempt(source, () => rule.transform ? rule.transform(tensor) : tensor);
    const taken = rule.third === undefined ? name in found : thirds[name]?.[rule.third] !== undefined;
    if (taken) throw new InputError(`Cannot map weights: "${source}" and another tensor both mean "${name}"`);
    if (rule.third === undefined) found[name] = value;
    else (thirds[name] ??= [])[rule.third] = value;
  }
  for (const [name, three] of Object.entries(thirds)) {
    const present = [0, 1, 2].flatMap((i) => three[i] ?? []);
    if (present.length === 3) found[name] = fuseThirds(name, present);
  }
  fillBiases(found);
  for (const { source, tensor, rule, fill } of matches) {
    if (rule.scales === undefined) continue;
    for (const kind of ["weight", "bias"]) {
      const name = `${fill(rule.scales)}.${kind}`;
      const layer = found[name];
      if (layer) found[name] = attempt(source, () => scaleRows(layer, tensor));
    }
  }
  const missing = wanted(Math.max(depthOf(found), 1)).filter((name) => !(name in found));
  return { map: map.id, tensors: found, unneeded, leftover, missing };
}

/** Some names of a list, for an error. */
export function listed(names: readonly string[]): string {
  const short = (name: string) => name.length > LONGEST_NAME ? `${name.slice(0, 80)}…` : name;
  const shown = names.slice(0, 5).map((name) => `"${short(name)}"`).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/**
 * Applies the map that fits a file best: it misses least, then knows most. Of two such maps one of a family is
 * preferred to a general one.
 *
 * @param file Named in errors
 * @throws {InputError} If two maps fit equally well, or tensors cannot be what their names say
 */
export function nearestNameMap(
  maps: readonly NameMap[],
  tensors: NamedTensors,
  wanted: WantedNames,
  file: string,
): MappedTensors {
  const plain = nearestAsNamed(maps, tensors, wanted, file);
  const prefix = sharedPrefix(Object.keys(tensors));
  if (plain.missing.length === 0 || prefix === "") return plain;
  const wrapped = maps.map((map) => ({ ...map, prefixes: [prefix, ...map.prefixes ?? []] }));
  const inner = nearestAsNamed(wrapped, tensors, wanted, file);
  return inner.missing.length < plain.missing.length ? inner : plain;
}

/** The path that all names begin with, with its last dot. */
function sharedPrefix([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const name of others) {
    let same = 0;
    while (same < length && name[same] === first[same]) same++;
    length = same;
  }
  return first.slice(0, first.slice(0, length).lastIndexOf(".") + 1);
}

function nearestAsNamed(
  maps: readonly NameMap[],
  tensors: NamedTensors,
  wanted: WantedNames,
  file: string,
): MappedTensors {
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
  if (best.problem) throw best.problem;
  const { rank, problem: _, ...mapped } = best;
  const isTie = mapped.missing.length === 0 && second?.rank.join() === rank.join();
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
): MappedTensors & { readonly problem?: InputError } {
  try {
    return applyNameMap(map, tensors, wanted);
  } catch (problem) {
    if (!(problem instanceof InputError)) throw problem;
    const { leftover } = matchNames(map, tensors);
    return { map: map.id, tensors: {}, unneeded: [], leftover, missing: [], problem };
  }
}

/** @throws {InputError} If the file does not give all tensors */
export function checkNothingMissing(
  { map, missing, leftover }: Pick<MappedTensors, "map" | "missing" | "leftover">,
  file: string,
): void {
  if (missing.length === 0) return;
  throw new InputError(
    `Cannot load ${file}: no name map fits; the nearest, ${map}, misses ${listed(missing)}` +
      (leftover.length > 0 ? ` and does not know ${listed(leftover)}` : ""),
  );
}
