/**
 * Each shape of a method that the seam must carry, as a tiny method through real cells on three backends. None of them
 * needed a change in executors or ops.
 */
import assert from "node:assert/strict";
import { Matrix, solve } from "ml-matrix";
import { BackendUnavailableError } from "../../core/errors.ts";
import { encodeState, type StateValue } from "../../core/state.ts";
import { quickly } from "../../core/test_quick.ts";
import { createStream } from "../../data/stream.ts";
import type { Executor } from "../../executors/executor.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { createExecutor } from "../../executors/select.ts";
import { createWebGpuExecutor } from "../../executors/webgpu/executor.ts";
import { gpuTest } from "../../executors/webgpu/testing.ts";
import { classifiers } from "../../classifiers/mod.ts";
import { loraSites } from "../../nn/sites.ts";
import { runCell } from "../run.ts";
import type { RunRecord } from "../records/record.ts";
import { resolveSettings } from "../settings.ts";
import { createMemoryStore } from "../store.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import { predict } from "../../train/predict.ts";
import { imageTable } from "../../train/table.ts";
import { tinyBackbone, toyDataset } from "../../train/test_kit.ts";
import type { Method } from "../../methods/method.ts";
import {
  createTestEngine,
  createTestKit,
  runMethod,
  testTask,
  tinyConfig,
  tinyLora,
} from "../../methods/test_kit.ts";
import { derpp, type DerState } from "./test_derpp.ts";
import { ease } from "./test_ease.ts";
import { gpm, type GpmState, moveWithin } from "./test_gpm.ts";
import { logitsOf, lwf, type LwfState } from "./test_lwf.ts";
import { bayesian, bgd, finetuned, type OwnState, sam, sharp } from "./test_optimisers.ts";
import { codaPrompt, l2p, type PromptState, similarities } from "./test_prompts.ts";
import { FEATURES, ranpac, type RanpacState, RIDGE, ridge } from "./test_ranpac.ts";
import { gates, routed, type RoutedState } from "./test_routed.ts";

const examples = [
  l2p,
  codaPrompt,
  routed,
  ease,
  lwf(),
  derpp(),
  ranpac,
  gpm,
  sharp,
  bgd,
] as unknown as Method[];

const dataset = toyDataset(6, 20);

function run(method: Method, executor: Executor): Promise<RunRecord> {
  return runCell({
    method,
    stream: createStream(dataset, { tasks: 3, orderSeed: 0 }),
    backbone: tinyBackbone(),
    executor,
    settings: resolveSettings({
      head: "linear",
      rank: 2,
      alpha: 2,
      epochs: 8,
      batchSize: 8,
      learningRate: 2e-2,
    }),
    trainSeed: 0,
    environment: {},
    store: createMemoryStore(),
    clock: () => 0,
  });
}

const known = new Map<string, Promise<RunRecord>>();

/** The reference's record, made once. */
function wanted(method: Method): Promise<RunRecord> {
  const record = known.get(method.name) ?? run(method, createReferenceExecutor());
  known.set(method.name, record);
  return record;
}

function assertAgrees(found: RunRecord, wanted: RunRecord): void {
  assert.equal(found.end!.status, "done");
  found.tasks.forEach(({ evaluation }, i) => {
    for (const kind of ["classIncremental", "taskIncremental"] as const) {
      evaluation![kind].forEach((hits, j) => {
        const expected = wanted.tasks[i]!.evaluation![kind][j]!;
        // Of 40 images a task.
        assert.ok(
          Math.abs(hits - expected) <= 2,
          `${kind} of task ${j} after ${i}: ${hits}, wanted ${expected}`,
        );
      });
    }
  });
}

