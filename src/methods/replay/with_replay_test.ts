import assert from "node:assert/strict";
import { classifiers } from "../../classifiers/mod.ts";
import { ncm } from "../../classifiers/linear.ts";
import { createRng, type Rng } from "../../core/rng.ts";
import type { StateValue } from "../../core/state.ts";
import { hostTensor } from "../../core/tensors.ts";
import type { Split } from "../../data/dataset.ts";
import { gradients } from "../../graph/autodiff.ts";
import { add, mul } from "../../graph/functions.ts";
import { imageTable } from "../../train/table.ts";
import type { AdapterMethodState } from "../adapter_method.ts";
import type { Fit, Method } from "../method.ts";
import { createMethod } from "../mod.ts";
import { emptyBuffer, type ImageBuffer, offer } from "../pieces/buffer.ts";
import { CLASSES, createTestKit, runMethod, testTask } from "../test_kit.ts";
import { bases } from "./bases.ts";
import { darkLoss } from "./derpp.ts";
import { drawnLoss } from "./er.ts";
import { assertNear, compute, expected, rowsTensor, vector } from "./test_graph.ts";
import type { Drawn, ReplayState } from "./with_replay.ts";

/** Images of one pixel: the number of the image, which is also ten times less than its label. */
function numbered(first: number, count: number): Split {
  const images = Uint8Array.from({ length: count }, (_, i) => first + i);
  return { images, labels: Int32Array.from(images, (value) => value * 10), count };
}

/** Draws what it is told. */
function scriptedRng(draws: number[]): Rng {
  return {
    ...createRng(0, "none"),
    integer(bound) {
      const value = draws.shift()!;
      assert.ok(value < bound);
      return value;
    },
  };
}

Deno.test("offer() fills up, then lets image n replace place j of n for j drawn below the size", () => {
  const columns = { mark: hostTensor([3, 2], Float32Array.of(0, 0, 1, 1, 2, 2)) };
  const first = offer(emptyBuffer, numbered(0, 3), 2, scriptedRng([2]), columns);
  // Images 0 and 1 fill it; image 2 draws place 2 of 3, which is none.
  assert.deepEqual([...first.images], [0, 1]);
  const later = { mark: hostTensor([3, 2], Float32Array.of(3, 3, 4, 4, 5, 5)) };
  const second = offer(first, numbered(3, 3), 2, scriptedRng([1, 4, 0]), later);
  // Image 3 takes place 1 of 4, image 4 none, image 5 place 0.
  assert.deepEqual([...second.images], [5, 3]);
  assert.deepEqual([...second.labels], [50, 30]);
  assert.deepEqual([...second.columns["mark"]!.data], [5, 5, 3, 3]);
  assert.equal(second.offered, 6);
  assert.deepEqual([...first.images], [0, 1]);
});

Deno.test("offer() keeps every image with the same probability, whichever call brought it", () => {
  const kept = new Float64Array(10);
  const runs = 4000;
  for (let run = 0; run < runs; run++) {
    const rng = createRng(run, "reservoir");
    let buffer: ImageBuffer = emptyBuffer;
    for (const [first, count] of [[0, 2], [2, 5], [7, 3]] as const) {
      buffer = offer(buffer, numbered(first, count), 4, rng);
    }
    for (const image of buffer.images) kept[image]!++;
  }
  // 0.4 each, with a standard deviation of 0.008.
  for (const count of kept) assert.ok(Math.abs(count / runs - 0.4) < 0.03, `${kept}`);
});

Deno.test("the terms of ER and DER++ and their gradients are PyTorch's", async () => {
  const { first, second, stored, labels, seen, alpha, beta, ...wanted } = expected.replay;
  const inputs = {
    first: rowsTensor(first),
    second: rowsTensor(second),
    stored: rowsTensor(stored),
    labels: Int32Array.from(labels),
    seen: vector(seen),
  };
  const found = await compute(inputs, (inputs) => {
    const dark = darkLoss({ rows: { logits: inputs.stored }, logits: inputs.first } as unknown as Drawn);
    const rows = { labels: inputs.labels };
    const labelled = drawnLoss({ rows, logits: inputs.second } as unknown as Drawn, inputs.seen);
    const total = add(mul(dark, alpha), mul(labelled, beta));
    const [slopeFirst, slopeSecond] = gradients(total, [inputs.first, inputs.second]);
    return { dark, labelled, slopeFirst: slopeFirst!, slopeSecond: slopeSecond! };
  });
  assertNear(found["dark"]!, [wanted.dark]);
  assertNear(found["labelled"]!, [wanted.labelled]);
  assertNear(found["slopeFirst"]!, wanted.gradientFirst.flat());
  assertNear(found["slopeSecond"]!, wanted.gradientSecond.flat());
});

