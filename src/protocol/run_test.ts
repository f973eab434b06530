import assert from "node:assert/strict";
import { sha256 } from "../core/json.ts";
import { hostTensor } from "../core/tensors.ts";
import { createDataset, imageSize, selectImages } from "../data/dataset.ts";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import { toFloatImages } from "../data/preprocess.ts";
import { sum } from "../graph/functions.ts";
import { trace } from "../graph/graph.ts";
import type { Method, TaskView } from "../methods/method.ts";
import { adapterMethod, type AdapterParts } from "../methods/adapter_method.ts";
import { createMethod } from "../methods/mod.ts";
import { sequential, type SequentialState } from "../methods/naive.ts";
import { stateLookup, vitFeature } from "../nn/vit.ts";
import { randomAdapter, tinyConfig } from "../train/test_kit.ts";
import { pooledAccuracy, taskMeanAccuracy } from "./board/metrics.ts";
import type { Progress } from "./cell_run.ts";
import { ClaimedError } from "./claim.ts";
import { parseRecord } from "./records/parse.ts";
import { runCell } from "./run.ts";
import type { ProtocolSettings } from "./settings.ts";
import { type CellStore, createMemoryStore } from "./store.ts";
import { backbone, dataset, executor, Killed, killedAt, optionsOf } from "./test_run.ts";

for (
  const name of [
    "naive",
    "ham",
    "ham:training=stack,groupGain=learned",
    "ewc:samples=2",
    "simplecil",
    "joint",
  ]
) {
  Deno.test(`runCell() ${name} leaves a complete record, the same for the same seeds`, async () => {
    const store = createMemoryStore();
    const record = await runCell(optionsOf(name, { store }));
    assert.deepEqual(parseRecord((await store.readRecord())!, name), record);
    assert.equal(await store.readSnapshot(), undefined);
    assert.equal(record.end!.status, "done");
    assert.equal(record.tasks.length, 3);
    assert.equal(record.tasks.at(-1)!.evaluation!.classIncremental.length, 3);
    for (const { evaluation, training, seconds, keptBytes } of record.tasks) {
      evaluation?.classIncremental.forEach((hits, j) => {
        assert.ok(hits >= 0 && hits <= evaluation.taskIncremental[j]!);
        assert.ok(evaluation.taskIncremental[j]! <= record.tasks[j]!.images.test);
        assert.ok(hits <= evaluation.taskInference[j]!);
      });
      assert.equal(seconds.train > 0, training !== undefined);
      assert.ok(seconds.method >= 0 && seconds.evaluate > 0);
      assert.ok(keptBytes.method > 0);
    }
    const again = await runCell(optionsOf(name));
    assert.equal(again.end!.hash, record.end!.hash);
  });
}

Deno.test("runCell() depends on both seeds and on the settings", async () => {
  const hashes = [];
  for (const changes of [{}, { trainSeed: 1 }, { orderSeed: 1 }, { settings: { epochs: 2 } }]) {
    hashes.push((await runCell(optionsOf("naive", changes))).end!.hash);
  }
  assert.equal(new Set(hashes).size, 4);
});

for (const head of ["linear", "cosine", "ncm"] as const) {
  Deno.test(`runCell() with the head ${head} trains on each task and counts its bytes`, async () => {
    const { tasks } = await runCell(optionsOf("naive", { settings: { head } }));
    assert.deepEqual(tasks.map(({ training }) => training!.steps), [2, 2, 2]);
    const perClass = 4 * (tinyConfig.width + (head === "linear" ? 1 : 0));
    assert.deepEqual(
      tasks.map(({ keptBytes }) => keptBytes.classifier),
      [2, 4, 6].map((seen) => seen * perClass),
    );
  });
}

/** Features of some images under the bare backbone, without the trainer. */
async function bareFeatures(split: typeof dataset.train): Promise<ArrayLike<number>[]> {
  const program = trace((graph) => {
    const images = graph.input("images", [split.count, 3, 8, 8]);
    graph.output("feature", vitFeature(tinyConfig, stateLookup(graph, tinyConfig), images));
  });
  const states = Object.fromEntries(
    Object.entries(backbone.weights).map((
      [name, { shape, data }],
    ) => [name, executor.tensor({ shape, values: data })]),
  );
  const executable = await executor.compile(program, states);
  const all = Array.from({ length: split.count }, (_, i) => i);
  const pixels = { channels: 3, height: 8, width: 8, size: 8, ...backbone.pixels } as const;
  const { feature } = await executable.run({ images: toFloatImages(split, all, pixels) }, ["feature"]);
  return all.map((i) => feature!.slice(i * 8, i * 8 + 8));
}

