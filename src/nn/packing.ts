/**
 * Named tensors laid out in one flat vector. Optimisers, averages and penalties then work on a single tensor, a
 * step is one kernel however many parameters there are, and a checkpoint is one array.
 *
 * @module
 */
import { formatShape, sameShape, type Shape, sizeOf } from "../core/shape.ts";
import { hostTensor, type NamedTensors, type TensorSpec } from "../core/tensors.ts";
import { concat, flatten, narrow, reshape } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";

/** Where one tensor lies in the vector. */
export interface PackingEntry {
  /** Of the tensor. */
  readonly name: string;
  /** Of the tensor. */
  readonly shape: Shape;
  /** First element. */
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
}

/** A layout: entries follow one another without gaps. */
export interface Packing {
  /** In the order they lie in. */
  readonly entries: readonly PackingEntry[];
  /** Elements of the whole vector. */
  readonly size: number;
}

/**
 * Lays tensors out in the given order.
 *
 * @throws {RangeError} If a name occurs twice
 */
export function createPacking(specs: readonly TensorSpec[]): Packing {
  const names = new Set<string>();
  let offset = 0;
  const entries = specs.map(({ name, shape }) => {
    if (names.has(name)) throw new RangeError(`Cannot pack tensors: found two named "${name}"`);
    names.add(name);
    const entry = { name, shape, offset, size: sizeOf(shape) };
    offset += entry.size;
    return entry;
  });
  return { entries, size: offset };
}

/** The tensor of an entry, checked; other names of the record are ignored. */
function pick<T extends { readonly shape: Shape }>(
  tensors: Readonly<Record<string, T>>,
  { name, shape }: PackingEntry,
): T {
  const tensor = tensors[name];
  if (!tensor || !sameShape(tensor.shape, shape)) {
    const found = tensor ? formatShape(tensor.shape) : "nothing";
    throw new RangeError(`Cannot pack tensor "${name}": found ${found}, wanted ${formatShape(shape)}`);
  }
  return tensor;
}

/**
 * Copies tensors into a vector.
 *
 * @throws {RangeError} If a tensor is missing or has another shape
 */
export function pack(packing: Packing, tensors: NamedTensors): Float32Array {
  const vector = new Float32Array(packing.size);
  for (const entry of packing.entries) vector.set(pick(tensors, entry).data, entry.offset);
  return vector;
}

/**
 * Copies tensors out of a vector (float64 of the reference is rounded).
 *
 * @throws {RangeError} If the vector has another size
 */
export function unpack(packing: Packing, vector: Float32Array | Float64Array): NamedTensors {
  if (vector.length !== packing.size) {
    throw new RangeError(`Cannot unpack: found ${vector.length} values, wanted ${packing.size}`);
  }
  return Object.fromEntries(packing.entries.map(({ name, shape, offset, size }) => [
    name,
    hostTensor(shape, Float32Array.from(vector.subarray(offset, offset + size))),
  ]));
}

/** In a graph: the tensors of a vector [size]. */
export function unpackTensors(packing: Packing, vector: Tensor): Record<string, Tensor> {
  return Object.fromEntries(packing.entries.map(({ name, shape, offset, size }) => [
    name,
    reshape(narrow(vector, 0, offset, size), shape),
  ]));
}

/**
 * In a graph: the vector [size] of some tensors.
 *
 * @throws {RangeError} If a tensor is missing or has another shape
 */
export function packTensors(packing: Packing, tensors: Readonly<Record<string, Tensor>>): Tensor {
  return concat(packing.entries.map((entry) => flatten(pick(tensors, entry))));
}