type State = ReplayState<StateValue>;

/** The training that a method asks for on its second task. */
async function secondFit(method: Method, change: (state: State) => State = (state) => state): Promise<Fit> {
  const { states } = await runMethod(method, { tasks: 1, train: "really" });
  let asked: Fit | undefined;
  const kit = createTestKit({ task: 1 });
  await method.learn(change(states[1] as State) as unknown as StateValue, testTask(1), {
    ...kit,
    fit: (spec) => kit.fit(asked = spec),
  });
  return asked!;
}

/** The loss before the first step, in which a batch of two holds the whole task. */
async function firstLoss(spec: Fit): Promise<number> {
  const { losses } = await createTestKit().fit({ ...spec, epochs: 1 });
  return losses[0]!;
}

/** Cross-entropy of some logits over some classes. */
function entropy(logits: Float32Array, label: number, classes: readonly number[]): number {
  return Math.log(classes.reduce((sum, other) => sum + Math.exp(logits[other]!), 0)) - logits[label]!;
}

Deno.test("er adds β times the cross-entropy of stored images over all classes seen", async () => {
  const plain = await firstLoss(await secondFit(createMethod("er:size=1,beta=0")));
  const spec = await secondFit(createMethod("er:size=1,beta=0.5"));
  const table = spec.tables["replay.labels"]!;
  assert.equal(table.count, 1);
  assert.deepEqual(Object.keys(spec.tables).sort(), ["main", "replay.labels"]);
  // The stored image is one of the first task; its logits are those of the model that the second task starts from.
  const kit = createTestKit();
  const state = (await runMethod(createMethod("er:size=1,beta=0.5"), { tasks: 1, train: "really" }))
    .states[1] as State;
  const { passes: [pass], fixed, scores } = await createMethod("er").deploy(
    state as unknown as StateValue,
    kit,
  );
  const feature = await kit.map(pass!, imageTable(table.images!));
  const logits = await kit.map(
    { ...(fixed && { fixed }), output: (env) => scores([env.rows()["f"]!], env) },
    {
      count: 1,
      columns: { f: feature },
    },
  );
  const term = entropy(logits.data, table.images!.labels[0]!, [0, 1, 2, 3]);
  assertNear([await firstLoss(spec)], [plain + 0.5 * term], 1e-5);
});

Deno.test("the loss of new images is over all classes seen, unless the run is to say", async () => {
  const over = async (spec: string) => {
    const { data } = (await secondFit(createMethod(spec))).fixed!["mask"]!;
    return [...data].flatMap((value, label) => value ? [label] : []);
  };
  assert.deepEqual(await over("er"), [0, 1, 2, 3]);
  assert.deepEqual(await over("derpp:own=run"), [2, 3]);
});

Deno.test("derpp adds α times the squared move of stored logits, from a batch of its own", async () => {
  const moved = (state: State): State => {
    const { shape, data } = state.buffer.columns["logits"]!;
    const columns = { logits: { shape, data: data.map((value) => value + 2) } };
    return { ...state, buffer: { ...state.buffer, columns } };
  };
  const method = createMethod("derpp:size=3,alpha=0.25,beta=0");
  const spec = await secondFit(method);
  assert.deepEqual(Object.keys(spec.tables).sort(), ["main", "replay.labels", "replay.logits"]);
  assert.deepEqual(spec.tables["replay.logits"]!.columns!["logits"], {
    shape: [2, CLASSES],
    data: (spec.tables["replay.logits"]!.columns!["logits"] as { data: Float32Array }).data,
  });
  // The second task starts from the model that gave the stored logits: nothing has moved, unless they are changed by 2.
  const [as, changed] = [await firstLoss(spec), await firstLoss(await secondFit(method, moved))];
  const plain = await firstLoss(await secondFit(createMethod("derpp:size=3,alpha=0,beta=0")));
  assertNear([as, changed], [plain, plain + 0.25 * 4], 1e-5);
});

