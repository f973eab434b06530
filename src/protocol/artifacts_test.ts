import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { decodeAdapterFile } from "../formats/adapters/adapter_file.ts";
import { createMethod } from "../methods/mod.ts";
import { tinyBackbone, tinyLora } from "../train/test_kit.ts";
import { absenceOf, DEPLOYED, hasAdapters, trainedName } from "./artifacts.ts";
import { cellName, type RunRecord } from "./records/record.ts";
import { runCell, type RunOptions } from "./run.ts";
import { resolveSettings } from "./settings.ts";
import { type CellStore, createFileStore, createMemoryStore } from "./store.ts";

const dataset = proceduralDataset({ seed: 0, classes: 4, trainPerClass: 3, testPerClass: 2, size: 8 });
const backbone = tinyBackbone();

/** A memory store whose artifacts can be looked at. */
function spyStore(): { readonly store: CellStore; readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const artifacts = {
    has: (name: string) => Promise.resolve(files.has(name)),
    write: (name: string, bytes: Uint8Array) => Promise.resolve(void files.set(name, bytes)),
  };
  return { store: { ...createMemoryStore(), artifacts }, files };
}

function run(method: string, store: CellStore, changes: Partial<RunOptions> = {}): Promise<RunRecord> {
  return runCell({
    method: createMethod(method),
    stream: createStream(dataset, { tasks: 2, orderSeed: 0 }),
    backbone,
    executor: createReferenceExecutor(),
    settings: resolveSettings({ rank: 2, alpha: 1, targets: tinyLora.targets, epochs: 1, batchSize: 4 }),
    trainSeed: 0,
    environment: {},
    store,
    clock: () => 0,
    keepAdapters: true,
    ...changes,
  });
}

Deno.test("runCell() keeps the adapter of each task, and the deployed one with its classifier", async () => {
  const { store, files } = spyStore();
  const record = await run("naive", store);
  assert.deepEqual([...files.keys()].sort(), [DEPLOYED, trainedName(0), trainedName(1)]);
  const read = (name: string) => decodeAdapterFile(files.get(name)!, name);
  const last = read(trainedName(1));
  assert.equal(last.task, 1);
  assert.equal(last.cell, cellName(record.start.cell));
  assert.equal(last.backbone.hash, backbone.hash);
  assert.notDeepEqual(read(trainedName(0)).adapter, last.adapter);
  // Sequential training deploys what the last task trained.
  const deployed = read(DEPLOYED);
  assert.deepEqual(deployed.adapter, last.adapter);
  assert.equal(deployed.classifier!.kind, "ncm");
  assert.deepEqual(deployed.classifier!.classNames, dataset.classNames);
  assert.ok(deployed.classifier!.weight.data.some((value) => Math.abs(value) > 0.1));
});

Deno.test("runCell() keeps the classifier of the classes that took part", async () => {
  const { store, files } = spyStore();
  const stream = createStream(dataset, { tasks: 2, orderSeed: 0, classesPerTask: 1 });
  await run("naive", store, { stream });
  const { classifier } = decodeAdapterFile(files.get(DEPLOYED)!, DEPLOYED);
  const own = stream.classOrder.toSorted((a, b) => a - b);
  assert.deepEqual(classifier!.classNames, own.map((label) => dataset.classNames[label]));
  assert.equal(classifier!.weight.shape[0], 2);
});

Deno.test("runCell() keeps adapters without a trace in the record", async () => {
  const [plain, keeping] = [createMemoryStore(), createMemoryStore()];
  await run("ham", plain, { keepAdapters: false });
  await run("ham", keeping);
  assert.equal(await keeping.readRecord(), await plain.readRecord());
  assert.equal(await plain.artifacts!.has(DEPLOYED), false);
});

Deno.test("runCell() keeps the classifier alone of a method that trains nothing", async () => {
  const { store, files } = spyStore();
  await run("simplecil", store);
  assert.deepEqual([...files.keys()], [DEPLOYED]);
  const { adapter, classifier } = decodeAdapterFile(files.get(DEPLOYED)!, DEPLOYED);
  assert.equal(adapter, undefined);
  assert.equal(classifier!.weight.shape[0], 4);
});

Deno.test("runCell() says where there is no adapter to keep, and is content with it", async () => {
  const { store, files } = spyStore();
  const naive = createMethod("naive");
  const several: RunOptions["method"] = {
    ...naive,
    async learn(state, task, kit) {
      const next = await naive.learn(state, task, { ...kit, trained: () => {} });
      if (task.index === 1) [1, 2].forEach((n) => kit.trained(kit.freshAdapter(`${n}`)));
      return next;
    },
    async deploy(state, kit) {
      const { merged: _, ...predictor } = await naive.deploy(state, kit);
      return predictor;
    },
  };
  const record = await run("naive", store, { method: several });
  const second = trainedName(1);
  assert.deepEqual(
    [...files.keys()].sort(),
    [
      absenceOf(DEPLOYED),
      absenceOf(trainedName(0)),
      second.replace(".safetensors", "-1.safetensors"),
      second,
    ].sort(),
  );
  assert.equal(await hasAdapters(store, record), true);
  files.delete(absenceOf(DEPLOYED));
  assert.equal(await hasAdapters(store, record), false);
});

Deno.test("runCell() resumes with all adapters kept, whichever write a kill came before", async () => {
  const whole = spyStore();
  await run("naive", whole.store);
  for (let writes = 0; writes < 3; writes++) {
    const { store, files } = spyStore();
    let left = writes;
    const dying: CellStore = {
      ...store,
      artifacts: {
        has: store.artifacts!.has,
        write: (name, bytes) =>
          left-- > 0 ? store.artifacts!.write(name, bytes) : Promise.reject(new Error("kill")),
      },
    };
    await assert.rejects(run("naive", dying), /kill/);
    await run("naive", store);
    assert.deepEqual(files, whole.files);
    assert.equal(await store.readRecord(), await whole.store.readRecord());
  }
});

Deno.test("runCell() runs again what was finished without keeping adapters", async () => {
  const { store, files } = spyStore();
  const before = await run("naive", store, { keepAdapters: false });
  assert.equal(files.size, 0);
  const after = await run("naive", store);
  assert.equal(files.size, 3);
  assert.equal(after.end!.hash, before.end!.hash);
  files.delete(trainedName(0));
  await run("naive", store);
  assert.equal(files.size, 3);
});

Deno.test("runCell() refuses to keep adapters in a store that has no place for them", async () => {
  const { artifacts: _, ...store } = createMemoryStore();
  await assert.rejects(run("naive", store), /Cannot keep adapters/);
});

Deno.test("createFileStore() keeps adapters in a folder of the cell's name", () =>
  inFolder(async (folder) => {
    const { artifacts } = await createFileStore(folder, "cell");
    assert.equal(await artifacts!.has("a.safetensors"), false);
    await artifacts!.write("a.safetensors", Uint8Array.of(1));
    assert.equal(await artifacts!.has("a.safetensors"), true);
    assert.deepEqual(await Deno.readFile(`${folder}/adapters/cell/a.safetensors`), Uint8Array.of(1));
  }));
