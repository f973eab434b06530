/** Streams of domains from end to end: what methods are shown, what is scored, what becomes of classes that come back. */
import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { quickly } from "../core/test_quick.ts";
import { imagesOf } from "../data/conditions/task_images.ts";
import { limitClasses, type Split } from "../data/dataset.ts";
import { createStream, type TaskStream } from "../data/stream.ts";
import { featurePass } from "../methods/adapter_method.ts";
import { type ClassifierName, classifierNames, classifierOptions } from "../classifiers/mod.ts";
import type { MierState } from "../methods/systems/mier.ts";
import { createMethod, type MethodDefinition, methods } from "../methods/mod.ts";
import type { Method, TaskView } from "../methods/method.ts";
import { Engine } from "../train/engine.ts";
import { imageTable } from "../train/table.ts";
import { decodeSnapshot } from "./snapshot.ts";
import { cellOf, runCell } from "./run.ts";
import { createMemoryStore } from "./store.ts";
import { backbone, dataset as six, executor, optionsOf } from "./test_run.ts";

const dataset = limitClasses(six, 3);
const domains = (tasks: number, orderSeed = 0) =>
  createStream(dataset, { tasks, orderSeed, stream: "domains" });

/** A run's record, and its state after every task. */
async function runOn(
  stream: TaskStream,
  method: string | Method,
  options: Parameters<typeof optionsOf>[1] = {},
) {
  const states: unknown[] = [];
  const store = createMemoryStore();
  const given = { ...optionsOf(method, options), stream, store };
  const cell = cellOf({ ...given, backend: executor.info.backend });
  const record = await runCell({
    ...given,
    store: {
      ...store,
      async writeSnapshot(bytes) {
        states.push(decodeSnapshot(cell, bytes)!.state);
        await store.writeSnapshot(bytes);
      },
    },
  });
  return { record, states };
}

/** Features [count, width] of images in the bare backbone. */
async function frozen(images: Split): Promise<{ readonly width: number; readonly data: Float32Array }> {
  const engine = new Engine(executor, backbone, dataset);
  const { shape, data } = await engine.map(featurePass(undefined), imageTable(images));
  return { width: shape[1]!, data };
}

Deno.test("simplecil on domains has the mean of each class over all images seen, each under its condition", async () => {
  const stream = domains(4);
  const { states, record } = await runOn(stream, "simplecil");
  for (const [task, state] of states.entries()) {
    const seen = imagesOf(dataset, stream.tasks.slice(0, task + 1), "train");
    const { width, data } = await frozen(seen);
    const { classifier } = state as { classifier: Record<string, { data: Float32Array }> };
    const rows = classifier["head.weight"]!.data;
    for (let label = 0; label < 3; label++) {
      const own = [...seen.labels.keys()].filter((i) => seen.labels[i] === label);
      assert.equal(classifier["head.count"]!.data[label], own.length);
      for (let i = 0; i < width; i++) {
        const mean = own.reduce((sum, row) => sum + data[row * width + i]!, 0) / own.length;
        assert.ok(Math.abs(rows[label * width + i]! - mean) < 1e-6, `${task} ${label} ${i}`);
      }
    }
  }
  // A row and the number of its images, for three classes.
  const { keptBytes } = record.tasks.at(-1)!;
  assert.equal(keptBytes.classifier, 4 * 3 * (backbone.config.width + 1));
});

Deno.test("a stream without domains keeps no numbers of images", async () => {
  const { states, record } = await runOn(createStream(dataset, { tasks: 3, orderSeed: 0 }), "simplecil");
  for (const state of states) {
    assert.deepEqual(Object.keys((state as { classifier: object }).classifier).sort(), [
      "head.bias",
      "head.weight",
    ]);
  }
  assert.equal(record.tasks.at(-1)!.keptBytes.classifier, 4 * 3 * backbone.config.width);
});

Deno.test("on domains a method is shown a task's images under its condition, and a bound all of them", async () => {
  const stream = domains(3);
  const views: TaskView[] = [];
  const watched = (name: string): Method => {
    const method = createMethod(name);
    return { ...method, learn: (state, task, kit) => (views.push(task), method.learn(state, task, kit)) };
  };
  await runOn(stream, watched("naive"));
  assert.deepEqual(
    views.map(({ train }) => train),
    stream.tasks.map((task) => imagesOf(dataset, [task], "train")),
  );
  for (const { classes, lossClasses } of views) {
    assert.deepEqual(classes, stream.classOrder);
    assert.deepEqual(lossClasses, stream.classOrder);
  }
  views.length = 0;
  await runOn(stream, watched("joint"), { settings: { loss: "seen" } });
  assert.equal(views.length, 1);
  assert.deepEqual(views[0]!.train, imagesOf(dataset, stream.tasks, "train"));
  assert.deepEqual([views[0]!.classes, views[0]!.lossClasses], [stream.classOrder, stream.classOrder]);
});