Deno.test("runCell() scores equal a plain nearest-class-mean computation", async () => {
  const options = optionsOf("simplecil");
  const { tasks } = await runCell(options);
  const [train, test] = [await bareFeatures(dataset.train), await bareFeatures(dataset.test)];
  const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = 0; i < a.length; i++) {
      [dot, aa, bb] = [dot + a[i]! * b[i]!, aa + a[i]! ** 2, bb + b[i]! ** 2];
    }
    return dot / Math.sqrt(aa * bb);
  };
  const means = dataset.classNames.map((_, label) => {
    const own = train.filter((_, i) => dataset.train.labels[i] === label);
    return Array.from({ length: 8 }, (_, k) => own.reduce((total, row) => total + row[k]!, 0) / own.length);
  });
  const nearest = (feature: ArrayLike<number>, among: readonly number[]) =>
    among.toSorted((a, b) => cosine(feature, means[b]!) - cosine(feature, means[a]!))[0]!;

  const { stream } = options;
  tasks.forEach(({ evaluation }, last) => {
    const seenTasks = stream.tasks.slice(0, last + 1);
    const seen = seenTasks.flatMap(({ classes }) => classes);
    const predictions = seenTasks.map(({ test: images }) => [...images].map((i) => nearest(test[i]!, seen)));
    const hits = (wanted: (task: number, image: number, i: number) => boolean) =>
      seenTasks.map(({ test: images }, task) =>
        [...images].filter((image, i) => wanted(task, image, i)).length
      );
    const labels = dataset.test.labels;
    assert.deepEqual(
      evaluation!.classIncremental,
      hits((task, image, i) => predictions[task]![i] === labels[image]),
    );
    assert.deepEqual(
      evaluation!.taskIncremental,
      hits((task, image) => nearest(test[image]!, seenTasks[task]!.classes) === labels[image]),
    );
    assert.deepEqual(
      evaluation!.taskInference,
      hits((task, _, i) => seenTasks[task]!.classes.includes(predictions[task]![i]!)),
    );
    assert.equal(evaluation!.predictionHash, sha256(predictions.map((row) => `${row.join()};`).join("")));
  });
});

/** The data set with one image of class 0, two of class 1 and so on, in both splits. */
function unequalDataset(): typeof dataset {
  const whole = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 6, testPerClass: 6, size: 8 });
  const size = imageSize(whole);
  const take = (split: typeof whole.test) => {
    const seen = whole.classNames.map(() => 0);
    const kept = [...split.labels].flatMap((label, i) => seen[label]!++ <= label ? [i] : []);
    return selectImages(split, kept, size);
  };
  return createDataset({ ...whole, train: take(whole.train), test: take(whole.test) });
}

Deno.test("runCell() pooled accuracy of class means does not move with T or the class order; the task mean does", async () => {
  const unequal = unequalDataset();
  const found = [];
  for (const tasks of [1, 2, 3, 6]) {
    for (const orderSeed of [0, 1]) {
      const stream = createStream(unequal, { tasks, orderSeed });
      const record = await runCell({ ...optionsOf("simplecil"), stream });
      const images = record.tasks.map(({ images }) => images.test);
      assert.equal(images.reduce((sum, count) => sum + count), 21);
      assert.deepEqual(record.tasks.map(({ images }) => images.train), images);
      const hits = record.tasks.map(({ evaluation }) => evaluation!.classIncremental);
      const shares = hits.map((row) => row.map((count, task) => count / images[task]!));
      found.push({ pooled: pooledAccuracy({ hits, images }), mean: taskMeanAccuracy(shares) });
    }
  }
  assert.equal(new Set(found.map(({ pooled }) => pooled)).size, 1);
  assert.ok(new Set(found.map(({ mean }) => mean)).size > 3);
});

Deno.test("runCell() joint is trained and scored once, at the end, on all classes", async () => {
  const { tasks } = await runCell(optionsOf("joint"));
  assert.deepEqual(tasks.map(({ evaluation, training }) => [evaluation !== undefined, training?.steps]), [
    [false, undefined],
    [false, undefined],
    [true, 6],
  ]);
});

