import assert from "node:assert/strict";
import { BackendUnavailableError } from "../core/errors.ts";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import type { Executor } from "../executors/executor.ts";
import { createExecutor } from "../executors/select.ts";
import { createWebGpuExecutor } from "../executors/webgpu/executor.ts";
import { gpuTest } from "../executors/webgpu/testing.ts";
import { createMethod } from "../methods/mod.ts";
import { type Adapter, adapterToTensors } from "../nn/adapter.ts";
import { tinyBackbone } from "../train/test_kit.ts";
import type { RunRecord } from "./records/record.ts";
import { runCell } from "./run.ts";
import { resolveSettings } from "./settings.ts";
import { createMemoryStore } from "./store.ts";

const onnx: Executor | BackendUnavailableError = await createExecutor("onnx", { threads: 1 }).then(
  ({ executor }) => executor,
  (error) => {
    if (error instanceof BackendUnavailableError) return error;
    throw error;
  },
);

/** 100 test images a task, so that one of them is one point. */
const dataset = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 16, testPerClass: 50, size: 8 });

/** Runs a small `ham` cell; gives what the first task trained, too. */
async function runHam(executor: Executor): Promise<{ readonly record: RunRecord; readonly first: Adapter }> {
  const method = createMethod("ham");
  const trained: Adapter[] = [];
  const record = await runCell({
    method: {
      ...method,
      learn: (state, task, kit) =>
        method.learn(state, task, { ...kit, trained: (adapter) => void trained.push(adapter) }),
    },
    stream: createStream(dataset, { tasks: 3, orderSeed: 0 }),
    backbone: tinyBackbone(),
    executor,
    settings: resolveSettings({ rank: 2, alpha: 2, epochs: 3, batchSize: 8, learningRate: 5e-3 }),
    trainSeed: 0,
    environment: {},
    store: createMemoryStore(),
    clock: () => 0,
  });
  return { record, first: trained[0]! };
}

/** Registers a test that needs ONNX Runtime; without it the test is reported as ignored. */
function onnxTest(name: string, fn: (onnx: Executor) => Promise<void>): void {
  if (!(onnx instanceof BackendUnavailableError)) return Deno.test(name, () => fn(onnx));
  Deno.test({ name: `${name} (no ONNX Runtime)`, ignore: true, fn: () => {} });
}

/** Registers a test that needs both. */
function bothTest(name: string, fn: (webgpu: Executor, onnx: Executor) => Promise<void>): void {
  if (onnx instanceof BackendUnavailableError) return onnxTest(name, () => Promise.resolve());
  gpuTest(name, async (gpu) => await fn(await createWebGpuExecutor({ gpu }), onnx));
}

onnxTest("runCell() ham through ONNX Runtime repeats itself to the bit", async (onnx) => {
  const { record } = await runHam(onnx);
  assert.equal(record.end!.status, "done");
  assert.match(record.start.cell.backend, /^onnx-(node|web)$/);
  for (const { training } of record.tasks) assert.ok(training!.lastLoss < training!.firstLoss);
  assert.equal((await runHam(onnx)).record.end!.hash, record.end!.hash);
});

bothTest(
  "runCell() ham through WebGPU equals ONNX Runtime: scores and first adapter",
  async (webgpu, onnx) => {
    const [found, wanted] = [await runHam(webgpu), await runHam(onnx)];
    found.record.tasks.forEach(({ evaluation }, i) => {
      for (const kind of ["classIncremental", "taskIncremental"] as const) {
        evaluation![kind].forEach((share, j) => {
          const gap = Math.abs(share - wanted.record.tasks[i]!.evaluation![kind][j]!);
          assert.ok(gap <= 0.01 + 1e-12, `${kind} of task ${j} after ${i}: ${gap}`);
        });
      }
    });
    const [left, right] = [adapterToTensors(found.first), adapterToTensors(wanted.first)];
    for (const [name, { data }] of Object.entries(right)) {
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const gap = (value: number, i: number) => Math.abs(value - left[name]!.data[i]!);
      const worst = data.reduce((most, value, i) => Math.max(most, gap(value, i)), 0);
      assert.ok(largest > 0 && worst <= 1e-3 * largest, `${name}: ${worst} of ${largest}`);
    }
  },
);
