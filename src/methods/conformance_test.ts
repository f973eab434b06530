/**
 * What every method owes the suite, for every method of the registry and for the variants whose code differs.
 */
import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";
import { encodeState, stateSize, type StateValue } from "../core/state.ts";
import { composeDelta } from "../merge/delta.ts";
import { deltaError } from "../merge/test_adapters.ts";
import { type Adapter, orderSites } from "../nn/adapter.ts";
import { classifierNames, classifiers, createClassifier } from "../classifiers/mod.ts";
import { loraSites } from "../nn/sites.ts";
import { Engine } from "../train/engine.ts";
import { predict } from "../train/predict.ts";
import { imageTable } from "../train/table.ts";
import { countingExecutor } from "../train/test_kit.ts";
import type { Predictor } from "./method.ts";
import type { MethodDefinition } from "./definition.ts";
import { createMethod, describeOptions, type MethodName, methods } from "./mod.ts";
import {
  CLASSES,
  createTestEngine,
  createTestKit,
  runMethod,
  testTask,
  tinyConfig,
  tinyLora,
} from "./test_kit.ts";

const variants = [
  "taskarith:start=fresh,lambda=0.3,rankCap=4",
  "taskarith:start=sequential",
  "average:space=delta,start=sequential",
  "ema:start=shared,rankCap=4",
  "ties:trim=model,start=sequential,rankCap=4",
  "magmax:start=fresh,rankCap=2",
  "emr:rescale=none",
  "ewc:lambda=0",
  "concat-pruned:weighting=sum,pruneSpace=delta,rankCap=6",
  "ham:training=stack,groupMerge=concat,groupGain=learned,start=fresh",
  "ham:start=nearest,groupMerge=concat,groupGain=one,maxGroups=2,groupRank=3",
  "ham:start=nearest,pruneSpace=delta,tau=-1",
  "ham:pruneOn=group,balance=false,importance=fixed,groupRank=null,maxGroups=3",
  "ham:similarity=cosine,tau=0.1,groupRank=5",
  "kmerge:merge=delta,rank=4,places=2,final=members",
  "share:deploy=mean,centre=drop,gain=drop,components=4",
  "moses:experts=2,active=1,keep=0.6",
  "inflora:threshold=0.5",
  "gpm:branch=same",
  "nsp-lora:projection=hard",
  "er:base=ham,size=5",
  "derpp:base=ewc,size=3",
  "opcm:space=dense,start=sequential",
  "iso-c:start=sequential",
  "regmean:offDiagonal=1,start=fresh",
  "cofima:information=sum,start=shared",
  "slao:startB=merged",
  "core-space:rule=dare",
  "ewc-lora:merge=factors",
  "sd-lora:magnitude=null",
  "treelora:pull=product",
];
/** Options of methods whose defaults are too much work for a batch of two. */
const sized: Readonly<Record<string, string>> = {
  ssiat: "ssiat:samples=2,epochs=1",
  slca: "slca:samples=2,epochs=1",
};
const all = [...Object.keys(methods).map((name) => sized[name] ?? name), ...variants];
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

function arrayBytes(value: StateValue): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((total: number, item) => total + arrayBytes(item as StateValue), 0);
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

