/**
 * Tensors on the host with their names: what weight files hold, what adapters and heads are made of, and what a
 * checkpoint stores.
 *
 * @module
 */
import { formatShape, type Shape, sizeOf } from "./shape.ts";

/** A dense row-major float32 tensor on the host. A type and not an interface, so that it is a state value, too. */
export type HostTensor = {
  readonly shape: Shape;
  readonly data: Float32Array;
};

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, HostTensor>>;

/** A name and a shape: what a model expects to be given. */
export interface TensorSpec {
  /** Unique among those it is listed with. */
  readonly name: string;
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
}

/**
 * Makes a host tensor.
 *
 * @throws {RangeError} If the number of values does not fit the shape
 */
export function hostTensor(shape: Shape, data: Float32Array = new Float32Array(sizeOf(shape))): HostTensor {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot create tensor of shape ${formatShape(shape)}: found ${data.length} values, wanted ${
        sizeOf(shape)
      }`,
    );
  }
  return { shape, data };
}

/** Bytes that the values of some tensors take. */
export function bytesOf(tensors: NamedTensors): number {
  return Object.values(tensors).reduce((total, { data }) => total + data.byteLength, 0);
}
