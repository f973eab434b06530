/**
 * What runs a program: one interface, three implementations. Device tensors outlive runs and are shared by
 * programs; an executable is a program bound to the tensors of its states.
 *
 * @module
 */
import { type Shape, sizeOf } from "../core/shape.ts";
import type { Program } from "../graph/graph.ts";
import type { DType } from "../graph/ops.ts";
import { checkBytes, type HostArray } from "./host_values.ts";

export type { HostArray } from "./host_values.ts";

/** Names of the backends. `onnx` picks `onnx-node` where it loads, else `onnx-web`. */
export type BackendName = "reference" | "onnx-node" | "onnx-web" | "webgpu";

/** A tensor that lives on the device between runs. */
export interface DeviceTensor {
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
  /** A frozen tensor never changes, so a backend may bake it into compiled programs. */
  readonly frozen: boolean;
  /** Replaces the values. Fails on a frozen tensor. */
  write(values: HostArray): void;
  /** Copies the values to the host; waits for the device. */
  read(): Promise<HostArray>;
  /** Frees its memory. It cannot be used afterwards. */
  dispose(): void;
}

/** How to create a device tensor. */
export interface DeviceTensorOptions {
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
  /** `"f32"` by default. */
  readonly dtype?: DType;
  /** Zeros if absent; a `Uint8Array` for `u8`. */
  readonly values?: HostArray;
  /** Whether it never changes; false by default. */
  readonly frozen?: boolean;
  /** Shown in errors and GPU labels. */
  readonly label?: string;
}

/** A program bound to device tensors. */
export interface Executable {
  /**
   * Runs once. Every input of the program must be given, with the declared number of elements. Updates are applied
   * to the bound tensors. Only the outputs named in `read` are copied to the host; with none named, a backend
   * may return before the device has finished.
   *
   * A run does not fail because values leave the finite numbers. Divergence is seen in the loss: `crossEntropy` of a
   * sample with NaN or +∞ among its unmasked logits is NaN on every backend, so is its gradient, and so are sums and
   * products of it; a label of logit -∞ makes it +∞. A row of `softmax` with NaN or +∞ is NaN, too. Other ops promise
   * nothing about ∞ and NaN: WGSL lets a compiler assume that neither exists, so a kernel that must tell them does so
   * by their bits.
   */
  run(
    inputs: Readonly<Record<string, HostArray>>,
    read?: readonly string[],
  ): Promise<Record<string, HostArray>>;
  /** Frees what the program alone holds; the bound tensors stay. */
  dispose(): void;
}

/** Facts about a backend for records and `doctor`. */
export interface BackendInfo {
  /** Which backend it is. */
  readonly backend: BackendName;
  /** The device in words, such as the adapter's description. */
  readonly device: string;
  /** Versions and choices that can influence results: package versions, driver, thread count, kernel variants. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** A backend. */
export interface Executor {
  /** Facts about the backend. Kernel variants are among them once programs were compiled. */
  readonly info: BackendInfo;
  /** Creates a tensor on the device, zeros unless values are given. */
  tensor(options: DeviceTensorOptions): DeviceTensor;
  /**
   * Compiles a program and binds its states.
   *
   * @throws {RangeError} If a state has no binding or one of another shape or type
   */
  compile(program: Program, states: Readonly<Record<string, DeviceTensor>>): Promise<Executable>;
  /** Frees what the backend holds, such as the device it opened. Its tensors and programs cannot be used afterwards. */
  dispose(): Promise<void>;
}

/**
 * Checks that every state of a program is bound to a tensor of its shape and type.
 *
 * @throws {RangeError} If one is not, or a frozen tensor would be updated
 */
export function checkBindings(program: Program, states: Readonly<Record<string, DeviceTensor>>): void {
  for (const [name, node] of Object.entries(program.states)) {
    const tensor = states[name];
    const wanted = `${node.dtype}[${node.shape.join(",")}]`;
    const found = tensor ? `${tensor.dtype}[${tensor.shape.join(",")}]` : "nothing";
    if (found !== wanted) {
      throw new RangeError(`Cannot bind state "${name}": found ${found}, wanted ${wanted}`);
    }
    if (tensor!.frozen && name in program.updates) {
      throw new RangeError(`Cannot bind state "${name}": the program updates it, but the tensor is frozen`);
    }
  }
}

/**
 * Checks the feeds of a run.
 *
 * @throws {RangeError} If an input is missing, unknown or of the wrong length
 * @throws {TypeError} If an input of `u8` is not given as bytes
 */
export function checkInputs(program: Program, inputs: Readonly<Record<string, HostArray>>): void {
  for (const [name, node] of Object.entries(program.inputs)) {
    const size = sizeOf(node.shape);
    const found = inputs[name]?.length;
    if (found !== size) {
      throw new RangeError(`Cannot run: input "${name}" has ${found ?? "no"} values, wanted ${size}`);
    }
    checkBytes(`run with input "${name}"`, node.dtype, inputs[name]!);
  }
  for (const name of Object.keys(inputs)) {
    if (!(name in program.inputs)) throw new RangeError(`Cannot run: the program has no input "${name}"`);
  }
}
