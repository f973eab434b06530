/**
 * What every method owes the suite. A folder of methods calls this for all of its own and for the variants whose code
 * differs, so that folders are tested side by side.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { classifierNames, classifiers, createClassifier } from "../classifiers/mod.ts";
import { InputError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";
import { encodeState, type StateValue } from "../core/state.ts";
import { quickly } from "../core/test_quick.ts";
import { type Adapter, orderSites } from "../nn/adapter.ts";
import { loraSites } from "../nn/sites.ts";
import { Engine } from "../train/engine.ts";
import { predict } from "../train/predict.ts";
import { imageTable } from "../train/table.ts";
import { countingExecutor } from "../train/test_kit.ts";
import { describeOptions, type MethodDefinition } from "./definition.ts";
import type { Predictor } from "./method.ts";
import { createMethod, type MethodName, methods } from "./mod.ts";
import { createTestEngine, createTestKit, runMethod, testTask, tinyConfig, tinyLora } from "./test_kit.ts";

/** Those that stand for the rest in quick runs. */
const representative = ["naive", "simplecil", "ewc", "ham", "ema", "l2p"];

/** Every policy, of small size. */
const policies = classifierNames.map((name) =>
  createClassifier(name, { randomFeatures: 6, alignSamples: 2, alignEpochs: 1 })
);
/** Options that let an adapter's rank, and so the shapes of merges, grow with the tasks. */
const growing = ["groupRank=null", "pruneSpace=delta"];

/** Tells states and adapters apart by every value. */
function bytes(value: Adapter | StateValue | undefined): string {
  return sha256(encodeState(value ?? null));
}

/** What a predictor binds, as bytes. */
function deployedBytes({ passes, fixed = {} }: Predictor): string {
  return bytes({
    fixed,
    passes: passes.map(({ adapter = null, fixed = {} }) => ({ adapter, fixed })),
  });
}

