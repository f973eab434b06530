import assert from "node:assert/strict";
import { canonicalJson } from "../../src/core/mod.ts";
import { type Board, type Cell, resolveSettings, type RunRecord, seal } from "../../src/protocol/mod.ts";
import { board } from "./board.ts";
import { callCommand, exists, inFolder } from "../test_kit.ts";

const call = (...args: string[]) => callCommand(board, args);

const HASH = "0".repeat(64);

/** The text of a two-task record. */
function recordText(
  method: string,
  seed: number,
  final: number,
  status: "done" | "open" = "done",
  seconds = 1,
): string {
  const cell: Cell = {
    edition: 2,
    method,
    options: {},
    dataset: { name: "toy", fingerprint: HASH, classes: 4, train: 8, test: 8 },
    backbone: { id: "tiny", hash: HASH },
    backend: "reference",
    tasks: 2,
    orderSeed: seed,
    trainSeed: seed,
    streamHash: HASH,
    settings: resolveSettings(),
  };
  const start = seal({ event: "start" as const, cell, environment: {} });
  const tasks: RunRecord["tasks"][number][] = [];
  [[1], [final, final]].forEach((row, index) => {
    const hits = row.map((share) => 100 * share);
    const facts = {
      event: "task",
      index,
      classes: [2 * index, 2 * index + 1],
      images: { train: 4, test: 100 },
      evaluation: {
        classIncremental: hits,
        taskIncremental: hits,
        taskInference: hits,
        predictionHash: HASH,
      },
      keptBytes: { method: 1, classifier: 1 },
      facts: {},
      seconds: { train: seconds, method: 1, evaluate: 1 },
    } as const;
    tasks.push(seal(facts, tasks.at(-1) ?? start));
  });
  const end = seal({ event: "end", status: "done", details: {} }, tasks.at(-1));
  const events = status === "done" ? [start, ...tasks, end] : [start, tasks[0]];
  return events.map((event) => `${canonicalJson(event)}\n`).join("");
}

/** Writes files by their paths in a new folder. */
function withFiles(files: Readonly<Record<string, string>>, test: (folder: string) => Promise<void>) {
  return inFolder(async (folder) => {
    for (const [path, text] of Object.entries(files)) {
      const target = `${folder}/${path}`;
      await Deno.mkdir(target.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(target, text);
    }
    await test(folder);
  });
}

const FILES = ["LEADERBOARD.md", "leaderboard.csv", "leaderboard.json"];

async function leaderboard(folder: string): Promise<string> {
  const texts = await Promise.all(FILES.map((name) => Deno.readTextFile(`${folder}/${name}`)));
  return texts.join("\n");
}

/** The board as data. */
async function boardIn(folder: string): Promise<Board> {
  return JSON.parse(await Deno.readTextFile(`${folder}/leaderboard.json`));
}

Deno.test("board renders records of several folders, of either layout, to the first of them", () =>
  withFiles({
    "a/records/x.jsonl": recordText("ham", 0, 0.75),
    "b/y.jsonl": recordText("naive", 0, 0.5),
    "b/notes.txt": "not a record",
    "c/records/z.jsonl": recordText("naive", 1, 0.5),
  }, async (folder) => {
    const { code, out, err } = await call("--in", `${folder}/a,${folder}/b/`, "--in", `${folder}/c`);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /^3 records in 1 sections: 3 done, 0 failed, 0 unfinished; see .*\/a\/leaderboard\.html\n\ntoy .*\nAt T = 2, of 2 /,
    );
    const markdown = await Deno.readTextFile(`${folder}/a/LEADERBOARD.md`);
    assert.match(markdown, /\| ham +\| 75\.0 \(n=1; missing: seed 1\) \|/);
    assert.match(markdown, /\| naive +\| +50\.0 ± 0\.0 \(n=2\) \|/);
    assert.match(markdown, /\| ham \| naive \| +2 \| \+25\.0 \(n=1\) \|/);
    assert.equal((await Deno.readTextFile(`${folder}/a/leaderboard.csv`)).trimEnd().split("\n").length, 3);
    assert.equal(await exists(`${folder}/b/LEADERBOARD.md`), false);
    assert.match(await Deno.readTextFile(`${folder}/a/leaderboard.html`), /^<!doctype html>/);
  }));

Deno.test("board gives the same files, in whatever folders and order the records are found", () =>
  withFiles({
    "a/1.jsonl": recordText("naive", 0, 0.5),
    "a/2.jsonl": recordText("ham", 1, 0.75),
    "a/3.jsonl": recordText("ham", 0, 0.25),
    "b/1.jsonl": recordText("naive", 0, 0.5),
    "b/2.jsonl": recordText("ham", 1, 0.75),
    "c/3.jsonl": recordText("ham", 0, 0.25),
  }, async (folder) => {
    await call("--in", `${folder}/a`);
    await call("--in", `${folder}/c,${folder}/b`, "--out", `${folder}/out/new`);
    await call("--in", `${folder}/b`, "--in", `${folder}/c,${folder}/a`, "--out", `${folder}/all`);
    assert.equal(await leaderboard(`${folder}/out/new`), await leaderboard(`${folder}/a`));
    assert.equal(await leaderboard(`${folder}/all`), await leaderboard(`${folder}/a`));
  }));

