import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { concat } from "../../merge/concat.ts";
import { composeDelta, rankOf } from "../../merge/delta.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import { mapPairs } from "../../merge/delta.ts";
import { type Adapter, createAdapter } from "../../nn/adapter.ts";
import type { HamState } from "./ham.ts";
import { createMethod } from "../mod.ts";
import {
  type FakeTraining,
  randomStep,
  runMethod,
  type TestRunOptions,
  tinyConfig,
  tinyLora,
} from "../test_kit.ts";

/** Pruning and the cap off: what is merged is what was trained. */
const exact = "keep=1,groupRank=null";

/** A trained adapter near a direction that belongs to a label. */
function near(direction: string, noise: number, distance = 0.05): Adapter {
  const base = createAdapter(tinyConfig, tinyLora, createRng(1, direction));
  const rng = createRng(2, direction);
  const step = createRng(3, `${direction} ${noise}`);
  return mapPairs(base, ({ a, b }) => ({
    a: { ...a, data: a.data.map((value) => value + distance * step.normal() / 3) },
    b: { ...b, data: b.data.map(() => rng.normal() + distance * step.normal()) },
  }));
}

/** Tasks alternate between directions. */
const clusters = (...directions: string[]): FakeTraining => (_, { index }) =>
  near(directions[index % directions.length]!, index);

async function runHam(options: string, tasks: number, rest: Partial<TestRunOptions> = {}) {
  const method = createMethod(options ? `ham:${options}` : "ham");
  const run = await runMethod(method, { tasks, ...rest });
  const own = run.own as readonly HamState[];
  return { ...run, own, last: own.at(-1)!, facts: method.facts!(run.states.at(-1)!) };
}

function assertDelta(found: Adapter | undefined, wanted: (site: string) => ArrayLike<number>, most = 1e-5) {
  const error = deltaError(found!, wanted);
  assert.ok(error <= most, `ΔW is ${error} off`);
}

Deno.test("ham puts two clusters of tasks into two groups", async () => {
  const { facts } = await runHam(exact, 6, { train: clusters("up", "down") });
  assert.deepEqual(facts.members, [[0, 2, 4], [1, 3, 5]]);
  assert.equal(facts.groups, 2);
  const similarity = facts.similarity as number[];
  // Beside two groups of one size what is nearer to one is farther from the other.
  assert.ok(similarity[1]! > 0.9 && similarity[0]! < -0.9, `${similarity}`);
});

Deno.test("ham tells kinds of tasks apart that have most of their update in common, for twenty tasks", async () => {
  const kinds = [0, 1, 2, 0, 1, 1, 1, 1, 2, 0, 1, 1, 2, 1, 0, 1, 1, 2, 1, 1];
  const normals = (label: string, size: number) => {
    const rng = createRng(4, label);
    return Float32Array.from({ length: size }, () => rng.normal());
  };
  const base = createAdapter(tinyConfig, tinyLora, createRng(1, "all"));
  const train: FakeTraining = (_, { index }) =>
    mapPairs(base, ({ a, b }, site) => {
      const [all, kind, own] = ["all", `kind ${kinds[index]}`, `task ${index}`]
        .map((label) => normals(`${site} ${label}`, b.data.length));
      return { a, b: { ...b, data: all!.map((value, i) => value + 0.5 * kind![i]! + 0.3 * own![i]!) } };
    });
  const tasksOf = (kind: number) => kinds.flatMap((found, task) => found === kind ? [task] : []);
  const { facts } = await runHam("", 20, { train });
  assert.deepEqual(facts.members, [0, 1, 2].map(tasksOf));
  const { facts: plain } = await runHam("similarity=cosine,tau=0.1", 20, { train });
  assert.equal(plain.groups, 1);
});

Deno.test("ham joins the nearest group by force at the cap", async () => {
  const train = clusters("a", "b", "c");
  const open = await runHam(exact, 3, { train });
  assert.equal(open.facts.groups, 3);
  const { facts } = await runHam(`${exact},maxGroups=2`, 3, { train });
  const [toA, toB] = facts.similarity as [number, number];
  assert.deepEqual(facts.members, toA >= toB ? [[0, 2], [1]] : [[0], [1, 2]]);
  assert.ok(Math.max(toA, toB) < 0.3);
});