for (const method of quickly(examples, examples.slice(0, 2))) {
  Deno.test(`${method.name} learns, and what it costs is counted`, async () => {
    const { tasks, end } = await wanted(method);
    assert.equal(end!.status, "done");
    // Each task's own classes right after it, with chance at 20 of 40.
    const own = tasks.map(({ evaluation, index }) => evaluation!.taskIncremental[index]!);
    assert.ok(own.reduce((a, b) => a + b) >= 90, `${own}`);
    for (const { cost } of tasks) {
      assert.ok(cost!.flopPerTestImage > 0 && cost!.passesPerTestImage >= 1 && cost!.deployedBytes > 0);
    }
  });

  Deno.test(`${method.name} gives equal state bytes, also through bytes at every boundary`, async () => {
    const options = { tasks: 3, train: "really", taskOf: (i: number) => testTask(i, 5) } as const;
    const [once, again, stored, other] = [
      await runMethod(method, options),
      await runMethod(method, options),
      await runMethod(method, { ...options, viaBytes: true }),
      await runMethod(method, { ...options, seed: 1 }),
    ];
    const bytes = (states: readonly StateValue[]) => states.map((state) => encodeState(state));
    assert.deepEqual(bytes(once.states), bytes(again.states));
    assert.deepEqual(bytes(once.states), bytes(stored.states));
    assert.notDeepEqual(bytes(once.states), bytes(other.states));
  });

  Deno.test(`${method.name} scores an image whatever its batch mates`, async () => {
    const engine = createTestEngine();
    const { predictor } = await runMethod(method, { tasks: 2, train: "really", engine });
    const { train } = testTask(0, 5);
    const all = await predict(engine, predictor, imageTable(train));
    const width = all.shape[1]!;
    for (let row = 0; row < 5; row++) {
      const alone = await predict(engine, predictor, imageTable(train, [row]));
      assert.deepEqual(alone.data, all.data.slice(row * width, (row + 1) * width));
    }
    await engine.dispose();
  });

  const onnx = await createExecutor("onnx", { threads: 1 }).catch((error) => {
    if (error instanceof BackendUnavailableError) return undefined;
    throw error;
  });
  Deno.test({
    name: `${method.name} agrees on ONNX Runtime with the reference`,
    ignore: !onnx,
    async fn() {
      assertAgrees(await run(method, onnx!.executor), await wanted(method));
      await onnx!.executor.dispose();
    },
  });

  gpuTest(`${method.name} agrees on WebGPU with the reference`, async (gpu) => {
    const executor = await createWebGpuExecutor({ gpu });
    assertAgrees(await run(method, executor), await wanted(method));
    await executor.dispose();
  });
}

const kit = createTestKit({ classifier: classifiers.linear });
const really = { train: "really", taskOf: (i: number) => testTask(i, 8) } as const;

Deno.test("l2p chooses for each image, not for all", async () => {
  const { trained } = (await runMethod(l2p as unknown as Method, { ...really, tasks: 1 }))
    .own[1] as PromptState;
  const images = imageTable(testTask(5, 32).train);
  const { data } = await kit.map({
    fixed: trained,
    output: (env) => similarities(env.rows().images, env.fixed, env),
  }, images);
  const best = Array.from({ length: 32 }, (_, row) => {
    const own = [...data.subarray(row * 4, row * 4 + 4)];
    return own.indexOf(Math.max(...own));
  });
  assert.ok(new Set(best).size > 1, `${best}`);
});