Deno.test("board counts and lists unfinished runs, unless another folder has finished them", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75, "open"),
    "a/y.jsonl": recordText("naive", 0, 0.5, "open"),
    "a/z.jsonl": `{"event":"sta`,
    "b/x.jsonl": recordText("ham", 0, 0.75),
  }, async (folder) => {
    const { code, out } = await call("--in", `${folder}/a`, "--in", `${folder}/b`);
    assert.equal(code, 0);
    const [counts, ...list] = out.trimEnd().split("\n");
    assert.match(counts!, /^2 records in 1 sections: 1 done, 0 failed, 2 unfinished;/);
    assert.deepEqual(list.slice(0, list.indexOf("")), [
      `unfinished: naive T=2 seed 0, 1 tasks done (${folder}/a/y.jsonl)`,
      `unfinished: nothing done (${folder}/a/z.jsonl)`,
    ]);
    assert.match(await Deno.readTextFile(`${folder}/a/LEADERBOARD.md`), /\| naive .* missing: seed 0 \|/);
  }));

Deno.test("board names what it cannot use in one sentence, exits with 2 and writes nothing", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75),
    "damaged/z.jsonl": recordText("ham", 0, 0.75).replace("[75,", "[85,"),
    "newer/z.jsonl": recordText("ham", 0, 0.75).replace('"edition":2', '"edition":3'),
    "empty/none.txt": "",
    "file": "",
  }, async (folder) => {
    const refused = async (message: RegExp, ...args: string[]) => {
      const { code, out, err } = await call(...args, "--out", `${folder}/out`);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, message);
      assert.match(err, /^[^\n]*\.\n$/);
      assert.equal(await exists(`${folder}/out`), false);
    };
    await refused(/Cannot read record .*damaged\/z\.jsonl, line 3: the hash/, "--in", `${folder}/damaged`);
    await refused(
      /Cannot read record .*newer\/z\.jsonl: found edition 3, wanted 1 or 2/,
      "--in",
      `${folder}/newer`,
    );
    await refused(/found no records in .*empty/, "--in", `${folder}/empty`);
    await refused(/Cannot read records in .*missing: /, "--in", `${folder}/missing`);
    await refused(/Cannot read records in .*file: /, "--in", `${folder}/file`);
    await refused(/--in names no folder/, "--in", ",");
    const unwritable = await call("--in", `${folder}/a`, "--out", `${folder}/file/out`);
    assert.equal(unwritable.code, 2);
    assert.match(unwritable.err, /^Cannot write the leaderboard to .*file\/out: .*\.\n$/);
    assert.equal((await call()).code, 2);
    assert.equal((await call("--in", `${folder}/a`, "--format", "html")).code, 2);
  }));

Deno.test("board leaves out what it cannot read, names it, and exits with 1", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75),
    "a/y.jsonl": recordText("naive", 0, 0.5).replace("[50,", "[60,"),
    "a/z.jsonl": recordText("ewc", 0, 0.5).replace('"edition":2', '"edition":3'),
    "a/x.jsonl.damaged-1": "set aside",
  }, async (folder) => {
    const { code, out, err } = await call("--in", `${folder}/a`);
    assert.equal(code, 1);
    assert.match(out, /^1 records in 1 sections: 1 done/);
    const [damaged, newer, ...others] = err.trimEnd().split("\n");
    assert.match(damaged!, /a\/y\.jsonl, line 3: the hash does not fit .*; it is not in the leaderboard$/);
    assert.match(newer!, /a\/z\.jsonl: found edition 3, wanted 1 or 2; it is not in the leaderboard$/);
    assert.deepEqual(others, []);
  }));

Deno.test("board uses neither of two records of a cell that ended differently, names both, and exits with 1", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75),
    "a/y.jsonl": recordText("ham", 1, 0.75),
    "b/x.jsonl": recordText("ham", 0, 0.5),
    "b/y.jsonl": recordText("ham", 1, 0.75),
    "c/x.jsonl": recordText("ham", 0, 0.75, "open"),
  }, async (folder) => {
    const { code, out, err } = await call(
      "--in",
      `${folder}/a,${folder}/b,${folder}/c`,
      "--out",
      `${folder}/out`,
    );
    assert.equal(code, 1);
    assert.match(out, /^1 records in 1 sections: 1 done/);
    const [one, other, ...rest] = err.trimEnd().split("\n");
    assert.match(
      one!,
      /^Cannot use .*a\/x\.jsonl: it ended with another result than .*b\/x\.jsonl, a record of the/,
    );
    assert.match(
      other!,
      /^Cannot use .*b\/x\.jsonl: it ended with another result than .*a\/x\.jsonl, a record of the/,
    );
    assert.deepEqual(rest, []);
    const { problems, sections } = await boardIn(`${folder}/out`);
    assert.deepEqual(problems.map(({ path }) => path), [`${folder}/a/x.jsonl`, `${folder}/b/x.jsonl`]);
    assert.deepEqual(sections[0]!.runs.map(({ seed, path }) => [seed, path]), [["1", "y.jsonl"]]);
    assert.match(await Deno.readTextFile(`${folder}/out/LEADERBOARD.md`), /## Not used\n\n- .*a\/x\.jsonl/);
  }));

