/**
 * The arrays of ONNX models as numbers: from bytes, from lists, from files beside the model, or of few values among
 * zeros. Everything is checked against the type and the shape, as onnxruntime does.
 *
 * @module
 */
import { formatShape, type Shape, sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { dataTypes, type SparseTensorProto, type TensorProto } from "../../executors/onnx/model.ts";
import { storedTypes } from "./dtypes.ts";

/** Throws the error that tells why. */
export type Fail = (why: string) => never;

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

/** Files that hold values outside the model, by the location that it names. */
export type ExternalFiles = ReadonlyMap<string, Uint8Array>;

/** Whether the array's values are in another file. */
export function isExternal({ dataLocation }: TensorProto): boolean {
  return dataLocation === EXTERNAL;
}

/** The facts of `external_data` by their keys. */
export function externalFacts({ externalData = [] }: TensorProto): ReadonlyMap<string, string> {
  return new Map(externalData.map(({ key, value }) => [key, value]));
}

/** The bytes of an array that lie in another file. Type and shape tell how many; a length may repeat it. */
function externalBytes(
  tensor: TensorProto,
  wanted: number,
  of: string,
  external: ExternalFiles | undefined,
  fail: Fail,
): Uint8Array {
  const facts = externalFacts(tensor);
  const location = facts.get("location") ?? "";
  const file = external?.get(location);
  if (!file) {
    return fail(`${of} has its values in the file ${JSON.stringify(location)}, wanted that file, too`);
  }
  const offset = Number(facts.get("offset") ?? 0);
  const stated = Number(facts.get("length") ?? 0);
  const length = stated === 0 ? wanted : stated;
  const isRange = [offset, length].every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isRange || offset + length > file.length) {
    return fail(
      `${of} has its values at bytes ${offset} to ${offset + length} of ${JSON.stringify(location)}, ` +
        `wanted a range within ${file.length} bytes`,
    );
  }
  return file.subarray(offset, offset + length);
}

function checkShape(shape: Shape, of: string, fail: Fail): void {
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    fail(`${of} has the shape ${formatShape(shape)}, wanted sizes`);
  }
}

/** Names of an array in errors. */
export function initialiserName({ name = "" }: TensorProto): string {
  return `initialiser ${JSON.stringify(name)}`;
}

/** The values of a floating-point array; undefined for one of another type. */
export function decodeFloats(
  tensor: TensorProto,
  external: ExternalFiles | undefined,
  fail: Fail,
): HostTensor | undefined {
  const of = initialiserName(tensor);
  const type = floatTypes[tensor.dataType];
  if (!type) return undefined;
  const { stored, list } = type;
  const shape: Shape = tensor.dims;
  checkShape(shape, of, fail);
  const { bytes, decode } = storedTypes[stored]!;
  const isElsewhere = isExternal(tensor);
  const raw = isElsewhere
    ? externalBytes(tensor, sizeOf(shape) * bytes, of, external, fail)
    : tensor.rawData ?? new Uint8Array();
  const listed = tensor[list] ?? [];
  const isRaw = isElsewhere || raw.length > 0;
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

/** Places of a sparse array's values. */
function decodeIndices(indices: TensorProto | undefined, of: string, fail: Fail): readonly number[] {
  if (indices === undefined) return [];
  if (indices.dataType !== dataTypes.int64 || isExternal(indices)) {
    return fail(`${of} has indices of the type ${indices.dataType}, wanted 64-bit integers in the model`);
  }
  const raw = indices.rawData ?? new Uint8Array();
  if (raw.length === 0) return indices.int64Data ?? [];
  if (raw.length % 8 !== 0) return fail(`${of} has indices of ${raw.length} bytes, wanted a multiple of 8`);
  return Array.from(new BigInt64Array(new Uint8Array(raw).buffer), Number);
}

/** So many zeros a model's sparse arrays may stand for, by the values that they store. */
const ZEROS_PER_VALUE = 64;
const FREE_ZEROS = 1024;

/** Expands the sparse arrays of a model, which together may not be much larger than what they store. */
export class SparseReader {
  #stored = 0;
  #dense = 0;

  constructor(readonly external: ExternalFiles | undefined, readonly fail: Fail) {}

  /** The whole array; undefined for one of another type than floating point. */
  decode(sparse: SparseTensorProto, name: string): HostTensor | undefined {
    const { fail } = this;
    const of = `sparse initialiser ${JSON.stringify(name)}`;
    if (!sparse.values) return fail(`${of} has no values, wanted a list of them`);
    const values = decodeFloats(sparse.values, this.external, fail);
    if (!values) return undefined;
    const shape: Shape = sparse.dims;
    checkShape(shape, of, fail);
    const size = sizeOf(shape);
    this.#stored += values.data.length;
    this.#dense += size;
    if (!(this.#dense <= FREE_ZEROS + ZEROS_PER_VALUE * this.#stored)) {
      return fail(
        `${of} is ${formatShape(shape)} with ${values.data.length} values, wanted fewer zeros between them`,
      );
    }
    const places = this.#places(sparse, values.data.length, of);
    const data = new Float32Array(size);
    places.forEach((place, i) => {
      if (!Number.isInteger(place) || place < 0 || place >= size) {
        fail(`${of} has a value at ${place}, wanted places below ${size}`);
      }
      data[place] = values.data[i]!;
    });
    return hostTensor(shape, data);
  }

  /** Places in the flat array, from places or coordinates. */
  #places({ indices, dims }: SparseTensorProto, count: number, of: string): readonly number[] {
    const found = decodeIndices(indices, of, this.fail);
    if (found.length === count && indices?.dims.length !== 2) return found;
    const rank = dims.length;
    if (found.length !== count * rank) {
      return this.fail(`${of} has ${found.length} indices, wanted ${count} for its values`);
    }
    return Array.from({ length: count }, (_, i) => {
      const at = found.slice(i * rank, (i + 1) * rank);
      if (at.some((value, axis) => !(value >= 0 && value < dims[axis]!))) return NaN;
      return at.reduce((place, value, axis) => place * dims[axis]! + value, 0);
    });
  }
}
