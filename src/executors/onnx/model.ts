/**
 * ONNX models as plain objects, and their encoding as protocol buffers. The descriptor holds the part of
 * `onnx.proto` (ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md) that programs and
 * weight files need; fields that are not listed are skipped when a file is read.
 *
 * @module
 */
import protobuf from "protobufjs";
import { type Shape, sizeOf } from "../../core/shape.ts";

/** `TensorProto.DataType`. */
export const dataTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;

/** `AttributeProto.AttributeType`. */
export const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** A fact as text. */
export interface StringEntry {
  readonly key: string;
  readonly value: string;
}

/** An array in a model: initialiser or attribute. Values are in `rawData` or in the list of their type. */
export interface TensorProto {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** Little-endian values. */
  readonly rawData?: Uint8Array;
  readonly floatData?: readonly number[];
  readonly int32Data?: readonly number[];
  readonly int64Data?: readonly number[];
  readonly doubleData?: readonly number[];
  /** 1: the values are in another file, as `externalData` tells (location, offset, length). */
  readonly dataLocation?: number;
  readonly externalData?: readonly StringEntry[];
}

/** An array of which only the values that are not 0 are stored. */
export interface SparseTensorProto {
  /** [count]; its name is the array's. */
  readonly values?: TensorProto;
  /** Places in the flat array [count], or coordinates [count, rank]. */
  readonly indices?: TensorProto;
  readonly dims: readonly number[];
}

/** A named setting of a node; the field that `type` names is set. */
export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly sparseTensor?: SparseTensorProto;
}

/** One operation. An empty name among inputs or outputs stands for an optional one that is absent. */
export interface NodeProto {
  readonly name?: string;
  readonly opType: string;
  readonly domain?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute?: readonly AttributeProto[];
  readonly metadataProps?: readonly StringEntry[];
}

/** Name, element type and shape of a value. A size without `dimValue` is not fixed. */
export interface ValueInfoProto {
  readonly name: string;
  readonly type?: {
    readonly tensorType?: {
      readonly elemType: number;
      readonly shape?: {
        readonly dim: readonly { readonly dimValue?: number; readonly dimParam?: string }[];
      };
    };
  };
}

/** A graph: nodes in topological order. */
export interface GraphProto {
  readonly name?: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly sparseInitializer?: readonly SparseTensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

/** A model file. */
export interface ModelProto {
  readonly irVersion: number;
  readonly opsetImport: readonly { readonly domain?: string; readonly version: number }[];
  readonly producerName?: string;
  readonly graph: GraphProto;
  readonly metadataProps?: readonly StringEntry[];
}

type FieldSpec = readonly [type: string, id: number];

/** Builds a message descriptor from `name: [type, id]`; a type written `T[]` is repeated. */
function message(
  fields: Readonly<Record<string, FieldSpec>>,
): { fields: Record<string, protobuf.IField & { rule?: string }> } {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [type, id]]) => [
        name,
        type.endsWith("[]") ? { rule: "repeated", type: type.slice(0, -2), id } : { type, id },
      ]),
    ),
  };
}

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: ["int64", 1],
      producerName: ["string", 2],
      graph: ["GraphProto", 7],
      opsetImport: ["OperatorSetIdProto[]", 8],
      metadataProps: ["StringStringEntryProto[]", 14],
    }),
    OperatorSetIdProto: message({ domain: ["string", 1], version: ["int64", 2] }),
    StringStringEntryProto: message({ key: ["string", 1], value: ["string", 2] }),
    GraphProto: message({
      node: ["NodeProto[]", 1],
      name: ["string", 2],
      initializer: ["TensorProto[]", 5],
      input: ["ValueInfoProto[]", 11],
      output: ["ValueInfoProto[]", 12],
      sparseInitializer: ["SparseTensorProto[]", 15],
    }),
    SparseTensorProto: message({
      values: ["TensorProto", 1],
      indices: ["TensorProto", 2],
      dims: ["int64[]", 3],
    }),
    NodeProto: message({
      input: ["string[]", 1],
      output: ["string[]", 2],
      name: ["string", 3],
      opType: ["string", 4],
      attribute: ["AttributeProto[]", 5],
      domain: ["string", 7],
      metadataProps: ["StringStringEntryProto[]", 9],
    }),
    AttributeProto: message({
      name: ["string", 1],
      f: ["float", 2],
      i: ["int64", 3],
      s: ["bytes", 4],
      t: ["TensorProto", 5],
      floats: ["float[]", 7],
      ints: ["int64[]", 8],
      type: ["int32", 20],
      sparseTensor: ["SparseTensorProto", 22],
    }),
    TensorProto: message({
      dims: ["int64[]", 1],
      dataType: ["int32", 2],
      floatData: ["float[]", 4],
      int32Data: ["int32[]", 5],
      int64Data: ["int64[]", 7],
      name: ["string", 8],
      rawData: ["bytes", 9],
      doubleData: ["double[]", 10],
      externalData: ["StringStringEntryProto[]", 13],
      dataLocation: ["int32", 14],
    }),
    ValueInfoProto: message({ name: ["string", 1], type: ["TypeProto", 2] }),
    TypeProto: message({ tensorType: ["TensorTypeProto", 1] }),
    TensorTypeProto: message({ elemType: ["int32", 1], shape: ["TensorShapeProto", 2] }),
    TensorShapeProto: message({ dim: ["DimensionProto[]", 1] }),
    DimensionProto: message({ dimValue: ["int64", 1], dimParam: ["string", 2] }),
  },
});

const modelType = root.lookupType("ModelProto");

/** Serialises a model. */
export function encodeModel(model: ModelProto): Uint8Array {
  return modelType.encode(model as unknown as Record<string, unknown>).finish();
}

/**
 * Reads a model. Arrays share memory with `bytes`.
 *
 * @throws {RangeError} If the bytes are no ONNX model
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  let decoded: Record<string, unknown>;
  try {
    decoded = modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true });
  } catch (cause) {
    throw new RangeError("Cannot read ONNX model: the bytes are no valid protocol buffer", { cause });
  }
  if (!decoded.graph) throw new RangeError("Cannot read ONNX model: found no graph");
  return decoded as unknown as ModelProto;
}

/** Values that can be put into a tensor. */
export type TensorValues = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A `TensorProto` of these values. Shares their memory. */
export function tensorProto(name: string, values: TensorValues, shape: Shape): TensorProto {
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(`Cannot store "${name}": found ${values.length} values, wanted ${sizeOf(shape)}`);
  }
  const dataType = values instanceof Float32Array
    ? dataTypes.float32
    : values instanceof Int32Array
    ? dataTypes.int32
    : values instanceof Uint8Array
    ? dataTypes.uint8
    : dataTypes.int64;
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims: [...shape], dataType, rawData };
}
