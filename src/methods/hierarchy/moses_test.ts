import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { trace } from "../../graph/graph.ts";
import { Matrix } from "ml-matrix";
import { createMethod } from "../mod.ts";
import { featurePass } from "../adapter_method.ts";
import { imageTable } from "../../train/table.ts";
import { createTestKit, runMethod, testTask, tinyLora } from "../test_kit.ts";
import { type MosesState, usedEntries } from "./moses.ts";
import { taskPair } from "./moses_route.ts";
import { gatesOf, hardMask, hostGates, packBits, softMask, unpackBits } from "./sub_experts.ts";

async function evaluate(build: Parameters<typeof trace>[0], feeds: Record<string, Float32Array>) {
  const executable = await createReferenceExecutor().compile(trace(build), {});
  return (await executable.run(feeds, ["y"]))["y"]!;
}

Deno.test("hardMask() keeps the largest scores by magnitude", () => {
  assert.deepEqual([...hardMask([0.1, -0.9, 0.5, -0.2, 0.3], 0.4)], [0, 1, 1, 0, 0]);
  assert.deepEqual([...hardMask([1, 2], 0.01)], [0, 1]);
});

Deno.test("softMask() is ½ at the smallest score that is kept and steep around it", async () => {
  const y = await evaluate(
    (graph) => graph.output("y", softMask(graph.input("x", [5]), 0.4)),
    { x: Float32Array.of(0.1, -0.9, 0.5, -0.2, 0.45) },
  );
  // θ = 0.5: σ(20 (|s| / θ - 1))
  const wanted = [0.2, 1.8, 1, 0.4, 0.9].map((ratio) => 1 / (1 + Math.exp(-20 * (ratio - 1))));
  wanted.forEach((value, i) => assert.ok(Math.abs(y[i]! - value) < 1e-6, `${y}`));
});

Deno.test("gates are the softmax over the largest logits", async () => {
  const logits = [0.1, 0.5, -0.3, 0.2];
  const total = Math.exp(0.5) + Math.exp(0.2);
  const wanted = [0, Math.exp(0.5) / total, 0, Math.exp(0.2) / total];
  const y = await evaluate(
    (graph) => graph.output("y", gatesOf(graph.input("x", [4]), 2)),
    { x: Float32Array.from(logits) },
  );
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(y[i]! - value) < 1e-6);
    assert.ok(Math.abs(hostGates(logits, 2)[i]! - value) < 1e-12);
  });
  assert.deepEqual(hostGates([1, 1, 1], 2), [0.5, 0.5, 0]);
});

Deno.test("packBits() keeps bits, eight to a byte", () => {
  const bits = Uint8Array.of(1, 0, 1, 1, 0, 0, 0, 1, 0, 1);
  assert.deepEqual([...packBits(bits)], [0b10001101, 0b10]);
  assert.deepEqual(unpackBits(packBits(bits), 10), bits);
});

Deno.test("taskPair() takes the masked entries of the gated experts", () => {
  // Three experts of rank 1; the second has no part.
  const a = hostTensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const b = hostTensor([2, 3], Float32Array.of(7, 8, 9, 10, 11, 12));
  const masks = {
    "0.q": { a: packBits(Uint8Array.of(1, 0, 1, 1, 1, 1)), b: packBits(Uint8Array.of(1, 1, 1, 0, 1, 1)) },
  };
  const pair = taskPair({ a, b }, { gates: [0.25, 0, 0.75], masks }, "0.q", 1);
  assert.deepEqual([...pair.a], [1, 0, 5, 6]);
  assert.deepEqual([...pair.b], [7 * 0.25, 9 * 0.75, 0, 12 * 0.75]);
});

Deno.test("moses never changes an entry that a task uses, and lets later tasks use it too", async () => {
  const { own } = await runMethod(createMethod("moses:keep=0.5"), { tasks: 4, train: "really" });
  const states = own as readonly MosesState[];
  let reused = 0;
  let changed = 0;
  for (const [i, state] of states.entries()) {
    if (i === 0) continue;
    const used = usedEntries(state);
    const next = states[i + 1];
    for (const [site, pair] of Object.entries(used)) {
      for (const factor of ["a", "b"] as const) {
        const before = state.experts[site]![factor].data;
        const after = next ? next.experts[site]![factor].data : before;
        const mask = next && unpackBits(next.tasks[i]!.masks[site]![factor], before.length);
        pair[factor].forEach((bit, k) => {
          if (bit === 1) assert.equal(after[k], before[k]);
          else if (after[k] !== before[k]) changed++;
          if (bit === 1 && mask?.[k] === 1) reused++;
        });
      }
    }
  }
  assert.ok(reused > 0 && changed > 0, `${reused} ${changed}`);
});

Deno.test("moses masks the share that it is told, in two of four experts", async () => {
  const { own } = await runMethod(createMethod("moses:keep=0.3"), { tasks: 1, train: "really" });
  const { tasks: [task], experts } = own.at(-1) as MosesState;
  assert.equal(task!.gates.filter((gate) => gate > 0).length, 2);
  const idle = task!.gates.flatMap((gate, expert) => gate === 0 ? [expert] : []);
  for (const [site, { a }] of Object.entries(experts)) {
    const bits = unpackBits(task!.masks[site]!.a, a.data.length);
    const perExpert = a.data.length / 4;
    for (const expert of idle) {
      assert.ok(bits.subarray(expert * perExpert, (expert + 1) * perExpert).every((bit) => bit === 0));
    }
    const kept = bits.reduce((sum, bit) => sum + bit, 0);
    assert.ok(kept > 0 && kept <= Math.round(0.3 * a.data.length));
  }
});

Deno.test("moses gives each image the update of the task with the nearest key", async () => {
  const kit = createTestKit();
  const method = createMethod("moses:keep=0.5");
  const { own, predictor } = await runMethod(method, { tasks: 3, train: "really" });
  const { tasks, experts } = own.at(-1) as MosesState;
  const table = imageTable(testTask(1, 6).train);
  const frozen = await kit.map(featurePass(undefined), table);
  const routed = await kit.map(predictor.passes[0]!, table);
  const width = frozen.shape[1]!;
  // Every task's update folded in, as an adapter.
  const byTask = await Promise.all(tasks.map((task) => {
    const pairs = Object.entries(experts).map(([site, pair]) => {
      const { a, b } = taskPair(pair, task, site, tinyLora.rank);
      const rank = 2 * tinyLora.rank;
      return [site, {
        a: hostTensor([rank, pair.a.shape[1]!], a),
        b: hostTensor([pair.b.shape[0]!, rank], b),
      }] as const;
    });
    const adapter = { scale: tinyLora.scale, importance: 1, pairs: Object.fromEntries(pairs) };
    return kit.map(featurePass(adapter), table);
  }));
  const chosen = new Set<number>();
  for (let row = 0; row < 6; row++) {
    const feature = Matrix.rowVector([...frozen.data.subarray(row * width, (row + 1) * width)]);
    const cosines = tasks.map(({ key }) => feature.dot(Matrix.rowVector([...key])) / feature.norm());
    const task = cosines.indexOf(Math.max(...cosines));
    chosen.add(task);
    for (let i = row * width; i < (row + 1) * width; i++) {
      assert.ok(Math.abs(routed.data[i]! - byTask[task]!.data[i]!) < 1e-4, `${row}`);
    }
  }
  for (const { key } of tasks) assert.ok(Math.abs(Math.hypot(...key) - 1) < 1e-6);
});