Deno.test("replay leaves the wrapped method's start, penalty and merge as they are", async () => {
  const options = { tasks: 3 } as const;
  for (const base of ["ham", "ewc", "taskarith", "naive"]) {
    const alone = await runMethod(createMethod(base), options);
    const wrapped = await runMethod(createMethod(`er:base=${base}`), options);
    // With trainings scripted, replay changes nothing.
    assert.deepEqual(wrapped.deployed, alone.deployed);
    const own = wrapped.own.map((state) => (state as { readonly base: StateValue }).base);
    assert.deepEqual(own, alone.own);
  }
  const spec = await secondFit(
    createMethod({ name: "er", options: { base: "ewc", baseOptions: { lambda: 3 } } }),
  );
  assert.ok(Object.keys(spec.fixed!).some((name) => name.startsWith("extra.anchor.")));
  assert.ok("extra.replay.seen" in spec.fixed!);
});

Deno.test("replay trains along with methods that have terms, frozen parts or perturbations of their own", async () => {
  for (const base of ["ham", "lwf", "sd-lora", "p-and-m"]) {
    assert.ok(base in bases);
    const run = (size: number) =>
      runMethod(createMethod(`er:base=${base},size=${size}`), {
        tasks: 2,
        train: "really",
        epochs: 1,
        taskOf: (index) => testTask(index, 6),
      });
    const { states, deployed } = await run(2);
    assert.deepEqual((states[2] as State).seen, [0, 1, 2, 3], base);
    // What is stored changes what is trained.
    assert.notDeepEqual((await run(1)).deployed, deployed, base);
  }
});

Deno.test("replay takes the options of the wrapped method, checked and filled in", () => {
  const { options } = createMethod({ name: "er", options: { base: "ewc", baseOptions: { lambda: 3 } } });
  assert.deepEqual(options["baseOptions"], { lambda: 3, gamma: 1, samples: 256 });
  assert.throws(
    () => createMethod({ name: "er", options: { base: "ewc", baseOptions: { lamda: 3 } } }),
    /baseOptions/,
  );
  assert.throws(() => createMethod("er:base=joint"), /base/);
  assert.throws(() => createMethod("er:base=simplecil"), /base/);
  assert.ok("ham" in bases && !("joint" in bases));
});

Deno.test("ncm moves the means of earlier classes by how their stored images moved", async () => {
  const features = (...rows: number[][]) => () => Promise.resolve(rowsTensor(rows));
  const state = {
    "head.weight": rowsTensor([[1, 2], [3, 4], [5, 6], [0, 0]]),
    "head.bias": hostTensor([4]),
  };
  const next = await ncm.finish(state, {
    index: 1,
    classes: [3],
    labels: Int32Array.of(3, 3),
    trained: {},
    features: features([1, 1], [2, 3]),
    earlier: features([9, 9], [9, 9]),
    stored: {
      labels: Int32Array.of(0, 1, 0),
      features: features([1, 1], [2, 2], [3, 3]),
      earlier: features([1, 0], [2, 2.5], [1, 2]),
    },
  }, createTestKit());
  // Class 0: mean move ((0, 1) + (2, 1)) / 2; class 1: (0, -0.5); class 2 has no stored image; class 3 is new.
  assertNear(next["head.weight"]!.data, [2, 3, 3, 3.5, 5, 6, 1.5, 2]);
  const options = { tasks: 3, train: "really", classifier: classifiers.ncm } as const;
  const [with500, without] = [
    await runMethod(createMethod("er"), options),
    await runMethod(createMethod("naive"), options),
  ];
  const rows = (run: typeof without, i: number) =>
    ((run.states[i] as AdapterMethodState<StateValue>).classifier ??
      (run.states[i] as State).base.classifier)["head.weight"]!.data.subarray(0, 8);
  assert.deepEqual(rows(without, 1), rows(without, 2));
  assert.notDeepEqual(rows(with500, 1), rows(with500, 2));
});
