/**
 * Continual learning with LoRA adapters on Vision Transformers: train adapters, merge them, compare methods. What most
 * programs need is here; the faces `./core`, `./graph`, `./executors`, `./nn`, `./data`, `./merge`, `./train`,
 * `./methods`, `./formats`, `./protocol` and `./conformance` have the rest.
 *
 * @example Score a method on three tasks
 * ```ts
 * import { createExecutor, createMemoryStore, createMethod, createStream } from "@growing-tasks/ham-bench";
 * import { loadBackbone, loadDataset, resolveSettings, runCell } from "@growing-tasks/ham-bench";
 *
 * const { executor } = await createExecutor("auto");
 * const record = await runCell({
 *   method: createMethod("ham:keep=0.5"),
 *   stream: createStream(await loadDataset("procedural:classes=6,trainPerClass=4"), { tasks: 3, orderSeed: 0 }),
 *   backbone: await loadBackbone("fixtures/backbones/nano.safetensors"),
 *   executor,
 *   settings: resolveSettings({ epochs: 1 }),
 *   trainSeed: 0,
 *   environment: {},
 *   store: createMemoryStore(),
 *   clock: () => performance.now() / 1000,
 * });
 * console.log(record.tasks.at(-1)?.evaluation?.classIncremental, record.end?.hash);
 * await executor.dispose();
 * ```
 *
 * @module
 */
export { BackendUnavailableError, DivergenceError, InputError } from "./src/core/mod.ts";
export { type BackendChoice, createExecutor, type Executor } from "./src/executors/mod.ts";
export { createStream, type Dataset, loadDataset, type TaskStream } from "./src/data/mod.ts";
export type { Adapter, Backbone } from "./src/nn/mod.ts";
export {
  adapterMethod,
  createMethod,
  defineMethod,
  type Fit,
  type Kit,
  type Method,
  type MethodDefinition,
  type MethodName,
  methods,
  type Pass,
  type Predictor,
  type Table,
  type TaskView,
} from "./src/methods/mod.ts";
export { Engine, imageTable } from "./src/train/mod.ts";
export { createMerger, type Merger } from "./src/merge/mod.ts";
export {
  type Board,
  type CellStore,
  createBoard,
  createFileStore,
  createMemoryStore,
  parseRecord,
  type ProtocolSettings,
  renderMarkdown,
  resolveSettings,
  runCell,
  type RunOptions,
  type RunRecord,
} from "./src/protocol/mod.ts";
export { encodePeft, exportOnnx, loadBackbone, loadPeft } from "./src/formats/mod.ts";
