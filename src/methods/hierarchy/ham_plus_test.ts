import assert from "node:assert/strict";
import { createClassifier } from "../../classifiers/mod.ts";
import { lda } from "../../classifiers/gaussian.ts";
import { composeDelta, rankOf } from "../../merge/delta.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { layeredFeature } from "../../nn/pooled.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import type { TaskView } from "../method.ts";
import { createMethod } from "../mod.ts";
import { meanRows } from "../pieces/mean_rows.ts";
import {
  createTestEngine,
  createTestKit,
  runMethod,
  type TestRunOptions,
  testTask,
  type TestTraining,
} from "../test_kit.ts";
import type { HamPlusState } from "./ham_plus.ts";

async function run(options: string, rest: TestRunOptions) {
  const trainings: TestTraining[] = [];
  const method = createMethod(options ? `ham-plus:${options}` : "ham-plus");
  const done = await runMethod(method, { ...rest, onTraining: (training) => trainings.push(training) });
  return { ...done, trainings, own: done.own as unknown as HamPlusState[] };
}

/** Σ ΔW / n of some of the trained adapters, at a site. */
const meanOf = (all: readonly Adapter[]) => (site: string) =>
  weightedDelta(all, all.map(() => 1 / all.length), site);

/** Tasks of dark and of bright images in turn. */
function ofTwoKinds(index: number): TaskView {
  const task = testTask(index);
  const images = task.train.images.map((value) => (index % 2) * 192 + (value >> 2));
  return { ...task, train: { ...task.train, images } };
}

Deno.test("ham-plus keeps the mean of its trajectory, exactly where the rank suffices", async () => {
  const { own, trained, trainings } = await run("halfClasses=0,groupRank=8", { tasks: 4 });
  const [group] = own.at(-1)!.groups;
  assert.deepEqual(group!.members, [0, 1, 2, 3]);
  assert.ok(deltaError(group!.adapter, meanOf(trained)) < 1e-5);
  // Each training goes on from where the last one ended, not from the mean.
  for (const [task, { start }] of trainings.entries()) {
    if (task > 0) assert.ok(deltaError(start, (site) => composeDelta(trained[task - 1]!, site)) < 1e-5);
  }
});

Deno.test("ham-plus steps by what a task of its classes can tell", async () => {
  const { own, trained } = await run("halfClasses=6,groupRank=8", { tasks: 3 });
  const [, , before, after] = own.map(({ groups }) => groups[0]?.adapter);
  const classes = testTask(2).classes.length;
  const share = classes / (classes + 6) / 3;
  const mean = (site: string) => weightedDelta([before!, trained[2]!], [1 - share, share], site);
  assert.ok(deltaError(after!, mean) < 1e-5);
});

Deno.test("the rows of ham-plus start at the class means of the adapter that training goes on from", async () => {
  const taskOf = (index: number) => testTask(index, 8);
  const { trainings } = await run("sharpness=0.1", { tasks: 2, taskOf });
  const kit = createTestKit();
  const { start, spec } = trainings[1]!;
  const { train, classes } = taskOf(1);
  const features = await kit.map(featurePass(start), imageTable(train));
  const wanted = meanRows(features, train.labels, classes, kit.classes, 0.1);
  assert.deepEqual(spec.start["head.weight"]!.data, wanted["head.weight"]!.data);
  assert.deepEqual(spec.start["head.bias"]!.data, wanted["head.bias"]!.data);
  const fresh = await run("rows=fresh", { tasks: 2, taskOf });
  assert.ok(fresh.trainings[1]!.spec.start["head.bias"]!.data.every((value) => value === 0));
});

Deno.test("ham-plus is the same whether the run's feature is the class token or all layers", async () => {
  const runs = await Promise.all(([undefined, "token-and-layers"] as const).map(async (pool) => {
    const engine = createTestEngine(pool);
    const done = await run("", { tasks: 2, train: "really", taskOf: (index) => testTask(index, 6), engine });
    await engine.dispose();
    return done;
  }));
  const [token, layers] = runs.map(({ own }) => own.at(-1)!.groups[0]!.adapter);
  assert.ok(deltaError(layers!, (site) => composeDelta(token!, site)) < 1e-6);
});

