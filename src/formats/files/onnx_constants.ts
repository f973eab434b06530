/**
 * What is constant in an ONNX graph: initialisers, `Constant` nodes, and what comes of them before any input plays a
 * part. Exporters and optimisers put the same weights in any of these places; a `Cast` or a `Transpose` on the way
 * does not make them others.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import {
  type AttributeProto,
  dataTypes,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from "../../executors/onnx/model.ts";
import { transposed } from "../backbones/transforms.ts";
import {
  decodeFloats,
  type ExternalFiles,
  type Fail,
  initialiserName,
  SparseReader,
} from "./onnx_tensors.ts";

/** A value that is known before any input is. */
export interface Constant {
  /** Name of the array in the model that it comes from. */
  readonly root: string;
  /** What the model calls it: the array's name, unless it is passed on under another that a model gave. */
  readonly name: string;
  readonly tensor: HostTensor;
}

/** A name that a model gave: dotted, or one of a token or of positions. Exporters make up others for constants. */
export function isGiven(name: string): boolean {
  return /^(?!onnx::|\/)(?=.*(\.|token|embed|position)).+$/.test(name);
}

/** What is constant, by the names of values. */
export interface Constants {
  /** Arrays as the model holds them. */
  readonly stored: ReadonlyMap<string, HostTensor>;
  /** Floating-point values, the stored ones among them. */
  readonly known: ReadonlyMap<string, Constant>;
  /** Values cut or joined from constants, by their names. */
  readonly derived: ReadonlyMap<string, Derived>;
}

/** A value that is made of constants without computing. */
export interface Derived {
  /** Name of an array that it is made of. */
  readonly root: string;
  /** It has all numbers of the array in their order, at most in another shape. */
  readonly isWhole: boolean;
}

/** A constant of several numbers; single ones are settings. */
export function vectorAt({ known }: Constants, name: string): Constant | undefined {
  const constant = known.get(name);
  return constant && sizeOf(constant.tensor.shape) > 1 ? constant : undefined;
}

/** The setting of a node. */
export function attributeOf({ attribute = [] }: NodeProto, name: string): AttributeProto | undefined {
  return attribute.find((one) => one.name === name);
}

/** A node in errors. */
export function nodeName({ opType, name = "", output }: NodeProto): string {
  return `the node ${opType} ${JSON.stringify(name || (output[0] ?? ""))}`;
}

/** All arrays of a graph that hold values of their own. */
export function arraysOf({ initializer, node }: GraphProto): TensorProto[] {
  const constants = node.filter(({ opType }) => opType === "Constant")
    .flatMap((one) => attributeOf(one, "value")?.t ?? []);
  return [...initializer, ...constants];
}

/** Nodes of quantised models, whichever tool made them. */
const QUANTISED =
  /[Qq]uantize|MatMulInteger|ConvInteger|^Q(Linear|Gemm|Attention|MoE)|MatMulNBits|MatMulBnb4|MatMulFpQ4/;

/** Types below 8 bits, and floats of 8: those of quantised weights. */
function isQuantisedType(type: number): boolean {
  return type >= 17;
}

/** Ops that give parts of constants, or sizes, and no new numbers. */
const rearranging: ReadonlySet<string> = new Set([
  ...["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Concat", "Expand", "Tile"],
  ...["ConstantOfShape", "Where", "Range", "Equal", "Cast", "Transpose", "Identity"],
]);