Deno.test("ham with tau -1 has one group; with tau 1 it opens groups up to the cap", async () => {
  const train = clusters("up", "down");
  const { facts: one } = await runHam("tau=-1", 5, { train });
  assert.deepEqual(one.members, [[0, 1, 2, 3, 4]]);
  const { facts: all } = await runHam("tau=1,maxGroups=4", 6, { train });
  assert.deepEqual(all.members, [[0, 4], [1, 5], [2], [3]]);
});

Deno.test("ham deploys the mean of the groups' means by default, whatever their sizes", async () => {
  const train = clusters("up", "up", "down");
  const { trained, deployed, facts } = await runHam(exact, 3, { train });
  assert.deepEqual(facts.members, [[0, 1], [2]]);
  const adapters = trained;
  assertDelta(deployed, (site) => weightedDelta(adapters, [0.25, 0.25, 0.5], site));
  assert.deepEqual(facts.gains, [0.5, 0.5]);
});

Deno.test("ham's switches of merge, gain and scale weigh the members as they say", async () => {
  const train = clusters("up", "up", "down");
  const weights: Readonly<Record<string, readonly number[]>> = {
    "groupMerge=concat,groupGain=one": [1, 1, 1],
    "groupMerge=concat,groupGain=mean": [0.5, 0.5, 0.5],
    "groupMerge=average,groupGain=one": [0.5, 0.5, 1],
    "groupMerge=average,groupGain=one,finalScale=0.3": [0.15, 0.15, 0.3],
  };
  for (const [options, wanted] of Object.entries(weights)) {
    const { trained, deployed } = await runHam(`${exact},${options}`, 3, { train });
    assertDelta(deployed, (site) => weightedDelta(trained, wanted, site));
  }
});

Deno.test("ham trains the importance unless it is fixed, and a larger importance weighs more", async () => {
  const asked: unknown[] = [];
  const onTraining: TestRunOptions["onTraining"] = ({ trainImportance }) => void asked.push(trainImportance);
  await runHam("", 1, { onTraining });
  await runHam("importance=fixed", 1, { onTraining });
  assert.deepEqual(asked, [true, false]);
  const train: FakeTraining = (_, { index }) => scaleAdapter(near("up", index), index + 1);
  const { deployed } = await runHam(exact, 2, { train });
  assertDelta(deployed, (site) => weightedDelta([near("up", 0), near("up", 1)], [0.5, 1], site));
});

Deno.test("ham cuts a group back to its rank by the best fit", async () => {
  const train = clusters("up");
  const { last, trained } = await runHam("keep=1,groupRank=3,groupMerge=concat", 2, { train });
  const group = last.groups[0]!.adapter;
  for (const pair of Object.values(group.pairs)) assert.equal(rankOf(pair), 3);
  const sum = concat(trained);
  // Four singular values, of which the members' likeness makes the last small.
  assertDelta(group, (site) => composeDelta(sum, site), 0.1);
  assert.ok(deltaError(group, (site) => composeDelta(sum, site)) > 1e-4);
});

Deno.test("ham without groups is concat-pruned: plain concatenation makes grouping void (a reviewer's remark)", async () => {
  for (const pruning of ["keep=1", "keep=0.4", "keep=0.4,balance=false", "keep=0.5,pruneSpace=delta"]) {
    const plain = await runMethod(createMethod(`concat-pruned:weighting=sum,${pruning}`), { tasks: 5 });
    for (const groups of ["maxGroups=100,tau=1", "tau=-1", "tau=0.2"]) {
      const options = `groupMerge=concat,groupGain=one,groupRank=null,${groups},${pruning}`;
      const { deployed } = await runHam(options, 5);
      assertDelta(deployed, (site) => composeDelta(plain.deployed!, site));
    }
  }
});

Deno.test("ham's groups matter as soon as a group is pruned, capped or averaged as a whole", async () => {
  for (const option of ["pruneOn=group,keep=0.4", "groupRank=2,keep=1", "groupMerge=average,keep=1"]) {
    const options = `groupMerge=concat,groupGain=one,groupRank=null`.split(",")
      .filter((one) => !option.includes(one.split("=")[0]!)).join(",");
    const [one, many] = await Promise.all(
      ["tau=-1", "maxGroups=100,tau=1"].map((groups) => runHam(`${options},${option},${groups}`, 4)),
    );
    assert.ok(deltaError(one!.deployed!, (site) => composeDelta(many!.deployed!, site)) > 0.01, option);
  }
});

