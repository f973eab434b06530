/**
 * Bringing other projects' tensor names to ours (timm's). A name map is data: rules that rename, reshape, fuse or
 * ignore tensors. Which map fits a file is found by trying all of them.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";

/** Changes a tensor on its way; must throw `RangeError` for a shape it cannot handle. */
export type Transform = (tensor: HostTensor) => HostTensor;

/** What becomes of the tensors of one name pattern. `{block}` stands for a number, `{kind}` for weight or bias. */
export interface NameRule {
  readonly from: string;
  /** Our name, with the same placeholders. Absent: the tensor is not needed. */
  readonly to?: string;
  readonly transform?: Transform;
  /** The tensor is this third of the rows of `to`: q, k and v are 0, 1 and 2. */
  readonly third?: 0 | 1 | 2;
}

/** The naming of one family of files. */
export interface NameMap {
  readonly id: string;
  /** Prefixes that names may carry. */
  readonly prefixes?: readonly string[];
  /** The first rule that matches a name decides. */
  readonly rules: readonly NameRule[];
  /** Names that a file of this family always has. */
  readonly requires?: readonly string[];
}

/** What a map made of a file. */
export interface MappedTensors {
  /** Id of the map. */
  readonly map: string;
  /** Under our names. */
  readonly tensors: NamedTensors;
  /** Names of the file that no rule knows. */
  readonly leftover: readonly string[];
  /** Names of ours that the file does not give. */
  readonly missing: readonly string[];
}

/** Our tensor names for a number of blocks, without the classifier's. */
export type WantedNames = (depth: number) => readonly string[];

/** Gives a tensor leading axes of size 1, or takes them away, until it has `rank` axes. */
export function withRank(rank: number): Transform {
  return ({ shape, data }) => {
    const lead = shape.slice(0, Math.max(shape.length - rank, 0));
    if (lead.some((size) => size !== 1)) {
      throw new RangeError(`found shape ${formatShape(shape)}, wanted ${rank} axes after axes of size 1`);
    }
    const rest = shape.slice(lead.length);
    return { shape: [...Array<number>(rank - rest.length).fill(1), ...rest], data };
  };
}

/** Removes row `row` of the token axis of positions [1, tokens, width]. */
export function withoutToken(row: number): Transform {
  return ({ shape, data }) => {
    const [, tokens, width] = shape;
    if (shape.length !== 3 || shape[0] !== 1 || row >= tokens! - 1) {
      throw new RangeError(`found shape ${formatShape(shape)}, wanted [1,tokens,width] with token ${row}`);
    }
    const kept = new Float32Array(data.length - width!);
    kept.set(data.subarray(0, row * width!));
    kept.set(data.subarray((row + 1) * width!), row * width!);
    return hostTensor([1, tokens! - 1, width!], kept);
  };
}

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

/** Zeros for biases of fused qkv projections, when a file has none at all: it was trained without. */
function fillBiases(tensors: Record<string, HostTensor>): void {
  const isBias = (name: string) => /^blocks\.\d+\.attn\.qkv\.bias$/.test(name);
  if (Object.keys(tensors).some(isBias)) return;
  for (const [name, { shape }] of Object.entries(tensors)) {
    const bias = name.replace(/weight$/, "bias");
    if (isBias(bias) && shape.length > 0) tensors[bias] = hostTensor([shape[0]!]);
  }
}

/** What the placeholders of a rule match. */
const placeholders: Readonly<Record<string, string>> = {
  "{block}": "(?<block>\\d+)",
  "{kind}": "(?<kind>weight|bias)",
};

function compile(from: string): RegExp {
  const parts = from.split(/(\{block\}|\{kind\})/);
  return new RegExp(`^${parts.map((part) => placeholders[part] ?? part.replaceAll(".", "\\.")).join("")}$`);
}

function withoutPrefix(name: string, { prefixes = [] }: NameMap): string {
  return name.slice(prefixes.find((prefix) => name.startsWith(prefix))?.length ?? 0);
}

/** Whether a file has the names that the map's family always has. */
function isCandidate(map: NameMap, tensors: NamedTensors): boolean {
  const names = new Set(Object.keys(tensors).map((name) => withoutPrefix(name, map)));
  return (map.requires ?? []).every((name) => names.has(name));
}

/**
 * Renames the tensors of a file.
 *
 * @throws {InputError} If two tensors get one name, or a tensor's shape does not suit its rule
 */
export function applyNameMap(map: NameMap, tensors: NamedTensors, wanted: WantedNames): MappedTensors {
  const rules = map.rules.map((rule) => ({ ...rule, pattern: compile(rule.from) }));
  const found: Record<string, HostTensor> = {};
  const thirds: Record<string, HostTensor[]> = {};
  const leftover: string[] = [];
  for (const [source, tensor] of Object.entries(tensors)) {
    const plain = withoutPrefix(source, map);
    const rule = rules.find(({ pattern }) => pattern.test(plain));
    if (!rule) leftover.push(source);
    if (rule?.to === undefined) continue;
    const { block = "", kind = "" } = rule.pattern.exec(plain)!.groups ?? {};
    const name = rule.to.replace("{block}", block).replace("{kind}", kind);
    const value = rule.transform ? transformed(rule.transform, source, tensor) : tensor;
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
  const missing = wanted(Math.max(depthOf(found), 1)).filter((name) => !(name in found));
  return { map: map.id, tensors: found, leftover, missing };
}

function transformed(transform: Transform, source: string, tensor: HostTensor): HostTensor {
  try {
    return transform(tensor);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new InputError(`Cannot map weights: "${source}": ${error.message}`);
    }
    throw error;
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${name}"`).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/**
 * Applies the map that fits a file: nothing may be missing, and of several such maps the one that knows the most
 * names is taken.
 *
 * @param file Named in errors
 * @throws {InputError} If no map gives all tensors, or two fit equally well
 */
export function chooseNameMap(
  maps: readonly NameMap[],
  tensors: NamedTensors,
  wanted: WantedNames,
  file: string,
): MappedTensors {
  const tried = maps
    .filter((map) => isCandidate(map, tensors))
    .map((map) => applyNameMap(map, tensors, wanted))
    .sort((a, b) => a.missing.length - b.missing.length || a.leftover.length - b.leftover.length);
  const [best, second] = tried;
  if (!best) throw new InputError(`Cannot load ${file}: found no name map to try`);
  if (best.missing.length > 0) {
    throw new InputError(
      `Cannot load ${file}: no name map fits; the nearest, ${best.map}, misses ${listed(best.missing)}` +
        (best.leftover.length > 0 ? ` and does not know ${listed(best.leftover)}` : ""),
    );
  }
  if (second && second.missing.length === 0 && second.leftover.length === best.leftover.length) {
    throw new InputError(`Cannot load ${file}: the name maps ${best.map} and ${second.map} fit equally well`);
  }
  return best;
}