Deno.test("board takes a protagonist, a margin and metrics, and says what it does not know", () =>
  withFiles({
    "a/1.jsonl": recordText("ham", 0, 0.75),
    "a/2.jsonl": recordText("ham", 1, 0.7),
    "a/3.jsonl": recordText("naive", 0, 0.5),
    "a/4.jsonl": recordText("naive", 1, 0.4),
  }, async (folder) => {
    const args = ["--in", `${folder}/a`];
    const { out } = await call(
      ...args,
      "--protagonist",
      "naive",
      "--margin",
      "30",
      "--metrics",
      "forgetting,kept",
    );
    assert.match(out, /│ method │ T=2 forgetting \(n=2\) │ T=2 kept │\n├─+┼─+┼─+┤\n│ ham /);
    const board = await boardIn(`${folder}/a`);
    assert.deepEqual([board.protagonist, board.margin], ["naive", 0.3]);
    assert.deepEqual(board.sections[0]!.leads.map(({ method, difference }) => [method, difference!.mean]), [
      ["naive", -0.275],
    ]);
    assert.equal(board.sections[0]!.comparisons[0]!.equivalence.margin, 0.3);
    const stranger = await call(...args, "--protagonist", "ewc");
    assert.deepEqual([stranger.code, stranger.err], [
      0,
      "No record is of ewc, the protagonist; --protagonist names another\n",
    ]);
    for (
      const [wrong, message] of [
        [["--metrics", "accuracy"], /Found accuracy, wanted some of pooled, mean/],
        [["--metrics", ","], /Found none, wanted/],
        [["--margin", "0"], /Wanted points of accuracy above 0/],
        [["--margin", "x"], /Wanted points/],
      ] as const
    ) {
      const { code, err } = await call(...args, ...wrong);
      assert.equal(code, 2);
      assert.match(err, message);
    }
  }));

Deno.test("board --no-times gives equal files for equal results, however long they took", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75),
    "b/x.jsonl": recordText("ham", 0, 0.75, "done", 9),
  }, async (folder) => {
    for (const name of ["a", "b"]) await call("--in", `${folder}/${name}`);
    assert.notEqual(await leaderboard(`${folder}/a`), await leaderboard(`${folder}/b`));
    for (const name of ["a", "b"]) await call("--in", `${folder}/${name}`, "--no-times");
    assert.equal(await leaderboard(`${folder}/a`), await leaderboard(`${folder}/b`));
  }));

Deno.test("boards that are written at once leave whole files", () =>
  withFiles({
    "a/x.jsonl": recordText("ham", 0, 0.75),
    "b/y.jsonl": recordText("naive", 0, 0.5),
  }, async (folder) => {
    const write = (name: string, out: string) =>
      call("--in", `${folder}/${name}`, "--out", `${folder}/${out}`);
    await write("a", "a-alone");
    await write("b", "b-alone");
    const writers = ["a", "b", "a", "b", "a", "b"].map((name) => write(name, "both"));
    assert.deepEqual((await Promise.all(writers)).map(({ code }) => code), [0, 0, 0, 0, 0, 0]);
    const left = [...Deno.readDirSync(`${folder}/both`)].map(({ name }) => name).sort();
    assert.deepEqual(left, [...FILES, "leaderboard.html"].sort());
    for (const file of FILES) {
      const read = (name: string) => Deno.readTextFile(`${folder}/${name}/${file}`);
      assert.ok([await read("a-alone"), await read("b-alone")].includes(await read("both")), file);
    }
  }));

Deno.test("board shows records of the first edition in a section of their own", async () => {
  const old = new URL("../../fixtures/records/edition1", import.meta.url).pathname;
  await withFiles({ "a/x.jsonl": recordText("ham", 0, 0.75) }, async (folder) => {
    const { code, out } = await call("--in", `${folder}/a,${old}`, "--out", `${folder}/out`);
    assert.equal(code, 0);
    assert.match(out, /^4 records in 2 sections: 4 done/);
    const text = await Deno.readTextFile(`${folder}/out/LEADERBOARD.md`);
    assert.match(text, /## toy \/ tiny \/ reference\n[^]*## procedural \/ nano \/ onnx-node \/ edition 1\n/);
    assert.match(text, /\| method +\| +T=2 mean \|/);
    assert.match(text, /edition 1, 3 records/);
  });
});
