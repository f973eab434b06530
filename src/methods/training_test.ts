/**
 * Methods with real trainings, at the smallest size: the laws that are about training hold.
 */
import assert from "node:assert/strict";
import { encodeState } from "../core/state.ts";
import { adapterToTensors } from "../nn/adapter.ts";
import { type EwcState } from "./ewc.ts";
import type { HamState } from "./hierarchy/ham.ts";
import { createMethod } from "./mod.ts";
import { runMethod, testTask } from "./test_kit.ts";

function train(spec: string) {
  return runMethod(createMethod(spec), {
    tasks: 2,
    train: "really",
    taskOf: (index) => testTask(index, 4),
  });
}

Deno.test("ewc with λ = 0 trains exactly as naive does", async () => {
  const [naive, ewc] = [await train("naive"), await train("ewc:lambda=0")];
  assert.deepEqual(ewc.deployed, naive.deployed);
});

Deno.test("ewc keeps the adapter nearer to the last task's, the more the larger λ", async () => {
  const distance = async (spec: string) => {
    const { trained: [first, second] } = await train(spec);
    const [before, after] = [adapterToTensors(first!), adapterToTensors(second!)];
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
  const { own } = await train("ewc");
  const { fisher } = own[2] as EwcState;
  // At the end of a task B is no longer zero, so A has information too.
  for (const [name, values] of Object.entries(fisher!)) assert.ok(Math.max(...values) > 0, name);
});

Deno.test("ham trains importance and learned gains, and stacks on its groups", async () => {
  const { trained, own } = await train("ham:training=stack,groupMerge=concat,groupGain=learned,tau=1");
  for (const { importance } of trained) assert.notEqual(importance, 1);
  const { groups } = own[2] as HamState;
  assert.equal(groups.length, 2);
  assert.notEqual(groups[0]!.gain, 1);
  assert.equal(groups[1]!.gain, 1);
  const fixed = await train("ham:importance=fixed");
  for (const { importance } of fixed.trained) assert.equal(importance, 1);
});

Deno.test("every kind of method trains to the same state twice", async () => {
  for (const spec of ["naive", "ewc", "taskarith", "ham", "concat-pruned"]) {
    const [once, again] = [await train(spec), await train(spec)];
    assert.deepEqual(once.states.map(encodeState), again.states.map(encodeState), spec);
  }
});
