import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { mapPairs } from "../../merge/delta.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { spectrumOf, toMatrix } from "../../merge/spectrum.ts";
import { subspaceSimilarity } from "../../merge/subspace.ts";
import { type Adapter, createAdapter } from "../../nn/adapter.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, type FakeTraining, runMethod, testTask, tinyConfig, tinyLora } from "../test_kit.ts";
import { centredGram, evenSample, linearCka } from "./cka.ts";
import type { HamState } from "./ham.ts";
import { compareToGroups, meanFeature, type SimilarityKind, similarityKinds } from "./similarity.ts";

type Rows = number[][];
type Update = { b: Rows; a: Rows };

const expected: {
  subspace: {
    one: Update;
    other: Update;
    cases: { side: "left" | "right"; k: number; phi: number }[];
  };
  cka: { frozen: Rows; one: Rows; other: Rows; features: number; changes: number };
} = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/hierarchy/expected.json", import.meta.url)),
);

const matrix = (rows: Rows) => toMatrix(rows.flat(), rows.length, rows[0]!.length);
const tensor = (rows: Rows) => hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));

function assertNear(found: number, wanted: number, most = 1e-9) {
  assert.ok(Math.abs(found - wanted) <= most, `${found} is not ${wanted}`);
}

function random(label: string): Adapter {
  const rng = createRng(5, label);
  return mapPairs(createAdapter(tinyConfig, tinyLora, rng), ({ a, b }) => ({
    a: { ...a, data: a.data.map(() => rng.normal()) },
    b: { ...b, data: b.data.map(() => rng.normal()) },
  }));
}

const room = { count: 4, rank: 2 };
const kit = createTestKit();
const task = testTask(0, 9);
const compare = (kind: SimilarityKind, own: Adapter, groups: readonly Adapter[]) =>
  compareToGroups(
    kind,
    { adapter: own },
    groups.map((adapter) => ({ adapter, members: 1 })),
    task,
    kit,
    room,
  );

Deno.test("subspaceSimilarity() is what NumPy finds for the leading singular vectors, left and right", () => {
  const [one, other] = [expected.subspace.one, expected.subspace.other].map(({ a, b }) =>
    spectrumOf({ left: matrix(b), right: matrix(a) })
  );
  for (const { side, k, phi } of expected.subspace.cases) {
    assertNear(subspaceSimilarity(one!, other!, k, side), phi);
    assertNear(subspaceSimilarity(other!, one!, k, side), phi);
  }
});

Deno.test("subspaceSimilarity() is 1 for one span, whatever lies in it, and 0 beside an update of zero", () => {
  const { a, b } = expected.subspace.one;
  const one = spectrumOf({ left: matrix(b), right: matrix(a) });
  const turned = spectrumOf({ left: matrix(b).mul(-3), right: matrix(a.toReversed()) });
  assertNear(subspaceSimilarity(one, turned, 3, "left"), 1);
  const zero = spectrumOf({ left: matrix(b).mul(0), right: matrix(a) });
  assert.equal(subspaceSimilarity(one, zero, 3, "left"), 0);
  const short = spectrumOf({ left: matrix(b.slice(1)), right: matrix(a) });
  assert.throws(() => subspaceSimilarity(one, short, 2, "left"), /found vectors of 7 and 6 numbers/);
});

Deno.test("linearCka() is what NumPy finds in the space of features", () => {
  const { frozen, one, other, features, changes } = expected.cka;
  const change = (rows: Rows) => rows.map((row, i) => row.map((value, j) => value - frozen[i]![j]!));
  const cka = (x: Rows, y: Rows) => linearCka(centredGram(tensor(x)), centredGram(tensor(y)));
  // The features are stored in 32 bits.
  assertNear(cka(one, other), features, 1e-6);
  assertNear(cka(change(one), change(other)), changes, 1e-6);
});

Deno.test("linearCka() sees no rotation, scale or shift, and is 0 where nothing varies", () => {
  const { one, other } = expected.cka;
  const turned = one.map(([a, b, c, d]) => [2 - 3 * b!, 1 + 3 * a!, -3 * d!, 3 * c!]);
  const gram = (rows: Rows) => centredGram(tensor(rows));
  assertNear(linearCka(gram(one), gram(turned)), 1, 1e-6);
  assert.equal(linearCka(gram(one), gram(one.map(() => other[0]!))), 0);
  assert.throws(() => linearCka(gram(one), gram(one.slice(1))), /found 6 and 5 images/);
});

Deno.test("evenSample() takes as many images of each class as there are, also where they go round the classes", () => {
  assert.deepEqual([...evenSample([0, 1, 0, 1, 0, 1, 0, 1], 4)], [0, 1, 2, 3]);
  assert.deepEqual([...evenSample([7, 7, 7, 7, 3, 3], 4)], [0, 1, 4, 5]);
  assert.deepEqual([...evenSample([7, 7, 7, 7, 3], 4)], [0, 1, 2, 4]);
  assert.deepEqual([...evenSample([5, 4], 9)], [0, 1]);
});

