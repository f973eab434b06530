import assert from "node:assert/strict";
import { exists, inFolder, writeSuite } from "../test_kit.ts";
import { hashesIn, recordsIn, run, runProcess, untilTaskDone } from "./test_bench.ts";

Deno.test("bench killed in the middle goes on to the same hashes as a run that was not", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham", "naive"],
      tasks: [4],
      settings: { rank: 2, epochs: 8, batchSize: 2 },
    });
    const child = runProcess(["--suite", suite, "--out", `${folder}/killed`, "--jobs", "1"]).spawn();
    try {
      await untilTaskDone(`${folder}/killed/records`);
    } finally {
      child.kill("SIGKILL");
    }
    await child.status;
    const left = await recordsIn(`${folder}/killed`);
    assert.ok([...left.values()].every(({ end }) => end === undefined), "the kill came too late");

    assert.equal((await run("--suite", suite, "--out", `${folder}/killed`)).code, 0);
    assert.equal((await run("--suite", suite, "--out", `${folder}/whole`)).code, 0);
    const hashes = await hashesIn(`${folder}/whole`);
    assert.deepEqual(await hashesIn(`${folder}/killed`), hashes);
    assert.equal(Object.keys(hashes).length, 2);
    assert.deepEqual([...Deno.readDirSync(`${folder}/killed/snapshots`)], []);
  }));

/** Damages of a finished record's text, as hands, disks and two writers leave them. */
const damages: Readonly<Record<string, (text: string) => string>> = {
  "a changed fact": (text) => text.replace('"firstLoss":', '"firstLoss":1'),
  "the lines of two writers": (text) => text.replace(/^.*"index":0.*\n/m, (line) => line + line),
  "a line cut in the middle": (text) => text.replace(/"facts".*\n/, ""),
  "nothing but zeros": (text) => `${"\0".repeat(text.length)}\n`,
};

for (const [what, damage] of Object.entries(damages)) {
  Deno.test(`bench sets aside a record with ${what}, says so, and runs its cell again`, () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
      const args = ["--suite", suite, "--out", `${folder}/out`];
      await run(...args);
      const hashes = await hashesIn(`${folder}/out`);
      const name = Object.keys(hashes).find((name) => name.startsWith("naive"))!;
      const path = `${folder}/out/records/${name}`;
      const damaged = damage(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, damaged);
      const { code, out, err } = await run(...args);
      assert.equal(code, 0, err);
      assert.match(err, /^2 cells, 1 of them finished before;/);
      assert.match(
        err,
        /^naive T=2 seed 0: Cannot read record naive-[^\n]*, line \d: [^\n]*; it is kept as [^\n]*\.jsonl\.damaged-1, and the cell is run again$/m,
      );
      assert.doesNotMatch(out, /missing|failed/);
      assert.equal(await Deno.readTextFile(`${path}.damaged-1`), damaged);
      await Deno.rename(`${path}.damaged-1`, `${folder}/aside`);
      assert.deepEqual(await hashesIn(`${folder}/out`), hashes);
    }));
}

Deno.test("bench does not stop at a record that cannot be opened: the other cells are run", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
    const args = ["--suite", suite, "--out", `${folder}/out`];
    await run(...args);
    const name = Object.keys(await hashesIn(`${folder}/out`)).find((name) => name.startsWith("naive"))!;
    await Deno.remove(`${folder}/out/records/${name}`);
    await Deno.mkdir(`${folder}/out/records/${name}/in`, { recursive: true });
    const { code, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(err, /naive T=2 seed 0: stopped: /);
    assert.match(err, /^1 of 2 cells failed; see above$/m);
  }));

Deno.test("bench takes other cells first while another process runs one, says so, and waits for it", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
    const out = `${folder}/out`;
    await run("--suite", suite, "--out", out, "--methods", "naive");
    const [name] = (await recordsIn(out)).keys();
    const cell = name!.replace(/\.jsonl$/, "");
    await Deno.remove(`${out}/records/${name}`);
    using file = await Deno.open(`${out}/claims/${cell}.lock`, { write: true, create: true });
    await file.lock(true);
    let finished = false;
    const running = run("--suite", suite, "--out", out, "--jobs", "1").finally(() => finished = true);
    while (
      !await exists(`${out}/records`) || (await Array.fromAsync(Deno.readDir(`${out}/records`))).length === 0
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(finished, false);
    await file.unlock();
    const { code, err } = await running;
    assert.equal(code, 0, err);
    const order = [/naive T=2 seed 0: another process is running it/, /simplecil .*: done/, /naive .*: done/];
    const places = order.map((pattern) => err.search(pattern));
    assert.ok(places.every((place, i) => place >= 0 && place >= (places[i - 1] ?? 0)), err);
    assert.equal(err.match(/another process/g)?.length, 1);
    assert.equal((await recordsIn(out)).size, 2);
  }));
