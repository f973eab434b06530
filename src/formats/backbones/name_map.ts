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
  /** The tensor is this half of the rows of `to`: of a gated perceptron, what is activated is 0. */
  readonly half?: 0 | 1;
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
  /** Factors of outputs that were folded, by the name of the layer. */
  readonly scales: Readonly<Record<string, HostTensor>>;
}

/** Our tensor names for a number of blocks, without the classifier's. */
export type WantedNames = (depth: number) => readonly string[];

/** What training frameworks put in front of every name. */
const wrappers = ["module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "base_model."];

function fuse(name: string, parts: readonly HostTensor[]): HostTensor {
  const [first] = parts as readonly [HostTensor];
  if (first.shape.length === 0 || parts.some(({ shape }) => !sameShape(shape, first.shape))) {
    const shapes = parts.map(({ shape }) => formatShape(shape)).join(", ");
    const what = parts.length === 3 ? "q, k and v" : "two halves";
    throw new InputError(
      `Cannot map weights: "${name}" has ${what} of shapes ${shapes}, wanted equal ones`,
    );
  }
  const size = first.data.length;
  const data = new Float32Array(parts.length * size);
  parts.forEach((part, i) => data.set(part.data, i * size));
  return hostTensor([parts.length * first.shape[0]!, ...first.shape.slice(1)], data);
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
export const LONGEST_NAME = 500;

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
export function isCandidate(map: NameMap, tensors: NamedTensors): boolean {
  const names = new Set(Object.keys(tensors).map((name) => withoutPrefixes(name, map)));
  return (map.requires ?? []).every((name) => names.has(name));
}

/** A rule with its pattern, and which tensor it met. */
export interface Match {
  readonly source: string;
  readonly tensor: HostTensor;
  readonly rule: NameRule;
  /** A template of the rule with the placeholders filled in. */
  fill(template: string): string;
}

export function matchNames(map: NameMap, tensors: NamedTensors) {
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
  const pieces: Record<string, HostTensor[]> = {};
  const counts: Record<string, number> = {};
  const unneeded: string[] = [];
  for (const { source, tensor, rule, fill } of matches) {
    if (rule.to === undefined) {
      if (rule.scales === undefined) unneeded.push(source);
      continue;
    }
    const name = fill(rule.to);
    const value = attempt(source, () => rule.transform ? rule.transform(tensor) : tensor);
    const piece = rule.third ?? rule.half;
    const taken = piece === undefined ? name in found : pieces[name]?.[piece] !== undefined;
    if (taken) throw new InputError(`Cannot map weights: "${source}" and another tensor both mean "${name}"`);
    if (piece === undefined) found[name] = value;
    else {
      (pieces[name] ??= [])[piece] = value;
      counts[name] = rule.third === undefined ? 2 : 3;
    }
  }
  for (const [name, parts] of Object.entries(pieces)) {
    const present = [0, 1, 2].flatMap((i) => parts[i] ?? []);
    if (present.length === counts[name]) found[name] = fuse(name, present);
  }
  fillBiases(found);
  const scales: Record<string, HostTensor> = {};
  for (const { source, tensor, rule, fill } of matches) {
    if (rule.scales === undefined) continue;
    if (fill(rule.scales) in scales) {
      throw new InputError(
        `Cannot map weights: "${source}" and another tensor both scale "${fill(rule.scales)}"`,
      );
    }
    scales[fill(rule.scales)] = tensor;
    for (const kind of ["weight", "bias"]) {
      const name = `${fill(rule.scales)}.${kind}`;
      const layer = found[name];
      if (layer) found[name] = attempt(source, () => scaleRows(layer, tensor));
    }
  }
  const missing = wanted(Math.max(depthOf(found), 1)).filter((name) => !(name in found));
  return { map: map.id, tensors: found, unneeded, leftover, missing, scales };
}

/** Some names of a list, for an error. */
export function listed(names: readonly string[]): string {
  const short = (name: string) => name.length > LONGEST_NAME ? `${name.slice(0, 80)}…` : name;
  const shown = names.slice(0, 5).map((name) => `"${short(name)}"`).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
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