Deno.test("routed weighs its experts per image, to a sum of 1", async () => {
  const { own } = await runMethod(routed as unknown as Method, { ...really, tasks: 1 });
  const { trained } = own[1] as RoutedState;
  const { data } = await kit.map({
    fixed: trained,
    output: (env) => gates(env.rows().images, env.fixed, env),
  }, imageTable(testTask(5, 8).train));
  const rows = Array.from({ length: 8 }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
  for (const row of rows) assert.ok(Math.abs(row.reduce((a, b) => a + b) - 1) < 1e-6);
  assert.ok(Math.max(...rows.map(([first]) => Math.abs(first! - rows[0]![0]!))) > 1e-3);
});

Deno.test("lwf stays nearer to the old answers than without its teacher", async () => {
  const distance = async (lambda: number) => {
    const { own } = await runMethod(lwf(lambda) as unknown as Method, { ...really, tasks: 2, epochs: 20 });
    const [first, second] = [own[1], own[2]] as [LwfState, LwfState];
    const table = imageTable(testTask(1, 8).train);
    const answers = ({ trained }: LwfState) =>
      kit.map({ fixed: trained!, output: (env) => logitsOf(env.fixed, env, kit) }, table);
    const [before, after] = [await answers(first), await answers(second)];
    const width = before.shape[1]!;
    return first.seen.reduce((total, label) => {
      const gaps = Array.from(
        { length: 8 },
        (_, i) => after.data[i * width + label]! - before.data[i * width + label]!,
      );
      return total + gaps.reduce((sum, gap) => sum + gap ** 2, 0);
    }, 0);
  };
  const [free, held] = [await distance(0), await distance(20)];
  assert.ok(held < 0.8 * free, `${held}, ${free}`);
});

Deno.test("derpp keeps a bounded reservoir of all tasks, with logits of their time", async () => {
  const { own } = await runMethod(derpp(6) as unknown as Method, { ...really, tasks: 6 });
  const buffers = own.slice(1).map((state) => (state as DerState).buffer);
  for (const { labels, images, logits, offered } of buffers) {
    const count = Math.min(6, offered);
    assert.deepEqual([labels.length, images.length, logits.length], [count, 64 * count, 64 * count]);
  }
  assert.equal(buffers.at(-1)!.offered, 48);
  const tasks = new Set([...buffers.at(-1)!.labels].map((label) => Math.floor(label / 2)));
  assert.ok(tasks.size >= 3, `${[...tasks]}`);
});

Deno.test("ranpac trains on its first task alone, and its ridge is that of a direct solve", async () => {
  const { own, trained } = await runMethod(ranpac as unknown as Method, { ...really, tasks: 3 });
  const states = own as readonly RanpacState[];
  assert.equal(trained.length, 0);
  assert.deepEqual(states[1]!.adapter, states[3]!.adapter);
  const { gram, sums } = states[3]!.statistics;
  const square = Matrix.from1DArray(FEATURES, FEATURES, gram!.data);
  const direct = solve(
    Matrix.add(square, Matrix.eye(FEATURES).mul(RIDGE)),
    Matrix.from1DArray(FEATURES, 64, sums!.data),
  );
  const gap = Matrix.sub(ridge(states[3]!.statistics), direct).norm("frobenius");
  assert.ok(gap < 1e-6 * direct.norm("frobenius"), `${gap}`);
});

Deno.test("gpm's moves leave the span of earlier inputs, whose projectors stay projectors", async () => {
  const { own } = await runMethod(gpm as unknown as Method, { ...really, tasks: 3 });
  const [, first, second, third] = own as readonly GpmState[];
  for (const { name, inputs } of loraSites(tinyConfig, tinyLora.targets)) {
    assert.ok(moveWithin(first!, second!, name) < 1e-5, name);
    assert.ok(moveWithin(second!, third!, name) < 1e-5, name);
    const span = Matrix.from1DArray(inputs, inputs, third!.spans[name]!.data);
    assert.ok(Matrix.sub(span.mmul(span), span).norm("frobenius") < 1e-4);
    assert.ok(Math.abs(span.trace() - 6) < 1e-3);
  }
});

Deno.test("sam within a radius of 0 is the rule around which it is, and differs from it within another", async () => {
  const trained = async (radius: number | undefined) => {
    const rule = radius === undefined ? adamw() : sam(adamw(), radius);
    const method = finetuned("sam", () => rule) as unknown as Method;
    return (await runMethod(method, { ...really, tasks: 1 })).own[1] as OwnState;
  };
  const [plain, still, sharp] = [await trained(undefined), await trained(0), await trained(0.05)];
  assert.deepEqual(still.trained, plain.trained);
  assert.notDeepEqual(sharp.trained, plain.trained);
});

Deno.test("bayesian moves its deviations, keeps them above 0, and goes on with those of the last task", async () => {
  const { own } = await runMethod(bgd as unknown as Method, { ...really, tasks: 2 });
  const [, first, second] = own as readonly OwnState[];
  for (const { slots: [deviations] } of [first!, second!]) {
    assert.ok(deviations!.every((value) => value > 0));
    assert.ok(deviations!.some((value) => Math.abs(value - 0.2) > 1e-3));
  }
  const forgetful = finetuned("bayesian", () => bayesian(2, 0.2)) as unknown as Method;
  const other = await runMethod(forgetful, { ...really, tasks: 2 });
  assert.deepEqual((other.own[1] as OwnState).slots.length, 1);
  assert.notDeepEqual((other.own[2] as OwnState).slots, second!.slots);
});