/** Freezes plain objects all the way down; typed arrays cannot be frozen and are compared by value instead. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

function checkShapes(adapter: Adapter, rank?: number): void {
  const sites = loraSites(tinyConfig, tinyLora.targets);
  assert.deepEqual(Object.keys(adapter.pairs), sites.map(({ name }) => name));
  for (const { name, inputs, outputs } of sites) {
    const { a, b } = adapter.pairs[name]!;
    assert.deepEqual(a.shape, [rank ?? a.shape[0], inputs]);
    assert.deepEqual(b.shape, [outputs, rank ?? a.shape[0]]);
    assert.ok([...a.data, ...b.data].every(Number.isFinite));
  }
}

/** Tests of a method in its short form. */
function checkMethod(spec: string): void {
  const method = createMethod(spec);
  const definition: MethodDefinition = methods[method.name as MethodName];

  Deno.test(`${spec} gives identical state bytes for one seed and others for another`, async () => {
    const run = (seed: number) => runMethod(createMethod(spec), { tasks: 3, seed, train: "really" });
    const [once, again, other] = [await run(1), await run(1), await run(2)];
    assert.deepEqual(once.states.map(bytes), again.states.map(bytes));
    assert.equal(deployedBytes(once.predictor), deployedBytes(again.predictor));
    if (method.trains !== false) {
      assert.notEqual(deployedBytes(once.predictor), deployedBytes(other.predictor));
    }
  });

  Deno.test(`${spec} survives bytes at every task boundary, past task 10`, async () => {
    const direct = await runMethod(method, { tasks: 11 });
    const stored = await runMethod(method, { tasks: 11, viaBytes: true });
    assert.deepEqual(stored.states.map(bytes), direct.states.map(bytes));
    assert.equal(deployedBytes(stored.predictor), deployedBytes(direct.predictor));
    if (stored.deployed) checkShapes(orderSites(stored.deployed));
  });

  Deno.test(`${spec} deploys without side effect, after any number of tasks`, async () => {
    const kit = createTestKit();
    for (const state of (await runMethod(method, { tasks: 3 })).states) {
      const before = bytes(state);
      const first = deployedBytes(await method.deploy(freeze(state), kit));
      assert.equal(deployedBytes(await method.deploy(state, kit)), first);
      assert.equal(bytes(state), before);
    }
  });

  Deno.test(`${spec} asks to train an adapter of the run's shape`, async () => {
    await runMethod(method, {
      tasks: 5,
      onTraining({ start }) {
        checkShapes(start, tinyLora.rank);
        assert.deepEqual([start.scale, start.importance], [tinyLora.scale, 1]);
      },
    });
  });

  Deno.test(`${spec} compiles nothing at task 12 that it did not at task 3`, async () => {
    const engine = createTestEngine();
    const { executor, counts } = countingExecutor(engine.executor);
    const counted = new Engine(executor, engine.backbone, { channels: 1, height: 8, width: 8 });
    const known: number[] = [];
    let state = method.init(createTestKit({ engine: counted, classifier: classifiers.ncm }));
    for (let index = 0; index < 12; index++) {
      const kit = createTestKit({ engine: counted, task: index, classifier: classifiers.ncm });
      state = await method.learn(state, testTask(index), kit);
      await predict(counted, await method.deploy(state, kit), imageTable(testTask(index).train));
      known.push(counts.compilations);
    }
    const reason = growing.find((part) => spec.includes(part)) ?? definition.grows;
    // Buffers fill up, and their images are looked at in runs of twice as many, up to the engine's most.
    const most = reason ? Infinity : definition.buffer ? 6 : 0;
    assert.ok(known[11]! - known[2]! <= most, `${known}`);
    await counted.dispose();
    await engine.dispose();
  });

  Deno.test(`${spec} scores an image whatever its batch mates`, async () => {
    const engine = createTestEngine();
    for (const classifier of policies) {
      const { predictor } = await runMethod(method, { tasks: 2, engine, classifier });
      const { train } = testTask(0, 7);
      const scores = (rows: readonly number[]) => predict(engine, predictor, imageTable(train, rows));
      const { shape: [, width], data: all } = await scores([0, 1, 2, 3, 4, 5, 6]);
      const { data: turned } = await scores([6, 5, 4, 3, 2, 1, 0]);
      for (let row = 0; row < 7; row++) {
        const wanted = all.subarray(row * width!, (row + 1) * width!);
        const { data: alone } = await scores([row]);
        assert.deepEqual(alone, wanted);
        assert.deepEqual(turned.subarray((6 - row) * width!, (7 - row) * width!), wanted);
      }
    }
    await engine.dispose();
  });

  Deno.test(`${spec} learns tasks of one class, and of one image`, async () => {
    const taskOf = (index: number) => {
      const task = testTask(index, 1);
      const classes = task.classes.slice(0, 1);
      return { ...task, classes, lossClasses: classes };
    };
    const { deployed } = await runMethod(method, {
      tasks: 2,
      taskOf,
      train: "really",
      classifier: classifiers.ncm,
    });
    if (deployed) checkShapes(orderSites(deployed));
  });

  Deno.test(`${spec} changes nothing that it is given`, async () => {
    const kit = createTestKit();
    let state = freeze(method.init(kit));
    for (let index = 0; index < 3; index++) {
      const task = testTask(index);
      const [stateBefore, imagesBefore] = [bytes(state), task.train.images.slice()];
      const next = freeze(await method.learn(state, freeze(task), kit));
      const nextBefore = bytes(next);
      await method.deploy(next, kit);
      assert.equal(bytes(state), stateBefore);
      assert.equal(bytes(next), nextBefore);
      assert.deepEqual(task.train.images, imagesBefore);
      state = next;
    }
  });

  Deno.test(`${spec} states facts that are JSON`, async () => {
    for (const state of (await runMethod(method, { tasks: 3 })).states) {
      canonicalJson(method.facts?.(state) ?? {});
    }
  });
}

/** Tests of a definition's options. */
function checkOptions(definition: MethodDefinition): void {
  const { name } = definition;
  Deno.test(`${name} resolves its options, and an explicit default is no other option`, () => {
    const documented = describeOptions(definition);
    const { options } = definition.create();
    assert.deepEqual(Object.keys(options), documented.map(({ name }) => name));
    for (const { name, description, default: preset } of documented) {
      assert.ok(description.length > 10, `${name} is not described`);
      assert.deepEqual(options[name], preset);
    }
    assert.deepEqual(definition.create(options).options, options);
  });

  Deno.test(`${name} refuses unknown options, naming the known ones`, () => {
    const known = describeOptions(definition).map(({ name }) => name);
    assert.throws(() => definition.create({ lamda: 1 }), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, /unknown option lamda/);
      for (const option of known) assert.ok(error.message.includes(option));
      return true;
    });
  });

  Deno.test(`${name} refuses values of every option that are out of range`, () => {
    for (const { name } of describeOptions(definition)) {
      for (const value of [-7.5, "nothing", { deep: 1 }]) {
        assert.throws(
          () => definition.create({ [name]: value }),
          (error) => error instanceof InputError && error.message.includes(name),
          `${name}=${value}`,
        );
      }
    }
  });
}

/**
 * All tests of some methods of the registry.
 *
 * @param names Or short forms with options, where the defaults are too much work for a batch of two
 * @param variants Short forms with other options
 */
export function checkConformance(names: readonly string[], variants: readonly string[] = []): void {
  const known: Readonly<Record<string, MethodDefinition>> = methods;
  for (const spec of quickly([...names, ...variants], representative)) checkMethod(spec);
  for (const name of names) checkOptions(known[name.split(":")[0]!]!);
}
