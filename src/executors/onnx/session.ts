/**
 * Loading ONNX Runtime: the native library through Node-API (needs ffi access), or the WebAssembly build (needs
 * read access to its file). Both are loaded when asked for, so that a program without ONNX needs neither.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { BackendUnavailableError } from "../../core/errors.ts";

type Library = typeof import("onnxruntime-node");
/** A compiled model. */
export type Session = import("onnxruntime-node").InferenceSession;

/** The native or the WebAssembly build. */
export type Flavour = "node" | "web";

/** A loaded ONNX Runtime. */
export interface Runtime {
  readonly flavour: Flavour;
  readonly version: string;
  /** Threads of each session. */
  readonly threads: number;
  /** Whether a run writes into output tensors that it is given. */
  readonly fillsOutputs: boolean;
  readonly Tensor: Library["Tensor"];
  createSession(model: Uint8Array): Promise<Session>;
}

/** Only fatal messages go to stderr. Errors are thrown all the same. */
export const runOptions = { logSeverityLevel: 4 } as const;

function runtimeOf(library: Library, flavour: Flavour, version: string, threads: number): Runtime {
  return {
    flavour,
    version,
    threads,
    fillsOutputs: flavour === "node",
    Tensor: library.Tensor,
    createSession: (model) =>
      keepingWorker(() =>
        library.InferenceSession.create(model, {
          executionProviders: [flavour === "node" ? "cpu" : "wasm"],
          executionMode: "sequential",
          graphOptimizationLevel: "all",
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          ...runOptions,
        })
      ),
  };
}

/**
 * The WebAssembly build, when it starts, takes the process for Node and puts Node's `Worker` in the place of the
 * standard one, which later workers of the program would be made with.
 */
async function keepingWorker<T>(start: () => Promise<T>): Promise<T> {
  const { Worker } = globalThis;
  try {
    return await start();
  } finally {
    globalThis.Worker = Worker;
  }
}

async function loadNode(threads: number): Promise<Runtime> {
  const { default: library } = await import("onnxruntime-node");
  library.env.logLevel = "fatal";
  return runtimeOf(library, "node", library.env.versions.node ?? "unknown", threads);
}

async function loadWeb(): Promise<Runtime> {
  const { default: library } = await import("onnxruntime-web");
  library.env.logLevel = "fatal";
  library.env.wasm.numThreads = 1;
  // Reading the file here gives a plain error where ONNX Runtime would print and abort.
  library.env.wasm.wasmBinary = await readFile(
    new URL(import.meta.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm")),
  );
  return runtimeOf(library as unknown as Library, "web", library.env.versions.web ?? "unknown", 1);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Loads ONNX Runtime.
 *
 * @param flavour `"auto"` takes the native build where it loads, else WebAssembly
 * @param threads Of each native session, all cores by default; WebAssembly runs on one
 * @throws {BackendUnavailableError} If it cannot be loaded; the message has the reasons
 * @throws {RangeError} If the thread count is not possible
 */
export async function loadRuntime(flavour: Flavour | "auto", threads?: number): Promise<Runtime> {
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new RangeError(`Cannot use ${threads} threads: wanted a positive integer`);
  }
  if (flavour === "web" && threads !== undefined && threads > 1) {
    throw new RangeError(`Cannot use ${threads} threads: onnxruntime-web runs on one`);
  }
  const loaders: Readonly<Record<Flavour, () => Promise<Runtime>>> = {
    node: () => loadNode(threads ?? navigator.hardwareConcurrency),
    web: loadWeb,
  };
  const reasons: string[] = [];
  for (const candidate of flavour === "auto" ? ["node", "web"] as const : [flavour]) {
    try {
      return await loaders[candidate]();
    } catch (error) {
      reasons.push(`onnxruntime-${candidate}: ${reasonOf(error)}`);
    }
  }
  throw new BackendUnavailableError(`Cannot load ONNX Runtime: ${reasons.join("; ")}`);
}
