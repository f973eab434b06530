/**
 * Weights out of ONNX models. Initialisers are weights under their names, but exporters fold the transposition of a
 * linear layer's weight into it and give the result a name such as `onnx::MatMul_219`. What it was called is found
 * by how the graph uses it: the bias added to its product keeps its name, and the node tells the layer that it comes
 * from. Nothing is guessed from sizes.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, type Shape, sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import {
  dataTypes,
  decodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "../../executors/onnx/model.ts";
import { storedTypes } from "./dtypes.ts";
import { checkFinite, type ReadOptions, type SafetensorsContent } from "./safetensors.ts";
import { transposed } from "../backbones/transforms.ts";

type Fail = (why: string) => never;

/** Floating-point types of ONNX by their names in weight files, and the list that may hold their values. */
const floatTypes: Readonly<
  Record<number, { readonly stored: string; readonly list: "floatData" | "doubleData" | "int32Data" }>
> = {
  [dataTypes.float32]: { stored: "F32", list: "floatData" },
  [dataTypes.float64]: { stored: "F64", list: "doubleData" },
  [dataTypes.float16]: { stored: "F16", list: "int32Data" },
  [dataTypes.bfloat16]: { stored: "BF16", list: "int32Data" },
};

const EXTERNAL = 1;

/** How to read a model. */
export interface OnnxReadOptions extends ReadOptions {
  /** Contents of the files that hold values outside the model, by the location that it names; see `externalFiles`. */
  readonly external?: ReadonlyMap<string, Uint8Array>;
}

/** The bytes of an initialiser that lie in another file. */
function externalBytes(
  { externalData = [] }: TensorProto,
  of: string,
  { external }: OnnxReadOptions,
  fail: Fail,
): Uint8Array {
  const facts = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = facts.get("location") ?? "";
  const file = external?.get(location);
  if (!file) {
    return fail(`${of} has its values in the file ${JSON.stringify(location)}, wanted that file, too`);
  }
  const offset = Number(facts.get("offset") ?? 0);
  const length = Number(facts.get("length") ?? file.length - offset);
  const isRange = [offset, length].every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isRange || offset + length > file.length) {
    return fail(
      `${of} has its values at bytes ${offset} to ${offset + length} of ${JSON.stringify(location)}, ` +
        `wanted a range within ${file.length} bytes`,
    );
  }
  return file.subarray(offset, offset + length);
}

/** The values of a floating-point initialiser; undefined for one of another type. */
function decodeTensor(tensor: TensorProto, options: OnnxReadOptions, fail: Fail): HostTensor | undefined {
  const of = `initialiser ${JSON.stringify(tensor.name ?? "")}`;
  const type = floatTypes[tensor.dataType];
  if (!type) return undefined;
  const { stored, list } = type;
  const shape: Shape = tensor.dims;
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    return fail(`${of} has the shape ${formatShape(shape)}, wanted sizes`);
  }
  const { bytes, decode } = storedTypes[stored]!;
  const isExternal = tensor.dataLocation === EXTERNAL;
  const raw = isExternal ? externalBytes(tensor, of, options, fail) : tensor.rawData ?? new Uint8Array();
  const listed = tensor[list] ?? [];
  const isRaw = isExternal || raw.length > 0;
  const count = isRaw ? raw.length / bytes : listed.length;
  if (count !== sizeOf(shape)) {
    return fail(`${of} has ${count} values, wanted ${sizeOf(shape)} for ${stored}${formatShape(shape)}`);
  }
  if (isRaw) return hostTensor(shape, decode(raw) as Float32Array);
  // Lists of half-precision numbers hold their bits.
  return hostTensor(
    shape,
    list === "int32Data"
      ? decode(new Uint8Array(Uint16Array.from(listed).buffer)) as Float32Array
      : Float32Array.from(listed),
  );
}

type Tensors = ReadonlyMap<string, HostTensor>;
/** Which nodes read a value, by its name. */
type Readers = ReadonlyMap<string, readonly NodeProto[]>;

