/**
 * Methods with the real trainer, at the smallest size: what they ask for can be trained, and the laws that are about
 * training hold.
 */
import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { encodeState, type StateValue } from "../core/state.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { createMerger } from "../merge/merger.ts";
import { adapterToTensors, createAdapter } from "../nn/adapter.ts";
import { createBackbone } from "../nn/backbone.ts";
import type { LinearHead } from "../nn/heads.ts";
import { initBackbone, initHead } from "../nn/init.ts";
import { defaultOptimiser } from "../train/optimiser.ts";
import { Trainer } from "../train/trainer.ts";
import { type EwcState } from "./ewc.ts";
import type { HamState } from "./ham.ts";
import type { Kit, TaskView, Trained } from "./method.ts";
import { createMethod } from "./mod.ts";
import { tinyConfig, tinyLora } from "./test_kit.ts";

const CLASSES = 4;
const IMAGES = 4;

/** Random images of two classes. */
function task(index: number): TaskView {
  const rng = createRng(index, "images");
  const classes = [2 * index, 2 * index + 1];
  return {
    index,
    classes,
    train: {
      images: Uint8Array.from({ length: IMAGES * 64 }, () => rng.integer(256)),
      labels: Int32Array.from({ length: IMAGES }, (_, i) => classes[i % 2]!),
      count: IMAGES,
    },
  };
}

/** Runs two tasks through the real trainer. */
async function train(spec: string) {
  const executor = createReferenceExecutor();
  const pixels = { mean: [0.5], std: [0.5] };
  const weights = initBackbone(tinyConfig, createRng(0, "backbone"));
  const trainer = new Trainer({
    executor,
    backbone: createBackbone({ id: "tiny", config: tinyConfig, weights, pixels }),
    preprocessing: { channels: 1, height: 8, width: 8, size: 8, ...pixels },
    shape: { config: tinyConfig, lora: tinyLora, classes: CLASSES, batch: 2, head: "linear" },
    optimiser: { ...defaultOptimiser, learningRate: 0.02 },
    epochs: 2,
    featureBatch: 4,
  });
  let head: LinearHead = initHead(CLASSES, tinyConfig.width, createRng(0, "head"));
  const kit: Kit = {
    config: tinyConfig,
    lora: tinyLora,
    rng: (purpose) => createRng(0, purpose),
    freshAdapter: (purpose) => createAdapter(tinyConfig, tinyLora, createRng(0, purpose)),
    merger: createMerger(executor),
    fisher: (adapter, { train, classes }, samples) =>
      trainer.fisher({ split: train, classes }, [0, 1, 2, 3].slice(0, samples), adapter, head),
  };
  const method = createMethod(spec);
  const states: StateValue[] = [method.init(kit)];
  const trained: Trained[] = [];
  for (const view of [task(0), task(1)]) {
    const training = await method.begin(states.at(-1)!, view, kit);
    const data = { split: view.train, classes: view.classes };
    const result = await trainer.train(data, training, head, createRng(0, `order ${view.index}`));
    head = result.head;
    trained.push(result);
    states.push(await method.end(states.at(-1)!, view, result, kit));
  }
  trainer.dispose();
  return { states, trained, deployed: await method.deploy(states.at(-1)!, kit) };
}

Deno.test("ewc with λ = 0 trains exactly as naive does", async () => {
  const [naive, ewc] = [await train("naive"), await train("ewc:lambda=0")];
  assert.deepEqual(ewc.deployed, naive.deployed);
});

Deno.test("ewc keeps the adapter nearer to the last task's, the more the larger λ", async () => {
  const distance = async (spec: string) => {
    const { trained: [first, second] } = await train(spec);
    const [before, after] = [adapterToTensors(first!.adapter), adapterToTensors(second!.adapter)];
    return Math.hypot(
      ...Object.keys(before).flatMap((name) =>
        [...before[name]!.data].map((value, i) => after[name]!.data[i]! - value)
      ),
    );
  };
  const [free, held, tight] = [
    await distance("naive"),
    await distance("ewc:lambda=1e4"),
    await distance("ewc:lambda=1e8"),
  ];
  assert.ok(tight < 0.8 * free && held <= free, `${free}, ${held}, ${tight}`);
  const { states } = await train("ewc");
  const { fisher } = states[2] as EwcState;
  // At the end of a task B is no longer zero, so A has information too.
  for (const [name, values] of Object.entries(fisher!)) assert.ok(Math.max(...values) > 0, name);
});

Deno.test("ham trains importance and learned gains, and stacks on its groups", async () => {
  const { trained, states } = await train("ham:training=stack,groupMerge=concat,groupGain=learned,tau=1");
  for (const { adapter } of trained) assert.notEqual(adapter.importance, 1);
  assert.equal(trained[1]!.gains.length, 1);
  assert.notEqual(trained[1]!.gains[0], 1);
  const { groups } = states[2] as HamState;
  assert.deepEqual(groups.map(({ gain }) => gain), [trained[1]!.gains[0], 1]);
  const fixed = await train("ham:importance=fixed");
  for (const { adapter } of fixed.trained) assert.equal(adapter.importance, 1);
});

Deno.test("every kind of method trains to the same state twice", async () => {
  for (const spec of ["naive", "ewc", "taskarith", "ham", "concat-pruned"]) {
    const [once, again] = [await train(spec), await train(spec)];
    assert.deepEqual(once.states.map(encodeState), again.states.map(encodeState), spec);
  }
});
