import assert from "node:assert/strict";
import type { StateValue } from "../../core/state.ts";
import { hostTensor } from "../../core/tensors.ts";
import { gradients } from "../../graph/autodiff.ts";
import type { LossContext } from "../adapter_method.ts";
import type { Fit } from "../method.ts";
import { createMethod } from "../mod.ts";
import { CLASSES, createTestKit, runMethod, testTask } from "../test_kit.ts";
import { herd } from "./herding.ts";
import { chooseExemplars, exemplarMeans, type IcarlState, remembering } from "./icarl.ts";
import { assertNear, compute, expected, rowsTensor, vector } from "./test_graph.ts";

const none = { images: new Uint8Array(), labels: new Int32Array(), count: 0 };

Deno.test("herd() takes rows in NumPy's order, each once, of equals the first", () => {
  const { features, order } = expected.herding;
  const { data } = rowsTensor(features);
  assert.deepEqual(herd(data, 3, 9), order);
  assert.deepEqual(herd(data, 3, 4), order.slice(0, 4));
  assert.deepEqual(herd(data, 3, 20), order);
  assert.deepEqual(herd(Float32Array.of(1, 1, 1, 1, 1, 1), 2, 2), [0, 1]);
  // The length of a feature has no say.
  assert.deepEqual(herd(data.map((value, i) => value * (1 + Math.floor(i / 3))), 3, 9), order);
});

Deno.test("iCaRL's class means are those of the unit features of its exemplars, of length 1", () => {
  const { features, order, mean } = expected.herding;
  const state = { "head.weight": hostTensor([3, 3]), "head.bias": hostTensor([3]) };
  const exemplars = rowsTensor(order.slice(0, 4).map((i: number) => features[i]));
  const means = exemplarMeans(state, exemplars, Int32Array.of(1, 1, 1, 1));
  assertNear(means["head.weight"]!.data, [0, 0, 0, ...mean, 0, 0, 0]);
});

Deno.test("iCaRL's distillation and its gradient are PyTorch's", async () => {
  const { student, teacher, earlier, temperature, kappa, loss, gradient } = expected.distillation;
  const term = remembering(rowsTensor(teacher), earlier, { kappa, temperature }, { classes: 5 });
  const inputs = {
    student: rowsTensor(student),
    teacher: rowsTensor(teacher),
    weights: vector([1, 1, 1, 0]),
    earlier: term.tensors["earlier"]!,
  };
  const found = await compute(inputs, ({ student, teacher, weights, earlier }) => {
    const env = { rows: () => ({ teacher, weights }) };
    const value = term.build({ env, logits: student, tensors: { earlier } } as unknown as LossContext);
    return { value, slope: gradients(value, [student])[0]! };
  });
  assertNear(found["value"]!, [loss]);
  assertNear(found["slope"]!, gradient.flat());
});

Deno.test("iCaRL keeps size / classes exemplars of each class, the first of each list", async () => {
  // Features are the pixels of images of two pixels.
  const featuresOf = ({ images, count }: { readonly images: Uint8Array; readonly count: number }) =>
    Promise.resolve(hostTensor([count, 2], Float32Array.from(images)));
  const task = (classes: number[], images: number[], labels: number[]) => ({
    index: 0,
    classes,
    lossClasses: classes,
    train: { images: Uint8Array.from(images), labels: Int32Array.from(labels), count: labels.length },
  });
  // Class 0: directions (4, 1), (1, 1), (1, 4), (3, 3); the mean is along (1, 1), which row 1 has, then row 3.
  const first = await chooseExemplars(
    { exemplars: none, seen: [] },
    task([0], [4, 1, 1, 1, 1, 4, 3, 3], [0, 0, 0, 0]),
    3,
    featuresOf,
  );
  assert.deepEqual([...first.images], [1, 1, 3, 3, 4, 1]);
  const second = await chooseExemplars(
    { exemplars: first, seen: [0] },
    task([2, 1], [7, 7, 8, 1, 9, 9], [1, 2, 1]),
    4,
    featuresOf,
  );
  // Four of three classes: one each. The first of class 0 stays, and new classes come in the order of the task.
  assert.deepEqual([...second.labels], [0, 2, 1]);
  assert.deepEqual([...second.images], [1, 1, 8, 1, 7, 7]);
});