Deno.test("runCell() trains the first task for epochs and at a rate of its own", async () => {
  const steps = async (settings: Partial<ProtocolSettings>) =>
    (await runCell(optionsOf("naive", { settings }))).tasks.map(({ training }) => training!);
  const plain = await steps({});
  const longer = await steps({ firstEpochs: 3 });
  assert.deepEqual(longer.map(({ steps }) => steps), [6, 2, 2]);
  const faster = await steps({ firstRate: 0.1 });
  assert.equal(faster[0]!.firstLoss, plain[0]!.firstLoss);
  assert.notEqual(faster[0]!.lastLoss, plain[0]!.lastLoss);
  // The rate of the first task alone: equal to a run of one task at that rate.
  const atRate = await steps({ learningRate: 0.1 });
  assert.deepEqual(faster[0], atRate[0]);
});

for (const head of ["linear", "cosine", "ncm"] as const) {
  Deno.test(`runCell() with the head ${head} takes the loss over all classes seen if it is told`, async () => {
    const tasksOf = async (loss: "task" | "seen") =>
      (await runCell(optionsOf("naive", { tasks: 6, settings: { head, loss } }))).tasks;
    const [within, seen] = [await tasksOf("task"), await tasksOf("seen")];
    // Tasks of one class: among itself, nothing is left to learn.
    assert.ok(within.every(({ training }) => training!.firstLoss === 0));
    assert.equal(seen[0]!.training!.firstLoss, 0);
    assert.ok(seen.slice(1).every(({ training }) => training!.firstLoss > 0));
  });
}

Deno.test("runCell() with a loss over all classes seen keeps the class means of earlier tasks", async () => {
  const scores = async (rate: number) => {
    // Nothing is deployed but the backbone: only classifier rows could move.
    const settings = { head: "ncm", loss: "seen", learningRate: rate } as const;
    return (await runCell(optionsOf(adapterNaive({ deploy: () => undefined }), { settings }))).tasks
      .map(({ evaluation }) => evaluation!.predictionHash);
  };
  const plain = (await runCell(optionsOf("simplecil"))).tasks.map(({ evaluation }) =>
    evaluation!.predictionHash
  );
  assert.deepEqual(await scores(0.5), plain);
});

/** Naive with some hooks of its adapter method replaced. */
function adapterNaive(changes: Partial<AdapterParts<SequentialState>>): Method {
  return {
    ...adapterMethod({ trains: "task", ...sequential, ...changes }),
    name: "naive",
    options: {},
  } as unknown as Method;
}

/** A method with some hooks replaced. */
function changed(name: string, changes: Partial<Method>): Method {
  return { ...createMethod(name), ...changes };
}

Deno.test("runCell() shows a method the images of its task and nothing else", async () => {
  const base = createMethod("naive");
  const views: TaskView[] = [];
  const options = optionsOf(changed("naive", {
    learn: (state, task, kit) => (views.push(task), base.learn(state, task, kit)),
  }));
  await runCell(options);
  assert.equal(views.length, 3);
  views.forEach((view, i) => {
    const task = options.stream.tasks[i]!;
    assert.deepEqual(Object.keys(view).sort(), ["classes", "index", "lossClasses", "train"]);
    assert.deepEqual([view.index, view.classes], [task.index, task.classes]);
    const own = selectImages(dataset.train, task.train, imageSize(dataset));
    assert.deepEqual(view.train, own);
    // A view into the data set's own array would let a method reach the other images.
    assert.equal(view.train.images.buffer.byteLength, own.images.length);
  });
});

/** The weight of an extra loss that spoils training from some task on. */
function diverging(from: number): Method {
  return adapterNaive({
    async begin(state, task, kit) {
      const weight = hostTensor([1], Float32Array.of(task.index < from ? 0 : NaN));
      return {
        ...await sequential.begin(state, task, kit, kit.freshClassifier()),
        extraLoss: { tensors: { weight }, build: ({ tensors }) => sum(tensors["weight"]!) },
      };
    },
  });
}

Deno.test("runCell() says that a method with a classifier of its own does not use the run's", async () => {
  const notices: string[] = [];
  const onNotice = (text: string) => void notices.push(text);
  for (const head of ["ncm", "lda"] as const) {
    const settings = { ...optionsOf(createMethod("simplecil")).settings, head };
    await runCell({
      ...optionsOf(createMethod("simplecil")),
      settings,
      onNotice,
      store: createMemoryStore(),
    });
  }
  assert.deepEqual(notices, ["simplecil has a classifier of its own, ncm: head lda is not used"]);
});

