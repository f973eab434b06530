/**
 * Many workers on one folder, and one grid in many folders: the same records and the same board as one process
 * leaves.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createRng } from "../../src/core/mod.ts";
import { layoutOf, parseCurrent } from "../../src/protocol/mod.ts";
import { callCommand, exists, inFolder, writeSuite } from "../test_kit.ts";
import { board } from "./board.ts";
import { hashesIn, run, runProcess } from "./test_bench.ts";

const WORKERS = 8;
const KILLS = 20;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Looks on while records grow: how many lines there are, and whether one that had ended is ever changed. */
function watch(folder: string) {
  const ended = new Map<string, string>();
  let lines = 0;
  let stopped = false;
  const look = async () => {
    if (!await exists(folder)) return;
    let count = 0;
    for (const { name } of [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".jsonl"))) {
      const text = await Deno.readTextFile(`${folder}/${name}`);
      const before = ended.get(name);
      assert.ok(before === undefined || before === text, `${name} was run again after its end`);
      if (/\n\{[^\n]*"event":"end"[^\n]*\n$/.test(text)) ended.set(name, text);
      count += text.split("\n").length - 1;
    }
    lines = count;
  };
  const loop = (async () => {
    for (; !stopped; await pause(10)) await look();
    await look();
  })();
  return {
    ended,
    /** Waits for so many lines. */
    async until(wanted: number, isDone: () => boolean) {
      while (lines < wanted && !isDone()) await pause(5);
    },
    async stop() {
      stopped = true;
      await loop;
    },
  };
}

/** One worker after another in one place. */
class Slot {
  #child: Deno.ChildProcess;
  #output: Promise<Deno.CommandOutput>;
  isDone = false;
  readonly #start: () => Deno.ChildProcess;
  readonly said: string[] = [];

  constructor(start: () => Deno.ChildProcess) {
    this.#start = start;
    [this.#child, this.#output] = this.#begin();
  }

  #begin(): [Deno.ChildProcess, Promise<Deno.CommandOutput>] {
    const child = this.#start();
    const output = child.output().then((result) => {
      this.isDone = !result.signal;
      this.said.push(new TextDecoder().decode(result.stderr));
      return result;
    });
    return [child, output];
  }

  /** Kills the worker and starts another; false if it was done. */
  async kill(): Promise<boolean> {
    if (this.isDone) return false;
    this.send("SIGKILL");
    const { signal } = await this.#output;
    if (signal !== "SIGKILL") return false;
    [this.#child, this.#output] = this.#begin();
    return true;
  }

  /** Tells the worker to die, to stop where it is, or to go on. */
  send(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (this.isDone) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It was done, and nobody had told yet.
    }
  }

  async end(): Promise<number> {
    return (await this.#output).code;
  }
}

/** The leaderboard of some folders in all its files, times aside. */
async function boardOf(folders: readonly string[], out: string): Promise<Record<string, string>> {
  const { code, err } = await callCommand(board, ["--no-times", "--in", folders.join(","), "--out", out]);
  assert.equal(code, 0, err);
  const files = ["LEADERBOARD.md", "leaderboard.csv", "leaderboard.json"];
  const texts = await Promise.all(files.map((name) => Deno.readTextFile(`${out}/${name}`)));
  return Object.fromEntries(files.map((name, i) => [name, texts[i]!]));
}

const SUITE = {
  methods: ["ham", "naive", "ewc", "simplecil"],
  tasks: [2, 4],
  seeds: [0, 1],
  settings: { rank: 2, epochs: 6, batchSize: 2, loss: "seen" },
};

Deno.test(`${WORKERS} workers on one folder, killed with SIGKILL ${KILLS} times and restarted, do the work of one`, () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, SUITE);
    const args = (out: string) => ["--suite", suite, "--out", `${folder}/${out}`];
    const { records } = layoutOf(`${folder}/shared`);
    const rng = createRng(0, "kills");
    const watched = watch(records);
    // Some with two threads, which may hold two cells.
    const slots = Array.from(
      { length: WORKERS },
      (_, i) =>
        new Slot(() =>
          runProcess([...args("shared"), "--jobs", i < 2 ? "2" : "1"], { stderr: "piped" }).spawn()
        ),
    );
    let kills = 0;
    const isDone = () => slots.every((slot) => slot.isDone);
    // Moments are counted in lines, not in seconds: the work must outlast the kills on any machine.
    for (let line = 1; kills < KILLS && !isDone(); line += 1 + rng.integer(3)) {
      await watched.until(line, isDone);
      await pause(60 * rng.uniform());
      if (await slots[rng.integer(WORKERS)]!.kill()) kills++;
      if (kills % 10 !== 0) continue;
      // Held in the middle of their work, or they would be done before a slow machine has read it.
      for (const slot of slots) slot.send("SIGSTOP");
      const { code, err } = await callCommand(board, [
        "--in",
        `${folder}/shared`,
        "--out",
        `${folder}/meanwhile`,
      ]);
      for (const slot of slots) slot.send("SIGCONT");
      assert.equal(code, 0, err);
    }
    assert.deepEqual(await Promise.all(slots.map((slot) => slot.end())), new Array(WORKERS).fill(0));
    await watched.stop();
    assert.equal(kills, KILLS, "the work was done before the kills were");
    const said = slots.flatMap((slot) => slot.said).join("");
    assert.doesNotMatch(said, /Cannot|stopped/);
    assert.match(said, /: goes on after \d of \d tasks$/m);

    assert.equal((await run(...args("alone"))).code, 0);
    const hashes = await hashesIn(`${folder}/alone`);
    assert.equal(Object.keys(hashes).length, 16);
    assert.deepEqual(await hashesIn(`${folder}/shared`), hashes);
    assert.deepEqual([...watched.ended.keys()].sort(), Object.keys(hashes));
    for (const [name, text] of watched.ended) {
      assert.equal(await Deno.readTextFile(`${records}/${name}`), text);
      assert.equal(parseCurrent(text, name).end!.hash, hashes[name]);
    }
    assert.deepEqual(
      await boardOf([`${folder}/shared`], `${folder}/board-shared`),
      await boardOf([`${folder}/alone`], `${folder}/board-alone`),
    );
  }));

Deno.test("three shards in three folders are the cells of one run, and the board of all three is that of one", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      ...SUITE,
      tasks: [2],
      settings: { ...SUITE.settings, epochs: 1 },
    });
    const out = (name: string) => ["--suite", suite, "--jobs", "1", "--out", `${folder}/${name}`];
    assert.equal((await run(...out("whole"))).code, 0);
    const whole = await hashesIn(`${folder}/whole`);
    const parts: Record<string, string | undefined> = {};
    for (const index of [1, 2, 3]) {
      const { code, err } = await run(...out(`part${index}`), "--shard", `${index}/3`);
      assert.equal(code, 0, err);
      assert.match(err, new RegExp(`^Shard ${index}/3: \\d of 8 cells, \\d\\d % of the work$`, "m"));
      for (const [name, hash] of Object.entries(await hashesIn(`${folder}/part${index}`))) {
        assert.equal(parts[name], undefined, `${name} is in two shards`);
        parts[name] = hash;
      }
    }
    assert.deepEqual(Object.fromEntries(Object.entries(parts).sort()), whole);
    const merged = await boardOf([1, 2, 3].map((index) => `${folder}/part${index}`), `${folder}/board-parts`);
    assert.deepEqual(merged, await boardOf([`${folder}/whole`], `${folder}/board-whole`));
  }));