Deno.test("iCaRL chooses anew among exemplars and new images where a class comes back", async () => {
  const featuresOf = ({ images, count }: { readonly images: Uint8Array; readonly count: number }) =>
    Promise.resolve(hostTensor([count, 2], Float32Array.from(images)));
  const stored = { images: Uint8Array.of(4, 1, 1, 4, 9, 9), labels: Int32Array.of(0, 0, 5), count: 3 };
  const train = { images: Uint8Array.of(3, 3, 1, 9), labels: Int32Array.of(0, 0), count: 2 };
  const found = await chooseExemplars(
    { exemplars: stored, seen: [0, 5] },
    { index: 1, classes: [0], lossClasses: [0], train },
    4,
    featuresOf,
  );
  // The mean of the directions of (4, 1), (1, 4), (3, 3), (1, 9) is (0.51, 0.73): the new (3, 3) is nearest, and with it the
  // stored (1, 4), at (0.48, 0.84).
  assert.deepEqual([...found.labels], [5, 0, 0]);
  assert.deepEqual([...found.images], [9, 9, 3, 3, 1, 4]);
});

async function secondFit(spec: string): Promise<{ readonly state: IcarlState; readonly fit: Fit }> {
  const method = createMethod(spec);
  const { states } = await runMethod(method, { tasks: 1, train: "really" });
  let asked: Fit | undefined;
  const kit = createTestKit({ task: 1 });
  await method.learn(states[1]!, testTask(1), { ...kit, fit: (fit) => kit.fit(asked = fit) });
  return { state: states[1] as unknown as IcarlState, fit: asked! };
}

Deno.test("iCaRL trains on the task and all exemplars, with the old model's logits of both", async () => {
  const { state, fit } = await secondFit("icarl:size=2");
  const { main } = fit.tables;
  assert.equal(main.count, 4);
  assert.deepEqual([...main.images!.labels], [2, 3, 0, 1]);
  const classes = [...fit.fixed!["mask"]!.data].flatMap((value, label) => value ? [label] : []);
  assert.deepEqual(classes, [0, 1, 2, 3]);
  assert.deepEqual(state.seen, [0, 1]);
  // The student starts where the teacher is: its logits are the column.
  const kit = createTestKit();
  const loss = async (kappa: number) => {
    const { fit } = await secondFit(`icarl:size=2,kappa=${kappa}`);
    return (await kit.fit({ ...fit, epochs: 1 })).losses[0]!;
  };
  const { data } = main.columns!["teacher"] as { readonly data: Float32Array };
  // A batch is two rows, drawn with this seed in a first step; over both batches of an epoch the entropies add up.
  const entropyOf = (row: number) => {
    const own = [0, 1].map((label) => Math.exp(data[row * CLASSES + label]! / 2));
    const total = own[0]! + own[1]!;
    return -own.reduce((sum, value) => sum + value / total * Math.log(value / total), 0);
  };
  const term = await loss(1) - await loss(0);
  const pairs = [0, 1, 2, 3].flatMap((i) =>
    [0, 1, 2, 3].filter((j) => j > i).map((j) => (entropyOf(i) + entropyOf(j)) / 2)
  );
  assert.ok(pairs.some((value) => Math.abs(value - term) < 1e-5), `${term}, wanted one of ${pairs}`);
});

Deno.test("iCaRL scores by its own means, whatever the run's classifier", async () => {
  const { states, predictor } = await runMethod(createMethod("icarl"), { tasks: 2, train: "really" });
  const { means } = states[2] as unknown as IcarlState;
  assert.equal(predictor.merged!.head!.kind, "ncm");
  assert.deepEqual(predictor.merged!.head!.weight, (means as Record<string, StateValue>)["head.weight"]);
});
