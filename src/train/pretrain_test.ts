import assert from "node:assert/strict";
import { DivergenceError } from "../core/errors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { backboneTensors } from "../nn/config.ts";
import { HEAD_BIAS, HEAD_WEIGHT } from "../nn/classifier.ts";
import { type Checkpoint, checkpointTensors, pretrain, type PretrainOptions } from "./pretrain.ts";
import { constantAdam, tinyConfig, toyDataset, toyPreprocessing } from "./test_kit.ts";

const CLASSES = 3;
const config = { ...tinyConfig, depth: 1 };

/** Trains on 12 images in 3 batches an epoch; everything on. */
async function run(options: Partial<PretrainOptions> = {}) {
  const checkpoints: Checkpoint[] = [];
  const losses: number[] = [];
  const accuracies: number[] = [];
  const last = await pretrain({
    // Rounded, so that a checkpoint in float32 loses nothing.
    executor: createReferenceExecutor({ rounding: "f32" }),
    config,
    dataset: toyDataset(CLASSES, 4),
    preprocessing: toyPreprocessing,
    optimiser: { ...constantAdam, schedule: "cosine", weightDecay: 0.05 },
    batchSize: 5,
    epochs: 4,
    smoothing: 0.1,
    augmentation: { crop: 1, flip: 0.5, jitter: 0.1 },
    mixup: 0.2,
    seed: 0,
    onEpoch({ checkpoint, losses: ofEpoch, accuracy }) {
      checkpoints.push(checkpoint);
      losses.push(...ofEpoch);
      accuracies.push(accuracy);
      return Promise.resolve();
    },
    ...options,
  });
  return { checkpoints, losses, accuracies, last };
}

Deno.test("pretrain() that goes on from a checkpoint equals one that never stopped, bit for bit", async () => {
  const whole = await run();
  assert.equal(whole.losses.length, 12);
  assert.equal(whole.accuracies.length, 4);
  assert.deepEqual(whole.checkpoints.map(({ epochsDone }) => epochsDone), [1, 2, 3, 4]);
  assert.equal(whole.last, whole.checkpoints.at(-1));
  for (const done of [1, 3]) {
    const rest = await run({ checkpoint: whole.checkpoints[done - 1]! });
    assert.deepEqual(rest.losses, whole.losses.slice(3 * done));
    assert.deepEqual(rest.accuracies, whole.accuracies.slice(done));
    assert.deepEqual(rest.last, whole.last);
  }
});

Deno.test("pretrain() is decided by its seed", async () => {
  const [a, b, other] = [
    await run({ epochs: 1 }),
    await run({ epochs: 1 }),
    await run({ epochs: 1, seed: 1 }),
  ];
  assert.deepEqual(a.last, b.last);
  assert.notDeepEqual(a.last, other.last);
});

Deno.test("pretrain() learns, and every weight takes part", async () => {
  const plain = { smoothing: 0, mixup: 0, augmentation: { crop: 0, flip: 0, jitter: 0 }, epochs: 12 };
  const { losses, accuracies, checkpoints } = await run({
    ...plain,
    optimiser: { ...constantAdam, learningRate: 3e-3 },
  });
  assert.ok(Math.abs(losses[0]! - Math.log(CLASSES)) < 0.01, `${losses[0]}`);
  assert.ok(losses.at(-1)! < 0.7 * losses[0]!, `${losses.at(-1)}`);
  // What it was trained on is what it knows.
  assert.ok(accuracies.at(-1)! > 0.8, `${accuracies}`);
  const [first, second] = checkpoints.map((checkpoint) => checkpointTensors(checkpoint, config, CLASSES));
  const names = [...backboneTensors(config).map(({ name }) => name), HEAD_WEIGHT, HEAD_BIAS];
  assert.deepEqual(Object.keys(first!), names);
  for (const name of names) assert.notDeepEqual(first![name]!.data, second![name]!.data, name);
});

Deno.test("pretrain() decays matrices and not biases, norms, class token or positions", async () => {
  // Without a gradient, weights move by decay alone: one class leaves nothing to learn.
  const options = { dataset: toyDataset(1, 4), epochs: 1, batchSize: 4, smoothing: 0, mixup: 0 };
  const one = (weightDecay: number) =>
    run({ ...options, optimiser: { ...constantAdam, learningRate: 0.1, weightDecay } });
  const [plain, decayed] = [await one(0), await one(0.5)].map(({ last }) =>
    checkpointTensors(last, config, 1)
  );
  for (const { name, shape } of backboneTensors(config)) {
    const factor = /weight$/.test(name) && shape.length > 1 ? 0.95 : 1;
    plain![name]!.data.forEach((value, i) =>
      assert.ok(Math.abs(decayed![name]!.data[i]! - factor * value) <= 1e-6 * Math.abs(value), name)
    );
  }
});

Deno.test("pretrain() of no epochs gives the start", async () => {
  const { last, checkpoints } = await run({ epochs: 0 });
  assert.equal(last.epochsDone, 0);
  assert.deepEqual(checkpoints, []);
  assert.ok(last.packed.some((value) => value !== 0));
});

Deno.test("pretrain() ends with the error of onEpoch, and with the step at which it diverges", async () => {
  await assert.rejects(run({ onEpoch: () => Promise.reject(new Error("disk full")) }), /^Error: disk full$/);
  await assert.rejects(
    run({ optimiser: { ...constantAdam, kind: "sgd", learningRate: 1e300 } }),
    (error) => error instanceof DivergenceError && error.step === 1,
  );
});