Deno.test("runCell() records a training that diverges as failed, and the next cell runs", async () => {
  const store = createMemoryStore();
  const record = await runCell(optionsOf(diverging(1), { store }));
  assert.equal(record.end!.status, "failed");
  assert.deepEqual(record.end!.failure, {
    message: "Training diverged: the loss of step 0 is NaN",
    task: 1,
    step: 0,
  });
  assert.equal(record.tasks.length, 1);
  assert.deepEqual(parseRecord((await store.readRecord())!, "x"), record);
  assert.deepEqual(await runCell(optionsOf(diverging(1), { store })), record);
  assert.equal((await runCell(optionsOf("naive"))).end!.status, "done");
});

Deno.test("runCell() fails a method whose deployed model gives no numbers", async () => {
  const deploy = () => ({ ...randomAdapter(0), importance: Infinity });
  const { end } = await runCell(optionsOf(adapterNaive({ deploy })));
  assert.deepEqual(end!.failure, {
    message: "The model diverged: an output is not finite",
    task: 0,
    step: 0,
  });
});

Deno.test("runCell() passes on errors that are no divergence, and leaves the record open", async () => {
  const store = createMemoryStore();
  const learn = () => Promise.reject(new Error("out of memory"));
  await assert.rejects(runCell(optionsOf(changed("naive", { learn }), { store })), /^Error: out of memory$/);
  assert.equal(parseRecord((await store.readRecord())!, "x").end, undefined);
});

for (const effect of ["none", "half", "whole"] as const) {
  Deno.test(`runCell() killed at any call of its store (${effect} of it done) resumes to the same hash`, async () => {
    const options = { tasks: 2, settings: { epochs: 1, batchSize: 8 } };
    const method = "ham:training=stack,groupGain=learned";
    const whole = await runCell(optionsOf(method, options));
    let killed = true;
    let calls = 0;
    for (; killed; calls++) {
      const store = createMemoryStore();
      killed = await runCell(optionsOf(method, { ...options, store: killedAt(store, calls, effect) })).then(
        () => false,
        (error) => {
          if (error instanceof Killed) return true;
          throw error;
        },
      );
      const resumed = await runCell(optionsOf(method, { ...options, store }));
      assert.equal(resumed.end!.hash, whole.end!.hash, `call ${calls}`);
      assert.equal(parseRecord((await store.readRecord())!, "x").end!.hash, whole.end!.hash);
      assert.equal(await store.readSnapshot(), undefined);
    }
    // Read, write, two appends with snapshots, the end and the removal.
    assert.equal(calls - 1, 8);
  });
}

Deno.test("runCell() that goes on does not repeat tasks, and keeps when and where they ran", async () => {
  const store = createMemoryStore();
  const base = createMethod("naive");
  const begun: number[] = [];
  const method = changed("naive", {
    learn: (state, task, kit) => (begun.push(task.index), base.learn(state, task, kit)),
  });
  // Reading, writing, an append and its snapshot; the second append is cut off.
  await assert.rejects(runCell(optionsOf(method, { store: killedAt(store, 4, "half") })), Killed);
  assert.deepEqual(begun, [0, 1]);
  const record = await runCell(
    optionsOf(method, { store, environment: { device: "another" }, clock: () => 7 }),
  );
  assert.deepEqual(begun.splice(0), [0, 1, 1, 2]);
  assert.deepEqual(record.start.environment, { device: "test" });
  const elsewhere = { device: "another" };
  assert.deepEqual(record.tasks.map(({ environment }) => environment), [undefined, elsewhere, undefined]);
  assert.deepEqual(parseRecord((await store.readRecord())!, "x"), record);
  assert.equal(record.end!.hash, (await runCell(optionsOf(method))).end!.hash);
  assert.ok(record.tasks[0]!.seconds.train > 0);
  assert.deepEqual(record.end!.details, executor.info.details);
});

Deno.test("runCell() starts anew where the store holds another cell", async () => {
  const store = createMemoryStore();
  await assert.rejects(runCell(optionsOf("naive", { store: killedAt(store, 5, "none") })), Killed);
  const fresh = await runCell(optionsOf("naive", { trainSeed: 1 }));
  assert.deepEqual(await runCell(optionsOf("naive", { trainSeed: 1, store })), fresh);
});

/** The record of a run that was killed in its second task, with the snapshot after the first. */
async function killedStore(): Promise<CellStore> {
  const store = createMemoryStore();
  await assert.rejects(runCell(optionsOf("naive", { store: killedAt(store, 4, "none") })), Killed);
  return store;
}

