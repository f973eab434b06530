import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { hostTensor } from "../../core/tensors.ts";
import { gradients } from "../../graph/autodiff.ts";
import { add, mul, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { imageTable, type Named } from "../../train/table.ts";
import { createMethod } from "../mod.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import { createTestKit, runMethod, testTask, tinyLora } from "../test_kit.ts";
import { augmentedTriplet, driftResistant, type DrsState, withinSpace } from "./lora_drs.ts";
import { assertClose, computed, numbers, tensor } from "./test_numbers.ts";
import { classMeans } from "../../nn/heads.ts";
import { featurePass } from "../adapter_method.ts";

const { drs } = numbers;

Deno.test("driftResistant() holds a share of the inputs and is divided by its norm", () => {
  assertClose(driftResistant(new Matrix(drs.second), 0.8).to1DArray(), drs.space.flat());
  assertClose(driftResistant(new Matrix(drs.second), 0.99).to1DArray(), drs.most.flat());
});

Deno.test("lora-drs moves A and a square B by Adam within the space, and any other B freely", async () => {
  const kit = createTestKit();
  const run = {
    config: { ...kit.config, width: drs.p.length },
    lora: { ...tinyLora, targets: ["q", "fc1"] },
  } as const;
  const places = { a: "lora.0.q.A", b: "lora.0.q.B", wide: "lora.0.fc1.B" } as const;
  const names = Object.keys(places) as (keyof typeof places)[];
  const fixed = {
    "space.0.q": tensor(drs.p),
    "space.0.fc1": tensor(drs.p),
    ...Object.fromEntries(names.map((name) => [`pull.${places[name]}`, tensor(drs.pulls[name])])),
  };
  const { values } = await kit.fit({
    start: Object.fromEntries(names.map((name) => [places[name], tensor(drs.start[name])])),
    fixed,
    tables: { main: imageTable(testTask(0).train) },
    epochs: 3,
    optimiser: adamw(),
    schedule: { learningRate: 0.01, schedule: "constant", warmup: 0 },
    project: (move, now) => now.pack(withinSpace(now.unpack(move), now.fixed, run)),
    loss(trained, { fixed }) {
      const terms = names.map((name) => {
        const gap = sub(trained[places[name]]!, fixed[`pull.${places[name]}`]!);
        return mul(sum(mul(gap, gap)), 0.5);
      });
      return terms.reduce((x: Tensor, y: Tensor) => add(x, y));
    },
  });
  for (const name of names) assertClose(values[places[name]]!.data, drs.after[name].flat());
});

Deno.test("augmentedTriplet() and its gradient are PyTorch's, whoever is in the batch", async () => {
  const { features, labels, means, triplets } = drs;
  const count = features.length;
  for (const { chosen, margin, loss, slope } of triplets) {
    const weights = Float32Array.from(features, (_, i) => chosen.includes(i) ? 1 : 0);
    // Classes 0 and 1 are earlier ones; class 4 is not known yet and has no mean.
    const known = [...means, [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]];
    const found = await computed({
      feature: tensor(features),
      labels: hostTensor([count], Float32Array.from(labels)),
      weights: hostTensor([count], weights),
      means: tensor(known),
      old: hostTensor([5], Float32Array.of(1, 1, 0, 0, 0)),
    }, (tensors: Named) => {
      const { feature, weights, means, old } = tensors;
      const classes = feature!.graph.make("constant", {
        data: Int32Array.from(labels),
        shape: [count],
        dtype: "i32",
      }, []);
      const value = augmentedTriplet(feature!, classes, weights!, means!, old!, margin);
      const [gradient] = gradients(reshape(value, [1]), [feature!]);
      return { loss: value, slope: gradient! };
    });
    assert.ok(Math.abs(found["loss"]![0]! - loss) < 1e-6, `${found["loss"]![0]} is not ${loss}`);
    const wanted = slope.flat();
    for (let i = 0; i < wanted.length; i++) {
      assert.ok(Math.abs(found["slope"]![i]! - wanted[i]!) < 1e-6, `${chosen}: slope ${i}`);
    }
  }
});

Deno.test("augmentedTriplet() keeps an image off those means alone that its own row says", async () => {
  const { features, labels, means } = drs;
  const [count, margin] = [features.length, 1];
  const known = [...means, ...features.slice(0, 1), [0, 0, 0, 0], [0, 0, 0, 0]];
  // Classes 0, 1 and 2 are earlier ones, and an image does not keep off its own.
  const old = labels.map((label) => [0, 1, 2, 3, 4].map((other) => other < 3 && other !== label ? 1 : 0));
  const found = await computed({
    feature: tensor(features),
    weights: hostTensor([count], new Float32Array(count).fill(1)),
    means: tensor(known),
    old: tensor(old),
  }, ({ feature, weights, means, old }: Named) => {
    const data = Int32Array.from(labels);
    const classes = feature!.graph.make("constant", { data, shape: [count], dtype: "i32" }, []);
    return { loss: augmentedTriplet(feature!, classes, weights!, means!, old!, margin) };
  });
  const unit = (row: readonly number[]) => row.map((value) => value / (Math.hypot(...row) || 1));
  const distance = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((value, i) => value - b[i]!));
  const rows = features.map(unit);
  const hinges = rows.map((row, i) => {
    const to = (isAlike: boolean) =>
      rows.flatMap((other, j) =>
        j !== i && (labels[j] === labels[i]) === isAlike ? [distance(row, other)] : []
      );
    const offMeans = known.flatMap((mean, c) => old[i]![c] ? [distance(row, mean)] : []);
    return Math.max(0, Math.max(0, ...to(true)) - Math.min(...to(false), ...offMeans) + margin);
  });
  const wanted = hinges.reduce((sum, value) => sum + value, 0) / count;
  assert.ok(Math.abs(found["loss"]![0]! - wanted) < 1e-5, `${found["loss"]![0]} is not ${wanted}`);
});

Deno.test("lora-drs keeps the mean feature of every class so far, as the model gave it after the class's task", async () => {
  const { own, states } = await runMethod(createMethod("lora-drs"), { tasks: 2 });
  const method = createMethod("lora-drs");
  const { means, seen } = own.at(-1) as DrsState;
  assert.deepEqual(seen, [0, 1, 2, 3]);
  for (const task of [0, 1]) {
    const kit = createTestKit({ task });
    const { adapter } = (await method.deploy(states[task + 1]!, kit)).merged!;
    const { train } = testTask(task);
    const features = await kit.map(featurePass(adapter), imageTable(train));
    const wanted = classMeans(features.data, train.labels, kit.classes);
    for (const label of testTask(task).classes) {
      const range = [label * wanted.width, (label + 1) * wanted.width] as const;
      assertClose(means.subarray(...range), wanted.means.subarray(...range));
    }
  }
});

Deno.test("lora-drs looks at its images with earlier updates subtracted", async () => {
  const seen: unknown[] = [];
  const method = createMethod("lora-drs");
  let state = method.init(createTestKit());
  for (const task of [0, 1]) {
    const kit = createTestKit({ task });
    const update = task === 1 ? (await method.deploy(state, kit)).merged!.adapter! : undefined;
    state = await method.learn(state, testTask(task, 4), {
      ...kit,
      sum(part, table) {
        const { importance, scale, pairs } = part.adapter!;
        seen.push(importance * scale);
        assert.deepEqual(pairs, update!.pairs);
        return kit.sum(part, table);
      },
    });
  }
  assert.deepEqual(seen, [-1]);
});
