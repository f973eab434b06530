import assert from "node:assert/strict";
import { exists, inFolder, writeBackbone, writeSuite } from "../test_kit.ts";
import { run, runProcess } from "./test_bench.ts";

/** A folder like CIFAR-100's with two images a class in both splits, and its test file cut. */
async function writeTruncatedCifar(folder: string): Promise<string> {
  const record = 2 + 3072;
  const bytes = new Uint8Array(200 * record);
  for (let i = 0; i < 200; i++) bytes[i * record + 1] = i % 100;
  await Deno.mkdir(`${folder}/cifar`);
  await Deno.writeFile(`${folder}/cifar/train.bin`, bytes);
  await Deno.writeFile(`${folder}/cifar/test.bin`, bytes.subarray(0, bytes.length - 100));
  return `cifar100:${folder}/cifar`;
}

/** The file with the end of its first tensor moved beyond the file. */
function lie(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const changed = text.replace(
    /"data_offsets":\[0,(\d+)\]/,
    (whole, end) => whole.replace(end, "9".repeat(end.length)),
  );
  assert.notEqual(changed, text);
  return Uint8Array.from(changed, (letter) => letter.charCodeAt(0));
}

Deno.test("bench answers wrong input with one sentence and code 2, and writes nothing", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const out = `${folder}/out`;
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, out: printed, err } = await run("--suite", suite, "--out", out, ...args);
      assert.deepEqual([code, printed], [2, ""], `${args.join(" ")}: ${err}`);
      assert.match(err, wanted);
      assert.match(err, /^Cannot [^\n]*[^.\n]\.\n$/);
      assert.equal(await exists(out), false, args.join(" "));
    };
    await refused(/found "hamm", wanted one of .*ham/, "--methods", "naive,hamm");
    await refused(/unknown option kept, wanted one of .*keep/, "--methods", "ham:kept=1");
    await refused(/keep 2/, "--methods", "ham:keep=2");
    await refused(/found 5 tasks, wanted an integer from 1 to its 4 classes/, "--tasks", "5");
    await refused(/--tasks 0: wanted an integer of at least 1/, "--tasks", "0");
    await refused(/--tasks two: wanted an integer/, "--tasks", "2,two");
    await refused(/--seeds -1: wanted an integer of at least 0/, "--seeds", "-1");
    await refused(/--epochs 1\.5: wanted an integer/, "--epochs", "1.5");
    await refused(/--first-task 0: wanted an integer/, "--first-task", "0");
    await refused(/with 4 classes in the first/, "--first-task", "4");
    await refused(/--task-sizes 1,x|--task-sizes x: wanted an integer/, "--task-sizes", "1,x");
    await refused(/--tasks 3 with --task-sizes 1,2: wanted 2/, "--task-sizes", "1,2", "--tasks", "3");
    await refused(/found 4 classes, wanted 5/, "--task-sizes", "1,4");
    await refused(/sizes of all tasks and further sizes/, "--task-sizes", "1,2", "--first-task", "1");
    await refused(/--evaluate never: wanted all, last or a number/, "--evaluate", "never");
    await refused(/--evaluate 0: wanted an integer of at least 1/, "--evaluate", "0");
    await refused(/found "cat", wanted the names of its classes/, "--class-order", "0,1,2,cat");
    await refused(/found no class 3/, "--class-order", "0,1,2");
    await refused(/class order none: there is no such file, wanted numpy/, "--class-order", "none");
    await refused(/found seed 4294967296, wanted/, "--class-order", "numpy:4294967296");
    await refused(/settings: loss/, "--set", "loss=all");
    await refused(/settings: firstEpochs/, "--set", "firstEpochs=0");
    await refused(/--limit-per-class 0: wanted/, "--limit-per-class", "0");
    await refused(/--set rank: wanted key=value/, "--set", "rank");
    await refused(/settings: .*"momentum"/, "--set", "momentum=0.9");
    await refused(/settings: rank/, "--set", "rank=0");
    await refused(/settings: learningRate/, "--set", "learningRate=1e9");
    await refused(/the flags: backend/, "--backend", "cuda");
    await refused(/missing.*does not exist/, "--data", `cifar100:${folder}/missing`);
    await refused(/kind "imagenet"/, "--data", "imagenet:x");
    await refused(/test/, "--data", await writeTruncatedCifar(folder));
    await refused(/backbone "large": wanted .*nano/, "--backbone", "large");
    await refused(/none\.safetensors: it does not exist/, "--backbone", `${folder}/none.safetensors`);
    await refused(/suite ".*none\.json": there is no such file/, "--suite", `${folder}/none.json`);
    await writeSuite(folder, { colour: "red" });
    await refused(/suite ".*suite\.json": .*"colour"/);
    await writeSuite(folder, { tasks: [] });
    await refused(/suite ".*suite\.json": tasks/);
    await Deno.writeTextFile(suite, "{");
    await refused(/suite ".*suite\.json": /);
  }));

Deno.test("bench refuses damaged weights before it writes anything", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const refused = async (wanted: RegExp) => {
      const { code, out, err } = await run("--suite", suite, "--out", `${folder}/out`);
      assert.deepEqual([code, out], [2, ""], err);
      assert.match(err, wanted);
      assert.match(err, /^Cannot [^\n]*tiny\.safetensors[^\n]*\.\n$/);
      assert.equal(await exists(`${folder}/out`), false);
    };
    await writeBackbone(folder, { bytes: lie });
    await refused(/tensor|offset|byte/i);
    await writeBackbone(folder, { bytes: (bytes) => bytes.subarray(0, bytes.length - 4) });
    await refused(/byte/i);
    await writeBackbone(folder, { tensors: (weights) => void (weights["norm.weight"]!.data[3] = NaN) });
    await refused(/norm\.weight.*NaN/);
    await writeBackbone(folder);
    await Deno.writeTextFile(`${folder}/tiny.json`, "{}");
    await refused(/found no "heads".*--heads/);
  }));

Deno.test("bench refuses an output folder that cannot be written", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const { code, out, err } = await run("--suite", suite, "--out", `${suite}/out`);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /^Cannot write results to [^\n]*, wanted a folder that can be written\.\n$/);
  }));

Deno.test("bench refuses unknown flags and --backend webgpu without an adapter", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const args = ["--suite", suite, "--out", `${folder}/out`];
    const unknown = await run(...args, "--gpu");
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /^error: unknown option '--gpu'\n/);
    assert.equal((await run(...args, "--jobs", "0")).code, 2);

    const none = await runProcess([...args, "--backend", "webgpu"], {
      env: { DENO_WEBGPU_BACKEND: "none" },
      stderr: "piped",
    }).output();
    assert.equal(none.code, 2);
    assert.match(new TextDecoder().decode(none.stderr), /^Cannot use WebGPU: no adapter found [^\n]*\.\n$/);
    assert.equal(await exists(`${folder}/out`), false);
  }));

Deno.test("bench says what a later part of a suite lacks before it runs the first", () =>
  inFolder(async (folder) => {
    const suite = `${folder}/parts.json`;
    const part = { data: "procedural:classes=4,trainPerClass=2,testPerClass=2" };
    const parts = [part, { data: `folder:${folder}/missing` }];
    await Deno.writeTextFile(
      suite,
      JSON.stringify({ methods: ["simplecil"], tasks: [2], seeds: [0], parts }),
    );
    const { code, out, err } = await run("--suite", suite, "--out", `${folder}/out`);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /Cannot read .*missing/);
    assert.equal(await exists(`${folder}/out`), false);
  }));