Deno.test("what ham-plus remembers moves by views of a task's images where they are few", async () => {
  const seen = async (views: number) => {
    const { states } = await run(`views=${views}`, { tasks: 2 });
    const { classifier } = states.at(-1) as unknown as HamPlusState;
    return classifier["head.mean"]!.data;
  };
  assert.deepEqual(await seen(2), await seen(0), "two images are there");
  assert.notDeepEqual(await seen(50), await seen(0));
});

Deno.test("ham-plus deploys the mean of its groups, at bounded rank", async () => {
  const { own, predictor, deployed, states } = await run("groupRank=3,maxGroups=2,start=group", {
    tasks: 5,
    taskOf: ofTwoKinds,
  });
  const { groups } = own.at(-1)!;
  assert.deepEqual(groups.map(({ members }) => members), [[0, 2, 4], [1, 3]]);
  const deltas = groups.map(({ adapter }) => adapter);
  const halves = (site: string) => weightedDelta(deltas, [1 / 2, 1 / 2], site);
  assert.ok(deltaError(predictor.passes[0]!.adapter!, halves) < 1e-6);
  for (const { adapter } of groups) {
    for (const pair of Object.values(adapter.pairs)) assert.ok(rankOf(pair) <= 3);
  }
  assert.equal(deployed, undefined, "a layered feature is not the backbone's: there is nothing to export");
  const method = createMethod("ham-plus");
  assert.deepEqual(method.facts!(states.at(-1)!)["groups"], 2);
});

Deno.test("ham-plus starts in the group that a task's images belong to", async () => {
  const taskOf = ofTwoKinds;
  const { own, trained, trainings } = await run("start=group,maxGroups=2,lambda=0", { tasks: 6, taskOf });
  assert.deepEqual(own.at(-1)!.groups.map(({ members }) => members), [[0, 2, 4], [1, 3, 5]]);
  assert.ok(deltaError(trainings[4]!.start, (site) => composeDelta(trained[2]!, site)) < 1e-5);
  assert.ok(deltaError(trainings[5]!.start, (site) => composeDelta(trained[3]!, site)) < 1e-5);
});

Deno.test("ham-plus adds up the Fisher information of its tasks and holds the next training to it", async () => {
  const { own, trainings } = await run("gamma=0.5,lambda=1000", { tasks: 3, train: "really" });
  assert.equal(trainings.length, 0);
  const [name] = Object.keys(own[1]!.fisher!);
  assert.ok(own[1]!.fisher![name!]!.some((value) => value > 0));
  const free = await run("gamma=0.5,lambda=0", { tasks: 3, train: "really" });
  assert.equal(free.own.at(-1)!.fisher, null);
  const length = (from: HamPlusState, to: HamPlusState) =>
    deltaError(to.last!, (site) => composeDelta(from.last!, site));
  const held = await run("lambda=1e9", { tasks: 3, train: "really" });
  assert.ok(length(held.own[1]!, held.own[2]!) < length(free.own[1]!, free.own[2]!) / 2);
});

Deno.test("without adapters ham-plus is lda of the layered features of the frozen backbone", async () => {
  const { predictor, own } = await run("adapt=false,drift=none,shrinkage=0.2", { tasks: 2 });
  assert.deepEqual(own.at(-1)!.groups, []);
  const kit = createTestKit();
  const policy = lda({ drift: "none", shrinkage: 0.2, shrinkTarget: "diagonal" });
  const tasks = [testTask(0), testTask(1)];
  const layers = (images: ReturnType<typeof imageTable>) =>
    kit.map({ output: (env) => layeredFeature(kit.config, env.encode(env.rows().images)) }, images);
  let state = policy.init(kit.classes, 3 * kit.config.width, kit.rng("any"));
  for (const task of tasks) {
    const features = () => layers(imageTable(task.train));
    const { index, classes, train: { labels } } = task;
    state = await policy.finish(
      state,
      { index, classes, labels, trained: {}, features, earlier: features },
      kit,
    );
  }
  const { fixed, scores } = policy.scorer(state);
  const images = imageTable(testTask(7, 6).train);
  const [pass] = predictor.passes;
  const { fixed: given, scores: ours } = predictor;
  const wanted = await kit.map({
    fixed,
    output: (env) => scores(layeredFeature(kit.config, env.encode(env.rows().images)), env.fixed),
  }, images);
  const found = await kit.map({ fixed: given!, output: (env) => ours([pass!.output(env)], env) }, images);
  assert.deepEqual(found.data, wanted.data);
  assert.equal(createClassifier("lda").kind, policy.kind);
});
