import assert from "node:assert/strict";
import { BackendUnavailableError } from "../core/errors.ts";
import { quickly } from "../core/test_quick.ts";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import type { Executor } from "../executors/executor.ts";
import { createExecutor } from "../executors/select.ts";
import { createWebGpuExecutor } from "../executors/webgpu/executor.ts";
import { gpuTest } from "../executors/webgpu/testing.ts";
import { createMethod, methods } from "../methods/mod.ts";
import { tinyBackbone } from "../train/test_kit.ts";
import type { RunRecord } from "./records/record.ts";
import { runCell } from "./run.ts";
import { resolveSettings } from "./settings.ts";
import { createMemoryStore } from "./store.ts";

/** 60 test images a task. */
const dataset = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 8, testPerClass: 30, size: 8 });
/** Of the 60, the images that rounding may move across a boundary: the bar of the methods' issue. */
const TOLERANCE = 2;

function run(method: string, executor: Executor): Promise<RunRecord> {
  return runCell({
    method: createMethod(method),
    stream: createStream(dataset, { tasks: 3, orderSeed: 0 }),
    backbone: tinyBackbone(),
    executor,
    settings: resolveSettings({ rank: 2, alpha: 2, epochs: 2, batchSize: 8, learningRate: 5e-3 }),
    trainSeed: 0,
    environment: {},
    store: createMemoryStore(),
    clock: () => 0,
  });
}

/** What others can be compared with: ONNX Runtime, or the reference where that is not. */
async function otherBackend(): Promise<Executor> {
  try {
    return (await createExecutor("onnx", { threads: 1 })).executor;
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error;
    return (await createExecutor("reference")).executor;
  }
}

// A method of the registry that is not here would be one that nobody has seen run on a GPU.
for (const name of quickly(Object.keys(methods), ["naive", "ham", "ham-plus", "ewc", "ranpac"])) {
  gpuTest(`${name} runs through WebGPU and scores as through another backend`, async (gpu) => {
    const webgpu = await createWebGpuExecutor({ gpu });
    const other = await otherBackend();
    try {
      const [found, wanted] = [await run(name, webgpu), await run(name, other)];
      assert.equal(found.start.cell.backend, "webgpu");
      assert.equal(found.end!.status, "done");
      assert.equal(found.tasks.length, 3);
      found.tasks.forEach(({ evaluation }, i) => {
        const expected = wanted.tasks[i]!.evaluation;
        assert.equal(evaluation === undefined, expected === undefined);
        for (const kind of ["classIncremental", "taskIncremental"] as const) {
          evaluation?.[kind].forEach((hits, j) => {
            const gap = Math.abs(hits - expected![kind][j]!);
            assert.ok(
              gap <= TOLERANCE,
              `${kind} of task ${j} after ${i}: ${hits}, wanted ${expected![kind][j]}`,
            );
          });
        }
      });
    } finally {
      await webgpu.dispose();
      await other.dispose();
    }
  });
}
