import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { optimiserOf, resolveSettings, scheduleOf } from "./settings.ts";

Deno.test("resolveSettings() fills in defaults", () => {
  assert.deepEqual(resolveSettings(), {
    head: "ncm",
    rank: 8,
    alpha: 8,
    targets: ["q", "v"],
    epochs: 5,
    batchSize: 32,
    optimiser: "adamw",
    learningRate: 2e-3,
    weightDecay: 0,
    schedule: "cosine",
    warmup: 0,
  });
  assert.equal(resolveSettings({ rank: 4 }).rank, 4);
});

Deno.test("resolveSettings() refuses what is unknown or out of range, in one line", () => {
  const refused = (settings: object, message: RegExp) =>
    assert.throws(() => resolveSettings(settings), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  refused({ momentum: 0.9 }, /^Cannot use settings: .*"momentum"/);
  refused({ rank: 0 }, /rank/);
  refused({ rank: 1.5 }, /rank/);
  refused({ epochs: 0 }, /epochs/);
  refused({ head: "svm" }, /head/);
  refused({ targets: [] }, /targets/);
  refused({ targets: ["w"] }, /targets/);
  refused({ learningRate: 0 }, /learningRate/);
  refused({ learningRate: "fast" }, /learningRate/);
  refused({ warmup: 1 }, /warmup/);
});

Deno.test("optimiserOf() hands every optimiser setting on", () => {
  const settings = {
    optimiser: "sgd",
    learningRate: 0.1,
    weightDecay: 0.2,
    schedule: "constant",
    warmup: 0.3,
  } as const;
  assert.deepEqual(optimiserOf(resolveSettings(settings)), {
    kind: "sgd",
    learningRate: 0.1,
    weightDecay: 0.2,
    schedule: "constant",
    warmup: 0.3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    momentum: 0.9,
  });
});

Deno.test("resolveSettings() leaves out what is optional and says nothing new, so that equal runs have equal settings", () => {
  const plain = resolveSettings();
  const same = { loss: "task", firstEpochs: plain.epochs, firstRate: plain.learningRate } as const;
  assert.deepEqual(resolveSettings(same), plain);
  const other = { loss: "seen", firstEpochs: 20, firstRate: 0.01 } as const;
  assert.deepEqual(resolveSettings(other), { ...plain, ...other });
});

Deno.test("scheduleOf() has epochs and rate of the first task where they are set", () => {
  const plain = resolveSettings({ epochs: 3, learningRate: 0.5 });
  assert.deepEqual(
    [0, 1].map((task) => scheduleOf(plain, task)),
    [0, 1].map(() => ({ epochs: 3, learningRate: 0.5 })),
  );
  const first = resolveSettings({ epochs: 3, learningRate: 0.5, firstEpochs: 9, firstRate: 0.1 });
  assert.deepEqual(scheduleOf(first, 0), { epochs: 9, learningRate: 0.1 });
  assert.deepEqual(scheduleOf(first, 1), { epochs: 3, learningRate: 0.5 });
});
