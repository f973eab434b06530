/**
 * Runs programs with ONNX Runtime on the CPU: every program is one session; states are fed to it, and their new
 * values come back, without copying.
 *
 * @module
 */
import { arch, platform } from "node:process";
import { type Shape, sizeOf } from "../../core/shape.ts";
import type { Program } from "../../graph/graph.ts";
import {
  type BackendInfo,
  checkBindings,
  checkInputs,
  type DeviceTensor,
  type DeviceTensorOptions,
  type Executable,
  type Executor,
  type HostArray,
} from "../executor.ts";
import { blankValues, type DeviceArray as Values } from "../host_values.ts";
import { OnnxTensor, Queue } from "./host_tensor.ts";
import { type LoweredProgram, lowerProgram } from "./lowering.ts";
import { encodeModel } from "./model.ts";
import { type Flavour, loadRuntime, runOptions, type Runtime, type Session } from "./session.ts";

/** How to create the executor. */
export interface OnnxExecutorOptions {
  /** Which build of ONNX Runtime: `"auto"`, the default, takes the native one where it loads. */
  readonly flavour?: Flavour | "auto";
  /** Threads of the native build; all cores by default. WebAssembly always uses one. */
  readonly threads?: number;
}

type OrtTensor = InstanceType<Runtime["Tensor"]>;

/** Adds the program node that an error of ONNX Runtime names. */
function explain(action: string, cause: unknown, lowered: LoweredProgram): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  const onnxNode = /Name:'([^']*)'/.exec(message)?.[1];
  const origin = onnxNode === undefined ? undefined : lowered.describe(onnxNode);
  return new Error(`Cannot ${action}${origin ? ` at ${origin}` : ""}: ${message}`, { cause });
}

function ortTensor({ Tensor }: Runtime, values: Values, shape: Shape): OrtTensor {
  if (values instanceof Uint8Array) return new Tensor("uint8", values, shape);
  return values instanceof Float32Array
    ? new Tensor("float32", values, shape)
    : new Tensor("int32", values, shape);
}

/** A session and the names and tensors to run it with. */
interface Compiled {
  readonly program: Program;
  readonly lowered: LoweredProgram;
  readonly states: Readonly<Record<string, OnnxTensor>>;
  readonly session: Session;
}

/** Runs once: feeds inputs and states, swaps in the new states, returns what is read. */
async function runSession(
  runtime: Runtime,
  { program, lowered, states, session }: Compiled,
  inputs: Readonly<Record<string, Values>>,
  read: readonly string[],
): Promise<Record<string, Values>> {
  const updates = Object.entries(lowered.updates);
  if (read.length === 0 && updates.length === 0) return {};
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, onnxName] of Object.entries(lowered.inputs)) {
    feeds[onnxName] = ortTensor(runtime, inputs[name]!, program.inputs[name]!.shape);
  }
  for (const [name, onnxName] of Object.entries(lowered.states)) {
    feeds[onnxName] = ortTensor(runtime, states[name]!.values, states[name]!.shape);
  }
  const fetches: Record<string, OrtTensor | null> = {};
  for (const [name, onnxName] of updates) {
    const state = states[name]!;
    fetches[onnxName] = runtime.fillsOutputs ? ortTensor(runtime, state.takeSpare(), state.shape) : null;
  }
  for (const name of read) fetches[lowered.outputs[name]!] = null;
  const results = await session.run(feeds, fetches, runOptions).catch((error: unknown) => {
    throw explain("run", error, lowered);
  });
  for (const [name, onnxName] of updates) states[name]!.replace(results[onnxName]!.data as Values);
  return Object.fromEntries(read.map((name) => [name, results[lowered.outputs[name]!]!.data as Values]));
}

function blankInputs(program: Program): Record<string, Values> {
  return Object.fromEntries(
    Object.entries(program.inputs).map((
      [name, { dtype, shape }],
    ) => [name, blankValues(dtype, sizeOf(shape))]),
  );
}

function executable(runtime: Runtime, queue: Queue, compiled: Compiled): Executable {
  const { program, states, session } = compiled;
  let disposed = false;
  // Inputs are copied when `run` is called, so that the caller may change its arrays before the queue gets there.
  // The copies are used again: allocating them costs more than filling them.
  const staging: Record<string, Values>[] = [];
  return {
    async run(inputs: Readonly<Record<string, HostArray>>, read: readonly string[] = []) {
      if (disposed) throw new Error("Cannot run: the executable is disposed");
      for (const state of Object.values(states)) state.checkUsable();
      checkInputs(program, inputs);
      for (const name of read) {
        if (!(name in program.outputs)) {
          throw new RangeError(`Cannot run: the program has no output "${name}"`);
        }
      }
      const staged = staging.pop() ?? blankInputs(program);
      for (const [name, values] of Object.entries(staged)) values.set(inputs[name]!);
      return await queue.add(() => runSession(runtime, compiled, staged, read))
        .finally(() => staging.push(staged));
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      void queue.add(() => session.release());
    },
  };
}

function ownTensors(
  states: Readonly<Record<string, DeviceTensor>>,
  program: Program,
  queue: Queue,
): Record<string, OnnxTensor> {
  return Object.fromEntries(
    Object.keys(program.states).map((name) => {
      const tensor = states[name]!;
      if (!(tensor instanceof OnnxTensor && tensor.isOf(queue))) {
        throw new TypeError(`Cannot bind state "${name}": the tensor belongs to another executor`);
      }
      tensor.checkUsable();
      return [name, tensor];
    }),
  );
}

/**
 * Creates an executor on ONNX Runtime's CPU kernels. The same program, inputs and thread count give the same bits.
 *
 * @throws {BackendUnavailableError} If ONNX Runtime cannot be loaded
 * @throws {RangeError} If the thread count is not possible
 */
export async function createOnnxExecutor(options: OnnxExecutorOptions = {}): Promise<Executor> {
  const { flavour = "auto", threads } = options;
  const runtime = await loadRuntime(flavour, threads);
  const queue = new Queue();
  const executables = new Set<Executable>();
  const info: BackendInfo = {
    backend: `onnx-${runtime.flavour}`,
    device: `CPU (${platform} ${arch})`,
    details: { onnxruntime: runtime.version, flavour: runtime.flavour, threads: runtime.threads },
  };
  return {
    info,
    tensor: (tensorOptions: DeviceTensorOptions) => new OnnxTensor(tensorOptions, queue),
    async compile(program, states) {
      checkBindings(program, states);
      const own = ownTensors(states, program, queue);
      const frozen = Object.fromEntries(
        Object.entries(own).flatMap(([name, tensor]) => tensor.frozen ? [[name, tensor.values]] : []),
      );
      const lowered = lowerProgram(program, { frozen });
      const session = await runtime.createSession(encodeModel(lowered.model)).catch((error: unknown) => {
        throw explain("compile", error, lowered);
      });
      const result = executable(runtime, queue, { program, lowered, states: own, session });
      executables.add(result);
      return result;
    },
    async dispose() {
      for (const executable of executables) executable.dispose();
      await queue.add(() => {});
    },
  };
}