Deno.test("every similarity of adapters is largest with itself, at any length", async () => {
  const [own, other] = [random("own"), random("other")];
  for (const kind of ["centred", "cosine", "subspace", "cka"] as const) {
    const [near, far] = await compare(kind, own, [scaleAdapter(own, 1.5), other]);
    assert.ok(near! > 0.8 && far! < near! - 0.1, `${kind}: ${near} and ${far}`);
  }
});

Deno.test("cka compares what adapters change, cka-features what is left with the backbone in it", async () => {
  const [own, other] = [random("own"), random("other")].map((adapter) => scaleAdapter(adapter, 0.01));
  const featuresOf = async (adapter?: Adapter) => await kit.map(featurePass(adapter), imageTable(task.train));
  const [frozen, x, y] = [await featuresOf(), await featuresOf(own), await featuresOf(other)];
  const change = ({ shape, data }: typeof x) =>
    centredGram(hostTensor(shape, data.map((value, i) => value - frozen.data[i]!)));
  const [ofChanges] = await compare("cka", own!, [other!]);
  assert.equal(ofChanges, linearCka(change(x), change(y)));
  const [ofFeatures] = await compare("cka-features", own!, [other!]);
  assert.equal(ofFeatures, linearCka(centredGram(x), centredGram(y)));
  // Small adapters change little, yet in ways of their own.
  assert.ok(ofFeatures! > 0.99 && ofChanges! < 0.9, `${ofFeatures} and ${ofChanges}`);
});

Deno.test("features compares mean frozen features around the mean of all tasks, whatever adapters say", async () => {
  const feature = await meanFeature(task, kit);
  const { shape: [count, width], data } = await kit.map(featurePass(undefined), imageTable(task.train));
  const column = (i: number) => data.filter((_, place) => place % width! === i);
  assert.deepEqual(
    [...feature],
    Array.from({ length: width! }, (_, i) => column(i).reduce((sum, value) => sum + value, 0) / count!),
  );
  // By hand, with m = (1/3, 2/3): (1, 0) - m to (1, 0) - m and, of two members, to (0, 1) - m.
  const groups = [{ members: 1, feature: [1, 0] }, { members: 2, feature: [0, 1] }].map((group) => ({
    ...group,
    adapter: random("any"),
    feature: Float64Array.from(group.feature),
  }));
  const own = { adapter: random("own"), feature: Float64Array.of(1, 0) };
  const found = await compareToGroups("features", own, groups, task, kit, room);
  [1, -1].forEach((wanted, j) => assertNear(found[j]!, wanted));
});

Deno.test("random draws anew for each task, and the same again for the same seed", async () => {
  const [own, other] = [random("own"), random("other")];
  const draw = (index: number, seed = 0) =>
    compareToGroups(
      "random",
      { adapter: own },
      [own, other].map((adapter) => ({ adapter, members: 1 })),
      testTask(index),
      createTestKit({ task: index, seed }),
      room,
    );
  const first = await draw(1);
  assert.deepEqual(await draw(1), first);
  assert.ok(first.every((value) => value >= 0 && value < 1) && first[0] !== first[1]);
  assert.notDeepEqual(await draw(2), first);
  assert.notDeepEqual(await draw(1, 1), first);
});

Deno.test("ham groups by every similarity; by those of weights it finds two kinds of adapters", async () => {
  const train: FakeTraining = (_, { index }) => {
    const rng = createRng(6, `${index}`);
    return mapPairs(random(`kind ${index % 2}`), ({ a, b }) => ({
      a,
      b: { ...b, data: b.data.map((value) => 0.1 * (value + 0.1 * rng.normal())) },
    }));
  };
  for (const similarity of similarityKinds) {
    const method = createMethod(`ham:keep=1,similarity=${similarity}`);
    const { own, states } = await runMethod(method, {
      tasks: 6,
      train,
      taskOf: (index) => testTask(index, 12),
    });
    const { members } = method.facts!(states.at(-1)!) as { members: number[][] };
    assert.deepEqual(members.flat().toSorted(), [0, 1, 2, 3, 4, 5]);
    if (["centred", "subspace", "cka"].includes(similarity)) {
      assert.deepEqual(members, [[0, 2, 4], [1, 3, 5]], similarity);
    }
    const { groups } = own.at(-1) as HamState;
    assert.ok(groups.every(({ feature }) => (feature !== undefined) === (similarity === "features")));
  }
});

Deno.test("ham keeps of each group the mean frozen feature of its members' images", async () => {
  const { own } = await runMethod(createMethod("ham:similarity=features,tau=-1"), { tasks: 3 });
  const [{ feature, members }] = (own.at(-1) as HamState).groups as [HamState["groups"][number]];
  assert.deepEqual(members, [0, 1, 2]);
  const means = await Promise.all(members.map((index) => meanFeature(testTask(index), kit)));
  feature!.forEach((value, i) => assertNear(value, (means[0]![i]! + means[1]![i]! + means[2]![i]!) / 3));
});