function indexReaders(nodes: readonly NodeProto[]): Readers {
  const readers = new Map<string, NodeProto[]>();
  for (const node of nodes) {
    for (const name of node.input) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}

function readersOf(readers: Readers, value: string | undefined): readonly NodeProto[] {
  return readers.get(value ?? "") ?? [];
}

function integerAttribute({ attribute = [] }: NodeProto, name: string): number {
  return attribute.find((one) => one.name === name)?.i ?? 0;
}

/** Whether a node multiplies by this value from the right as it is, so that it is stored [in, out]. */
function isPlainFactor(node: NodeProto, value: string): boolean {
  return node.input[1] === value &&
    (node.opType === "MatMul" || (node.opType === "Gemm" && integerAttribute(node, "transB") === 0));
}

/** Initialisers that stand for equal ones: exporters store equal values once and pass them on. */
function aliasesOf(nodes: readonly NodeProto[], tensors: Tensors): [string, HostTensor][] {
  return nodes.flatMap(({ opType, input, output }): [string, HostTensor][] => {
    const source = opType === "Identity" ? tensors.get(input[0] ?? "") : undefined;
    return source && output[0] && !tensors.has(output[0]) ? [[output[0], source]] : [];
  });
}

/** Under this key PyTorch's newer exporter tells where in the model a node comes from. */
const SCOPES = "pkg.torch.onnx.name_scopes";

/** The bias that is added to a value, by the value's name. */
function indexBiases(nodes: readonly NodeProto[], tensors: Tensors): ReadonlyMap<string, string> {
  const isBias = (name: string) => name.endsWith("bias") && tensors.has(name);
  const biases = new Map<string, string>();
  for (const { opType, input, output } of nodes) {
    const bias = opType === "Add" || opType === "Gemm" ? input.find(isBias) : undefined;
    if (bias === undefined) continue;
    // A Gemm adds to its own product.
    for (const value of opType === "Add" ? input : output) biases.set(value, bias);
  }
  return biases;
}

/** The name that a weight had before it was folded: of its bias, or of the layer that the node tells. */
function originalName(product: NodeProto, biases: ReadonlyMap<string, string>): string | undefined {
  const bias = biases.get(product.output[0] ?? "");
  if (bias !== undefined) return bias.replace(/bias$/, "weight");
  const scopes = product.metadataProps?.find(({ key }) => key === SCOPES)?.value;
  // The modules around the node by their whole names, then the operation.
  const layer = scopes && /'([^']+)', '[^']*'\]$/.exec(scopes)?.[1];
  if (layer) return `${layer}.weight`;
  // `/blocks/blocks.0/attn/qkv/MatMul`: a container's name is repeated in that of its member.
  const path = product.name?.split("/").slice(1, -1) ?? [];
  const parts = path.filter((part, i) => !path[i + 1]?.startsWith(`${part}.`));
  return product.name?.startsWith("/") && parts.length > 0 ? `${parts.join(".")}.weight` : undefined;
}

/** The class token's name among siblings of the positions' name. */
function tokenName(position: string): string | undefined {
  if (position.endsWith("encoder.pos_embedding")) {
    return position.replace("encoder.pos_embedding", "class_token");
  }
  const name = position.replace(/pos(ition)?_embed(ding)?s?$/, "cls_token");
  return name === position ? undefined : name;
}

/** [batch, 1, width] of equal rows as [1, 1, width]: a class token that was repeated for a fixed batch. */
function foldBatch({ shape, data }: HostTensor): HostTensor | undefined {
  const [batch, one, width] = shape;
  if (shape.length !== 3 || one !== 1 || !batch || !width) return undefined;
  return data.every((value, i) => Object.is(value, data[i % width]))
    ? hostTensor([1, 1, width], data.slice(0, width))
    : undefined;
}

/** The class token, if the exporter has folded it into a constant: what is joined in front of the patches. */
function findToken(tensors: Tensors, readers: Readers): [string, HostTensor] | undefined {
  const name = [...tensors.keys()].map(tokenName).find((found) => found !== undefined);
  if (name === undefined || tensors.has(name)) return undefined;
  for (const [value, tensor] of tensors) {
    const isFirst = ({ opType, input }: NodeProto) => opType === "Concat" && input[0] === value;
    const token = readersOf(readers, value).some(isFirst) ? foldBatch(tensor) : undefined;
    if (token) return [name, token];
  }
  return undefined;
}