/** Those of them that change the shape alone. */
const reshaping: ReadonlySet<string> = new Set(["Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

/** Ops whose results are sizes. */
const measuring: ReadonlySet<string> = new Set(["Shape", "Size"]);

function castTo(type: number | undefined, { shape, data }: HostTensor): HostTensor | undefined {
  switch (type) {
    case dataTypes.float32:
    case dataTypes.float64:
      return { shape, data };
    case dataTypes.float16:
      return { shape, data: Float32Array.from(new Float16Array(data)) };
    case dataTypes.bfloat16:
      return hostTensor(shape, roundToBfloat(data));
    default:
      return undefined;
  }
}

/** To the nearest number of 8 significant bits, ties to even. */
function roundToBfloat(data: Float32Array): Float32Array {
  const bits = new Uint32Array(Float32Array.from(data).buffer);
  const rounded = bits.map((word) =>
    Number.isNaN(word) ? word : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000
  );
  return new Float32Array(rounded.buffer);
}

/** What a node makes of one constant without changing what it is; undefined if it does something else. */
function passedOn(node: NodeProto, tensor: HostTensor, turn: (tensor: HostTensor) => HostTensor) {
  switch (node.opType) {
    case "Identity":
      return tensor;
    case "Cast":
      return castTo(attributeOf(node, "to")?.i, tensor);
    case "Transpose": {
      const perm = attributeOf(node, "perm")?.ints ?? [1, 0];
      return tensor.shape.length === 2 && perm.join() === "1,0" ? turn(tensor) : undefined;
    }
    default:
      return undefined;
  }
}

/** Transposes that are made once for each matrix: several nodes share one. */
export function createTurner(): (tensor: HostTensor) => HostTensor {
  const made = new Map<HostTensor, HostTensor>();
  return (tensor) => {
    const known = made.get(tensor) ?? transposed(tensor);
    made.set(tensor, known);
    made.set(known, tensor);
    return known;
  };
}

/** The values of a `Constant` node, if they are floating-point numbers. */
function decodeConstant(node: NodeProto, sparse: SparseReader): HostTensor | undefined {
  const { external, fail } = sparse;
  const name = node.output[0] ?? "";
  const value = attributeOf(node, "value")?.t;
  if (value) return decodeFloats({ ...value, name }, external, fail);
  const thin = attributeOf(node, "sparse_value")?.sparseTensor;
  if (thin) return sparse.decode(thin, name);
  const floats = attributeOf(node, "value_floats")?.floats;
  if (floats) return hostTensor([floats.length], Float32Array.from(floats));
  const float = attributeOf(node, "value_float")?.f;
  return float === undefined ? undefined : hostTensor([], Float32Array.of(float));
}

/** @throws Through `fail`, if weights are stored in fewer bits than floating-point numbers have */
function checkPlain({ initializer, node }: GraphProto, fail: Fail): void {
  const wanted = "wanted floating-point weights: the model as it was before it was quantised";
  const quantised = node.find(({ opType }) => QUANTISED.test(opType));
  if (quantised) fail(`found quantised weights (${nodeName(quantised)}), ${wanted}`);
  const short = initializer.find(({ dataType }) => isQuantisedType(dataType));
  if (short) fail(`found quantised weights (${initialiserName(short)}), ${wanted}`);
}

/**
 * Finds them.
 *
 * @param fail Told of arrays that are unsound, quantised, or used for computations that no name survives
 */
export function findConstants(graph: GraphProto, external: ExternalFiles | undefined, fail: Fail): Constants {
  checkPlain(graph, fail);
  const sparse = new SparseReader(external, fail);
  const stored = new Map<string, HostTensor>();
  const integers = new Set<string>();
  const store = (name: string, value: HostTensor | undefined) => {
    if (stored.has(name) || integers.has(name)) fail(`two initialisers are called ${JSON.stringify(name)}`);
    if (value) stored.set(name, value);
    else integers.add(name);
  };
  for (const tensor of graph.initializer) store(tensor.name ?? "", decodeFloats(tensor, external, fail));
  for (const tensor of graph.sparseInitializer ?? []) {
    const name = tensor.values?.name ?? "";
    store(name, sparse.decode(tensor, name));
  }
  for (const node of graph.node) {
    if (node.opType === "Constant") store(node.output[0] ?? "", decodeConstant(node, sparse));
  }
  return { stored, ...follow(graph.node, stored, integers, fail) };
}

function follow(
  nodes: readonly NodeProto[],
  stored: ReadonlyMap<string, HostTensor>,
  integers: Set<string>,
  fail: Fail,
): Pick<Constants, "known" | "derived"> {
  const turn = createTurner();
  const known = new Map(
    [...stored].map(([root, tensor]) => [root, { root, name: root, tensor } as Constant]),
  );
  const derived = new Map<string, Derived>();
  const isConstant = (name: string) => known.has(name) || derived.has(name) || integers.has(name);
  for (const node of nodes) {
    const inputs = node.input.filter((name) => name !== "");
    if (node.opType === "Constant" || inputs.length === 0 || !inputs.every(isConstant)) continue;
    const [output = ""] = node.output;
    const first = known.get(inputs[0]!);
    const same = first && passedOn(node, first.tensor, turn);
    // Equal arrays are stored once and passed on under the names of the others.
    const name = node.opType === "Identity" && isGiven(output) ? output : first?.name ?? "";
    // Some optimisers give a value its own name again.
    if (same && !known.has(output)) known.set(output, { root: first.root, name, tensor: same });
    const root = inputs.flatMap((name) => originOf(name, known, derived)).at(0);
    if (same || node.output.some((name) => known.has(name))) continue;
    if (root === undefined || measuring.has(node.opType)) node.output.forEach((name) => integers.add(name));
    else if (rearranging.has(node.opType)) {
      const isWhole = (derived.get(inputs[0]!)?.isWhole ?? true) && reshaping.has(node.opType);
      node.output.forEach((name) => derived.set(name, { root, isWhole }));
    } else {
      fail(
        `${nodeName(node)} computes with ${JSON.stringify(root)} before any image does, ` +
          "wanted weights as the layers use them: an export with constant folding",
      );
    }
  }
  return { known, derived };
}

/** The array that a value is of; none for single numbers, which are settings. */
function originOf(
  name: string,
  known: ReadonlyMap<string, Constant>,
  derived: ReadonlyMap<string, Derived>,
): string[] {
  const constant = known.get(name);
  if (constant) return sizeOf(constant.tensor.shape) > 1 ? [constant.root] : [];
  return derived.has(name) ? [derived.get(name)!.root] : [];
}
