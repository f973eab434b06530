/**
 * State values of the ONNX executor: host arrays that sessions read and write in place. Everything that touches
 * them goes through one queue, in the order of the calls.
 *
 * @module
 */
import { formatShape, type Shape, sizeOf } from "../../core/shape.ts";
import type { DType } from "../../graph/ops.ts";
import type { DeviceTensor, DeviceTensorOptions, HostArray } from "../executor.ts";
import { blankValues, checkBytes, type DeviceArray as Values } from "../host_values.ts";

/** Runs tasks one after another; a failed one does not stop the next. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  add<T>(task: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}

/**
 * A device tensor in host memory. An update writes the spare array and swaps it with the current one, so steps
 * neither copy nor allocate.
 */
export class OnnxTensor implements DeviceTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly frozen: boolean;
  readonly #label: string;
  readonly #queue: Queue;
  #current: Values;
  #spare: Values | undefined;
  #disposed = false;

  constructor(options: DeviceTensorOptions, queue: Queue) {
    const { shape, dtype = "f32", values, frozen = false, label = "tensor" } = options;
    this.shape = [...shape];
    this.dtype = dtype;
    this.frozen = frozen;
    this.#label = label;
    this.#queue = queue;
    this.#current = values ? this.#copyOf(values) : blankValues(dtype, sizeOf(shape));
  }

  /** The values now; only for tasks of the queue. */
  get values(): Values {
    return this.#current;
  }

  /** Whether this tensor was made with a queue. */
  isOf(queue: Queue): boolean {
    return this.#queue === queue;
  }

  /**
   * @throws {Error} If the tensor is disposed
   */
  checkUsable(): void {
    if (this.#disposed) throw new Error(`Cannot use ${this.#label}: it is disposed`);
  }

  /** An array of the right size that nobody reads. */
  takeSpare(): Values {
    const spare = this.#spare ?? blankValues(this.dtype, sizeOf(this.shape));
    this.#spare = undefined;
    return spare;
  }

  /** Takes over an array as the values; the old one becomes the spare. */
  replace(values: Values): void {
    this.#spare = this.#current;
    this.#current = values;
  }

  write(values: HostArray): void {
    this.checkUsable();
    if (this.frozen) throw new TypeError(`Cannot write ${this.#label}: it is frozen`);
    const copy = this.#copyOf(values);
    void this.#queue.add(() => this.replace(copy));
  }

  async read(): Promise<Values> {
    this.checkUsable();
    return await this.#queue.add(() => this.#current.slice());
  }

  dispose(): void {
    this.#disposed = true;
    // After the runs that still use the values.
    void this.#queue.add(() => {
      this.#current = this.#current.slice(0, 0);
      this.#spare = undefined;
    });
  }

  #copyOf(values: HostArray): Values {
    if (values.length !== sizeOf(this.shape)) {
      throw new RangeError(
        `Cannot write ${this.#label}: found ${values.length} values, wanted ${sizeOf(this.shape)} for ` +
          formatShape(this.shape),
      );
    }
    checkBytes(`write ${this.#label}`, this.dtype, values);
    const copy = blankValues(this.dtype, values.length);
    copy.set(values);
    return copy;
  }
}
