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
 * @example Read records and make a board
 * ```ts
 * import { createBoard, listRecords, parseRecord, renderMarkdown } from "@growing-tasks/ham-bench";
 *
 * const found = [];
 * for (const path of await listRecords("fixtures/records/baseline")) {
 *   found.push({ path, record: parseRecord(await Deno.readTextFile(path), path) });
 * }
 * const board = createBoard(found, { protagonist: "ham" });
 * for (const { description, verdict, entries } of board.sections) {
 *   console.log(description, verdict.join("\n"), entries.map(({ method, tasks, figures }) => [method, tasks, figures.pooled?.mean]));
 * }
 * console.log(renderMarkdown(board).length);
 * ```
 *
 * @example Verify a record
 * ```ts
 * import assert from "node:assert/strict";
 * import { describeFinding, listRecords, verifyText } from "@growing-tasks/ham-bench";
 *
 * const [path] = await listRecords("fixtures/records/baseline");
 * const text = await Deno.readTextFile(path!);
 * assert.deepEqual(verifyText(text, path!).findings, []);
 *
 * // One more right answer than there was.
 * const edited = text.replace(/"classIncremental":\[(\d+)/, (_, hits) => `"classIncremental":[${Number(hits) + 1}`);
 * const { findings } = verifyText(edited, path!);
 * assert.ok(findings.length > 0);
 * console.log(findings.map(describeFinding));
 * ```
 *
 * @example Merge adapters
 * ```ts
 * import { createExecutor, createMerger, Engine, loadBackbone, loadPeft } from "@growing-tasks/ham-bench";
 * import { compress, concat } from "@growing-tasks/ham-bench/merge";
 *
 * const { executor } = await createExecutor("auto");
 * const backbone = await loadBackbone("fixtures/backbones/nano.safetensors");
 * const engine = new Engine(executor, backbone, { channels: 3, height: 32, width: 32 });
 * const merger = createMerger(engine.programs);
 * const { adapter } = await loadPeft("fixtures/interop/peft_timm");
 * const pruned = await merger.prune(adapter, 0.5, { space: "delta", balance: false });
 * console.log(await merger.similarity([adapter, pruned]));
 * const mean = compress(concat([adapter, pruned], [0.5, 0.5]), 2);
 * const ties = await merger.ties([adapter, pruned], { keep: 0.2, rank: 2 });
 * console.log(Object.keys(mean.pairs), ties.scale);
 * await engine.dispose();
 * await executor.dispose();
 * ```
 *
 * @example Add a method
 * ```ts
 * import { adapterMethod, createExecutor, createMemoryStore, createStream, defineMethod } from "@growing-tasks/ham-bench";
 * import { type Adapter, loadBackbone, loadDataset, resolveSettings, runCell } from "@growing-tasks/ham-bench";
 * import { z } from "zod";
 *
 * // A fresh adapter for every task, and only the last one is kept.
 * const forgetful = defineMethod({
 *   name: "forgetful",
 *   summary: "Knows what it learnt last",
 *   source: "An example",
 *   family: "sequential",
 *   keeps: "One adapter",
 *   options: z.strictObject({}),
 *   create: () =>
 *     adapterMethod({
 *       trains: "task",
 *       init: (): Adapter | null => null,
 *       begin: (_adapter, { index }, kit) => ({ start: kit.freshAdapter(`task ${index}`) }),
 *       end: (_adapter, _task, { adapter }) => adapter,
 *       deploy: (adapter) => adapter ?? undefined,
 *     }),
 * });
 *
 * const { executor } = await createExecutor("auto");
 * const { end } = await runCell({
 *   method: forgetful.create(),
 *   stream: createStream(await loadDataset("procedural:classes=4,trainPerClass=4"), { tasks: 2, orderSeed: 0 }),
 *   backbone: await loadBackbone("fixtures/backbones/nano.safetensors"),
 *   executor,
 *   settings: resolveSettings({ epochs: 1 }),
 *   trainSeed: 0,
 *   environment: {},
 *   store: createMemoryStore(),
 *   clock: () => performance.now() / 1000,
 * });
 * console.log(end?.status);
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
  describeFinding,
  type Finding,
  type FoundRecord,
  listRecords,
  parseRecord,
  type ProtocolSettings,
  renderMarkdown,
  resolveSettings,
  runCell,
  type RunOptions,
  type RunRecord,
  type Verification,
  verifyText,
} from "./src/protocol/mod.ts";
export { encodePeft, exportOnnx, loadBackbone, loadPeft } from "./src/formats/mod.ts";