for (const spec of all) {
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

for (const [name, definition] of Object.entries(methods)) {
  Deno.test(`${name} resolves its options, and an explicit default is no other option`, () => {
    const documented = describeOptions(definition);
    const { options } = definition.create();
    assert.equal(definition.name, name);
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

Deno.test("methods whose rule begins with the second task deploy naive's adapter after the first", async () => {
  const { deployed: wanted } = await runMethod(createMethod("naive"), { tasks: 1 });
  const specs = [
    "joint",
    "taskarith",
    "ewc",
    "ham:keep=1,importance=fixed",
    "ham:keep=1,importance=fixed,training=stack,groupMerge=concat,groupGain=learned",
    "ham:pruneSpace=none,importance=fixed,start=nearest,groupMerge=concat",
    "concat-pruned:keep=1,importance=fixed",
    "kmerge",
    "kmerge++",
    "share",
    "average",
    "ema",
    "model-stock",
    "lines",
    "emr",
    "ties:keep=1",
    "magmax:lambda=1",
    "dare:rate=0",
    "dare-ties:rate=0",
    "breadcrumbs:low=0,high=0",
    "della:rate=0,spread=0",
  ];
  for (const spec of specs) {
    const { deployed } = await runMethod(createMethod(spec), { tasks: 1 });
    const error = deltaError(deployed!, (site) => composeDelta(wanted!, site));
    assert.ok(error < 1e-6, `${spec} is ${error} off`);
  }
});

Deno.test("state stays below a bound that does not depend on the number of tasks", async () => {
  const sites = loraSites(tinyConfig, tinyLora.targets);
  /** Bytes of adapters whose rank is capped by an option or by the smaller side of ΔW. */
  const adapterBytes = (rank = Infinity) =>
    sites.reduce(
      (total, { inputs, outputs }) => total + 4 * Math.min(rank, inputs, outputs) * (inputs + outputs),
      0,
    );
  const weightBytes = sites.reduce((total, { inputs, outputs }) => total + 4 * inputs * outputs, 0);
  /** Bytes of a square matrix for every input, which q and v share. */
  const inputBytes = sites.filter(({ target }) => target !== "v")
    .reduce((total, { inputs }) => total + 4 * inputs ** 2, 0);
  const bounds: Readonly<Record<string, number>> = {
    simplecil: 0,
    naive: adapterBytes(2),
    joint: adapterBytes(2),
    // The adapter and its Fisher information.
    ewc: 2 * adapterBytes(2),
    "ewc:lambda=0": 2 * adapterBytes(2),
    taskarith: adapterBytes(),
    "taskarith:start=fresh,lambda=0.3,rankCap=4": adapterBytes(4),
    average: adapterBytes(2),
    ema: adapterBytes() + adapterBytes(2),
    magmax: adapterBytes() + adapterBytes(2),
    dare: adapterBytes(),
    breadcrumbs: adapterBytes(),
    "model-stock": 2 * adapterBytes(),
    lines: adapterBytes(),
    "shared-a": 2 * adapterBytes(2),
    // The sum of the updates, and what is kept of each input.
    inflora: adapterBytes() + inputBytes / 2,
    gpm: adapterBytes() + inputBytes / 2,
    "nsp-lora": adapterBytes() + inputBytes,
    "lora-drs": adapterBytes() + 4 * CLASSES * tinyConfig.width,
    "concat-pruned": adapterBytes(),
    "concat-pruned:weighting=sum,pruneSpace=delta,rankCap=6": adapterBytes(6),
    ham: 5 * adapterBytes(16),
    "ham:tau=-1": adapterBytes(16),
    "ham:maxGroups=3,groupRank=4": 3 * adapterBytes(4),
    "ham:training=stack,groupMerge=concat,groupGain=learned,start=fresh": 5 * adapterBytes(16),
    "ham:groupRank=null,maxGroups=2": 2 * adapterBytes(),
    // In float64: triplets up to full rank, or matrices; sums of the size of weights and of Gram matrices.
    opcm: 2 * adapterBytes() + 6 * 64,
    "opcm:space=dense,start=sequential": 2 * weightBytes + adapterBytes(2),
    "iso-c": 2 * adapterBytes() + 6 * 64,
    regmean: 2 * weightBytes + 2 * 4 * 256,
    lorm: 2 * weightBytes + 2 * 4 * 256 + adapterBytes(2),
    coma: adapterBytes(2),
    cofima: 3 * adapterBytes(2),
    "fisher-average": 5 * adapterBytes(2),
    "p-and-m": 5 * adapterBytes(2),
    slao: 2 * adapterBytes(2),
    kmerge: 5 * adapterBytes(2),
    "kmerge++:places=3,threshold=1": 3 * adapterBytes(2),
    "kmerge:merge=delta,rank=4,places=2": 2 * adapterBytes(4),
  };
  for (const [spec, bound] of Object.entries(bounds)) {
    const { own } = await runMethod(createMethod(spec), { tasks: 30 });
    for (const state of own) {
      const arrays = arrayBytes(state);
      assert.ok(arrays <= bound, `${spec}: ${arrays} bytes of ${bound}`);
      // Names of sites, numbers, and the members: four characters a task.
      assert.ok(stateSize(state) - arrays < 4000, spec);
    }
  }
});