function failure({ file = "ONNX model" }: ReadOptions): Fail {
  return (why) => {
    throw new InputError(`Cannot read ${file}: ${why}`);
  };
}

/** A name that a model gave: dotted, or one of a token or of positions. Exporters make up others for constants. */
const GIVEN = /^(?!onnx::|\/)(?=.*(\.|token|embed|position)).+$/;

/** Weights by their original names; what has no such name and is no weight of a product is a constant, left out. */
function nameWeights(
  { node: nodes }: GraphProto,
  initialisers: Tensors,
  fail: Fail,
): Map<string, HostTensor> {
  const readers = indexReaders(nodes);
  const tensors = new Map([...initialisers, ...aliasesOf(nodes, initialisers)]);
  // Aliases share their tensor, and so its transpose.
  const turned = new Map<HostTensor, HostTensor>();
  const turn = (tensor: HostTensor) => {
    const known = turned.get(tensor) ?? transposed(tensor);
    turned.set(tensor, known);
    return known;
  };
  const biases = indexBiases(nodes, tensors);
  const token = findToken(tensors, readers);
  const named = new Map(token ? [token] : []);
  const nameless: string[] = [];
  for (const [name, tensor] of tensors) {
    const product = readersOf(readers, name).find((node) => isPlainFactor(node, name));
    const isWeight = product !== undefined && tensor.shape.length === 2;
    const own = GIVEN.test(name) ? name : isWeight ? originalName(product, biases) : undefined;
    if (own === undefined) {
      if (isWeight) nameless.push(name);
      continue;
    }
    if (named.has(own)) fail(`two weights are used as ${JSON.stringify(own)}`);
    named.set(own, isWeight ? turn(tensor) : tensor);
  }
  if (nameless.length > 0) {
    const shown = nameless.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
    fail(
      `the exporter has renamed weights (${shown}) and neither a bias nor a node tells what they were; ` +
        "wanted initialisers under the names of the model, as an export without constant folding has them",
    );
  }
  return named;
}

/**
 * Decodes a model. It shares memory with the bytes.
 *
 * @throws {InputError} If the bytes are no ONNX model
 */
export function decodeOnnx(bytes: Uint8Array, options: ReadOptions = {}): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (error instanceof RangeError) return failure(options)(error.message);
    throw error;
  }
}

/** Locations, relative to the model's folder, of the files that hold values outside the model. */
export function externalFiles({ graph }: ModelProto): string[] {
  const entries = graph.initializer.filter(({ dataLocation }) => dataLocation === EXTERNAL)
    .flatMap(({ externalData = [] }) => externalData);
  return [...new Set(entries.filter(({ key }) => key === "location").map(({ value }) => value ?? ""))];
}

/**
 * The weights of a model, stored as in PyTorch ([out, in]), under the names they had there.
 *
 * @throws {InputError} If values are not where it says, or a weight's name is lost
 */
export function onnxWeights(model: ModelProto, options: OnnxReadOptions = {}): SafetensorsContent {
  const fail = failure(options);
  const { graph, metadataProps = [] } = model;
  const initialisers = new Map<string, HostTensor>();
  for (const tensor of graph.initializer) {
    const value = decodeTensor(tensor, options, fail);
    const name = tensor.name ?? "";
    if (initialisers.has(name)) fail(`two initialisers are called ${JSON.stringify(name)}`);
    if (value) initialisers.set(name, value);
  }
  const weights = nameWeights(graph, initialisers, fail);
  if (options.finite) {
    for (const [name, { data }] of weights) checkFinite(`weight ${JSON.stringify(name)}`, data, fail);
  }
  return {
    tensors: Object.fromEntries(weights),
    integers: {},
    metadata: Object.fromEntries(metadataProps.map(({ key = "", value = "" }) => [key, value])),
  };
}
