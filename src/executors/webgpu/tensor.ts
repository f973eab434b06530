/**
 * Device tensors: a buffer each, outliving runs and shared by programs.
 *
 * @module
 */
import { checkShape, type Shape, sizeOf } from "../../core/shape.ts";
import type { DType } from "../../graph/ops.ts";
import type { DeviceTensor, DeviceTensorOptions, HostArray } from "../executor.ts";
import { checkBytes, type DeviceArray } from "../host_values.ts";
import type { Gpu } from "./device.ts";
import { type Readback, toDeviceArray } from "./transfer.ts";
import { wordsFor } from "./words.ts";

/** A tensor in GPU memory. */
export class WebGpuTensor implements DeviceTensor {
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
  readonly frozen: boolean;
  /** Shown in errors and in the GPU's tools. */
  readonly label: string;
  readonly #gpu: Gpu;
  readonly #readback: Readback;
  readonly #buffer: GPUBuffer;
  #disposed = false;

  /**
   * Allocates GPU memory. Use `WebGpuExecutor.tensor`.
   *
   * @throws {RangeError} If the values do not fit the shape, or the tensor exceeds what the device can bind
   */
  constructor(gpu: Gpu, readback: Readback, options: DeviceTensorOptions) {
    const { shape, dtype = "f32", values, frozen = false, label = "tensor" } = options;
    checkShape(shape, `tensor "${label}"`);
    gpu.check();
    this.shape = shape;
    this.dtype = dtype;
    this.frozen = frozen;
    this.label = label;
    this.#gpu = gpu;
    this.#readback = readback;
    const size = 4 * Math.ceil(wordsFor(sizeOf(shape), dtype) / 4) * 4;
    checkBindable(gpu, `tensor "${label}"`, size);
    this.#buffer = gpu.guard(`create tensor "${label}"`, () =>
      gpu.device.createBuffer({
        label,
        size,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      }));
    if (values) this.#fill(values);
  }

  /**
   * Its memory, 4 bytes an element (`u8`: 1), rounded up to 16 bytes.
   *
   * @throws {Error} If the tensor was disposed of
   */
  get buffer(): GPUBuffer {
    this.checkUsable();
    return this.#buffer;
  }

  /**
   * Does nothing for a tensor that can be used.
   *
   * @throws {Error} If the tensor was disposed of
   */
  checkUsable(): void {
    if (this.#disposed) throw new Error(`Cannot use tensor "${this.label}": it was disposed of`);
  }

  write(values: HostArray): void {
    if (this.frozen) throw new Error(`Cannot write tensor "${this.label}": it is frozen`);
    this.#gpu.check();
    this.#fill(values);
  }

  async read(): Promise<DeviceArray> {
    const [values] = await this.#readback.read([{
      buffer: this.buffer,
      offset: 0,
      size: sizeOf(this.shape),
      dtype: this.dtype,
    }]);
    return values!;
  }

  /** Frees the memory. */
  dispose(): void {
    this.#disposed = true;
    this.#buffer.destroy();
  }

  #fill(values: HostArray): void {
    const size = sizeOf(this.shape);
    if (values.length !== size) {
      throw new RangeError(
        `Cannot write tensor "${this.label}": found ${values.length} values, wanted ${size}`,
      );
    }
    checkBytes(`write tensor "${this.label}"`, this.dtype, values);
    const { buffer } = this;
    this.#gpu.guard(
      `write tensor "${this.label}"`,
      () => this.#gpu.device.queue.writeBuffer(buffer, 0, toDeviceArray(values, this.dtype)),
    );
  }
}

/**
 * Checks a size against the limits of the device.
 *
 * @throws {RangeError} If a kernel could not bind so much at once
 */
export function checkBindable(gpu: Gpu, what: string, bytes: number): void {
  const { maxStorageBufferBindingSize, maxBufferSize } = gpu.description.limits;
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  if (bytes > most) {
    throw new RangeError(
      `Cannot create ${what}: found ${bytes} bytes, wanted at most ${most} on this device`,
    );
  }
}