for (
  const [what, damage] of [
    ["a line twice, as two writers leave it", (text: string) => text + text.split("\n").at(-2) + "\n"],
    ["a second start", (text: string) => text + text],
    ["a changed line", (text: string) => text.replace('"steps":2', '"steps":3')],
    ["a torn line in the middle", (text: string) => text.replace("\n", "") + "\n"],
    ["no text at all", () => "\u0000\ufffd\n"],
  ] as const
) {
  Deno.test(`runCell() sets aside a record with ${what}, says so, and runs the cell again`, async () => {
    const whole = await runCell(optionsOf("naive"));
    const store = await killedStore();
    const damaged = damage((await store.readRecord())!);
    await store.writeRecord(damaged);
    const kept: string[] = [];
    const notices: string[] = [];
    const record = await runCell(optionsOf("naive", {
      store: {
        ...store,
        setAside: async (what) => {
          assert.equal(what, "record");
          kept.push((await store.readRecord())!);
          return await store.setAside(what);
        },
      },
      onNotice: (text) => void notices.push(text),
    }));
    assert.deepEqual(kept, [damaged]);
    assert.equal(record.end!.hash, whole.end!.hash);
    assert.deepEqual(parseRecord((await store.readRecord())!, "x"), record);
    assert.equal(notices.length, 1);
    assert.match(
      notices[0]!,
      /^Cannot read record naive-T3-s0-[0-9a-f]{12}, line \d: .*; it is kept as record\.damaged-1, and the cell is run again$/,
    );
  });
}

Deno.test("runCell() sets aside a damaged snapshot, and refuses a record of another edition untouched", async () => {
  const whole = await runCell(optionsOf("naive"));
  const store = await killedStore();
  await store.writeSnapshot((await store.readSnapshot())!.subarray(0, 40));
  const notices: string[] = [];
  const record = await runCell(optionsOf("naive", { store, onNotice: (text) => void notices.push(text) }));
  assert.equal(record.end!.hash, whole.end!.hash);
  assert.match(notices.join(), /; it is kept as snapshot\.damaged-1, and the cell is run again$/);
  const newer = (await store.readRecord())!.replace('"edition":2', '"edition":3');
  await store.writeRecord(newer);
  await assert.rejects(runCell(optionsOf("naive", { store })), /found edition 3, wanted 1 or 2$/);
  assert.equal(await store.readRecord(), newer);
});

Deno.test("runCell() with fresh runs a finished cell again", async () => {
  const store = createMemoryStore();
  const first = await runCell(optionsOf("naive", { store, clock: () => 0 }));
  assert.deepEqual(await runCell(optionsOf("naive", { store })), first);
  const again = await runCell(optionsOf("naive", { store, fresh: true }));
  assert.equal(again.end!.hash, first.end!.hash);
  assert.notEqual(again.end!.chain, first.end!.chain);
});

Deno.test("runCell() claims its cell, lets go of it however it ends, and does not run one that is taken", async () => {
  let held = 0;
  const claim = () =>
    Promise.resolve(held++ > 0 ? undefined : { release: () => Promise.resolve(void (held = 0)) });
  const store = { ...createMemoryStore(), claim };
  const learn = () => Promise.reject(new Error("out of memory"));
  await assert.rejects(runCell(optionsOf(changed("naive", { learn }), { store })), /out of memory/);
  assert.equal(held, 0);
  assert.equal((await runCell(optionsOf("naive", { store }))).end!.status, "done");
  assert.equal(held, 0);
  await store.claim();
  await assert.rejects(runCell(optionsOf("naive", { store, fresh: true })), ClaimedError);
});

Deno.test("runCell() reports its progress in order", async () => {
  const seen: string[] = [];
  const onProgress = ({ phase, task, tasks, step, steps }: Progress) =>
    void seen.push(`${phase} ${task}/${tasks} ${step}/${steps}`);
  await runCell(optionsOf("naive", { tasks: 2, onProgress }));
  assert.deepEqual(seen, [
    ...[1, 2, 3].map((step) => `train 0/2 ${step}/3`),
    "evaluate 0/2 0/1",
    "evaluate 0/2 1/1",
    ...[1, 2, 3].map((step) => `train 1/2 ${step}/3`),
    "evaluate 1/2 0/1",
    "evaluate 1/2 1/1",
  ]);
});