Deno.test("ham prunes the task's adapter, or the group after each joining", async () => {
  const train = clusters("up");
  const zeros = (state: HamState) =>
    Object.values(state.groups[0]!.adapter.pairs).flatMap(({ a, b }) => [a, b])
      .map(({ data }) => data.filter((value) => value === 0).length / data.length);
  const share = (options: string) =>
    runHam(`groupRank=null,keep=0.5,tau=-1,groupMerge=concat,${options}`, 3, { train });
  for (const pruneOn of ["task", "group"]) {
    const { last } = await share(`pruneOn=${pruneOn}`);
    for (const part of zeros(last)) assert.ok(Math.abs(part - 0.5) < 0.07, `${pruneOn}: ${part} are zero`);
  }
  const { last } = await share("pruneSpace=none");
  for (const part of zeros(last)) assert.equal(part, 0);
});

Deno.test("ham shares the start, draws it afresh, or takes the group of the last task", async () => {
  const starts = async (options: string) => {
    const found: Adapter[] = [];
    await runHam(options, 3, { train: randomStep(), onTraining: ({ start }) => void found.push(start) });
    return found;
  };
  const shared = await starts("start=shared");
  assert.deepEqual(shared[1], shared[0]);
  const fresh = await starts("start=fresh");
  assert.deepEqual(fresh[0], shared[0]);
  assert.notDeepEqual(fresh[1], fresh[0]);
  const nearest = await starts(`start=nearest,${exact}`);
  assert.deepEqual(nearest[0], shared[0]);
  const { trained } = await runHam(`start=nearest,${exact}`, 1, { train: randomStep() });
  assertDelta(nearest[1], (site) => composeDelta(trained[0]!, site));
});

Deno.test("ham does not count a warm start twice: a sum takes the change, a mean the whole", async () => {
  // Training that changes nothing.
  const train: FakeTraining = ({ start }, { index }) => index === 0 ? near("up", 0) : start;
  for (const groupMerge of ["concat", "average"]) {
    const options = `${exact},start=nearest,groupMerge=${groupMerge},groupGain=one`;
    const { deployed, facts } = await runHam(options, 4, { train });
    assert.deepEqual(facts.members, [[0, 1, 2, 3]]);
    assertDelta(deployed, (site) => composeDelta(near("up", 0), site));
  }
});

Deno.test("ham stack trains on top of the groups, in slots of one size", async () => {
  const frozen: unknown[] = [];
  await runHam("training=stack,groupMerge=concat,groupGain=one,maxGroups=3,groupRank=4", 3, {
    train: clusters("up", "down"),
    onTraining: ({ frozen: branches }) => void frozen.push(branches),
  });
  assert.deepEqual(
    frozen,
    [0, 1, 2].map((count) => ({
      slots: 3,
      rank: 4,
      gains: [0, 1, 2].map((slot) => slot < count ? 1 : 0),
      trainGains: false,
    })),
  );
});

Deno.test("ham stack deploys what was trained: a new member enters at weight 1 whatever its group's gain", async () => {
  const method = createMethod(
    "ham:training=stack,groupMerge=concat,groupGain=learned,keep=1,groupRank=16,tau=-1",
  );
  const { deployed, states } = await runMethod(method, {
    tasks: 2,
    train: (_, { index }) => near(["up", "down"][index]!, index),
    gainsOf: ({ index }, gains) => gains.map((gain, slot) => index === 1 && slot === 0 ? 0.25 : gain),
  });
  const wanted = (site: string) => weightedDelta([near("up", 0), near("down", 1)], [0.25, 1], site);
  assertDelta(deployed, wanted);
  assert.deepEqual(method.facts!(states.at(-1)!).gains, [1]);
});

Deno.test("ham refuses combinations that have no meaning", () => {
  assert.throws(
    () => createMethod("ham:groupGain=learned"),
    /groupGain "learned": learned gains need training=stack/,
  );
  assert.throws(
    () => createMethod("ham:training=stack,groupRank=null"),
    /groupRank null: training=stack needs/,
  );
  assert.throws(
    () => createMethod("ham:training=stack,start=nearest"),
    /start "nearest": training=stack has/,
  );
});