Deno.test("domains are scored on all test images under every condition seen, among all classes", async () => {
  const stream = domains(3);
  const { record, states } = await runOn(stream, "simplecil");
  assert.deepEqual(
    record.tasks.map(({ condition }) => condition),
    stream.tasks.map(({ condition }) => condition),
  );
  assert.ok(record.tasks.every(({ images }) => images.test === dataset.test.count));
  const { classifier } = states.at(-1) as { classifier: Record<string, { data: Float32Array }> };
  const rows = classifier["head.weight"]!.data;
  const { classIncremental, taskIncremental, taskInference } = record.tasks.at(-1)!.evaluation!;
  assert.deepEqual(taskIncremental, classIncremental);
  assert.deepEqual(taskInference, [9, 9, 9]);
  for (const [task, right] of classIncremental.entries()) {
    const images = imagesOf(dataset, [stream.tasks[task]!], "test");
    const { width, data } = await frozen(images);
    const cosine = (row: number, label: number) => {
      const [f, m] = [
        data.subarray(row * width, (row + 1) * width),
        rows.subarray(label * width, (label + 1) * width),
      ];
      const dot = f.reduce((sum, value, i) => sum + value * m[i]!, 0);
      return dot / Math.hypot(...m);
    };
    const found = [...images.labels].filter((label, row) =>
      [0, 1, 2].every((other) => other === label || cosine(row, other) < cosine(row, label))
    );
    assert.equal(found.length, right, `task ${task}`);
  }
});

Deno.test("domains without change are one domain: naive's scores do not depend on which is looked at", async () => {
  const stream = domains(3);
  const still: TaskStream = {
    ...stream,
    tasks: stream.tasks.map((task) => ({ ...task, condition: "none" })),
  };
  const { record } = await runOn(still, "naive");
  for (const { evaluation } of record.tasks) {
    assert.equal(new Set(evaluation!.classIncremental).size, 1, `${evaluation!.classIncremental}`);
  }
});

const definitions: readonly MethodDefinition[] = Object.values(methods);
const needing = definitions.filter(({ needsNewClasses }) => needsNewClasses !== undefined);

Deno.test("methods that need new classes are refused where classes come back, before anything is written", async () => {
  assert.deepEqual(needing.map(({ name }) => name).sort(), [
    "ada-cm",
    "cl-lora",
    "ease",
    "linked-adapters",
    "mos",
    "routed",
  ]);
  for (const { name } of needing) {
    const store = createMemoryStore();
    await assert.rejects(
      runCell({ ...optionsOf(name), stream: domains(2), store }),
      (error) =>
        error instanceof InputError && error.message.includes(`Cannot run ${name} on a stream whose classes`),
    );
    assert.equal(await store.readRecord(), undefined);
    // One domain has no class twice.
    assert.equal((await runOn(domains(1), name)).record.end!.status, "done");
  }
});

Deno.test("mier has a place for every task, where there are more of them than classes", async () => {
  const { states } = await runOn(domains(5), "mier");
  const contexts = states.map((state) => {
    const { shape, data } = (state as MierState).contexts;
    return { places: shape[0], size: shape[1]!, data };
  });
  assert.deepEqual(contexts.map(({ places }) => places), [3, 3, 3, 6, 6]);
  const { size, data } = contexts.at(-1)!;
  for (const [task, earlier] of contexts.entries()) {
    const own = earlier.data.slice(task * size, (task + 1) * size);
    assert.deepEqual(data.slice(task * size, (task + 1) * size), own);
    assert.ok(own.some((value) => value !== 0));
  }
});

Deno.test("every classifier learns classes that come back, with stored images and without", async () => {
  const small = { randomFeatures: 6, alignSamples: 4, alignEpochs: 1 };
  for (const head of quickly<ClassifierName>(classifierNames, ["ncm", "lda"])) {
    for (const method of ["naive", "er:size=4"]) {
      const settings = { ...small, head, ...(head === "fecam" && { drift: "mean-shift" as const }) };
      const read = classifierOptions(head) as readonly string[];
      const own = Object.fromEntries(
        Object.entries(settings).filter(([name]) => name === "head" || read.includes(name)),
      );
      const { record } = await runOn(domains(3), method, { settings: own });
      assert.equal(record.end!.status, "done", head);
    }
  }
});

const standing = ["naive", "ham", "er", "mier"];

for (
  const { name } of quickly(definitions, definitions.filter(({ name }) => standing.includes(name)))
    .filter((definition) => !needing.includes(definition))
) {
  Deno.test(`${name} learns classes that come back, also in more tasks than there are classes`, async () => {
    const { record } = await runOn(domains(5), name, { evaluate: "last" });
    assert.equal(record.end!.status, "done");
    assert.equal(record.tasks.at(-1)!.evaluation!.classIncremental.length, 5);
  });
}
