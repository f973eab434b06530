import assert from "node:assert/strict";
import { createBoard, parseRecord, recordSchema, renderJson } from "../../src/protocol/mod.ts";
import { callCommand, inFolder, writeSuite } from "../test_kit.ts";
import { recordsIn, run } from "./test_bench.ts";
import { verify } from "./verify.ts";

const call = (...args: string[]) => callCommand(verify, args);

interface MadeRun {
  /** Folder of the run. */
  readonly out: string;
  /** Where the records say that their backbone is. */
  readonly backbone: string;
  readonly paths: readonly string[];
}

let made: Promise<MadeRun> | undefined;

/** A run of two methods, made once for all tests. */
async function makeRun(): Promise<MadeRun> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
  const out = `${folder}/run`;
  const { code, err } = await run("--suite", suite, "--out", out);
  assert.equal(code, 0, err);
  const paths = [...(await recordsIn(out)).keys()].sort().map((name) => `${out}/records/${name}`);
  return { out, backbone: `${folder}/tiny.safetensors`, paths };
}

/** Calls with a copy of the run. */
async function withRun(use: (run: MadeRun) => Promise<void>): Promise<void> {
  const { backbone, paths } = await (made ??= makeRun());
  await inFolder(async (out) => {
    await Deno.mkdir(`${out}/records`);
    const copies = paths.map((path) => `${out}/records/${path.split("/").at(-1)}`);
    for (const [i, path] of paths.entries()) await Deno.copyFile(path, copies[i]!);
    await use({ out, backbone, paths: copies });
  });
}

async function change(path: string, from: string | RegExp, to: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  assert.notEqual(text.replace(from, to), text, `${from} is not there`);
  await Deno.writeTextFile(path, text.replace(from, to));
}

Deno.test("verify says of each record what it found, and of all whether anything is wrong", () =>
  withRun(async ({ out, paths }) => {
    const fine = await call(out);
    assert.deepEqual([fine.code, fine.err], [0, ""]);
    const [first, note] = fine.out.split("\n");
    assert.match(first!, /^ok {4}naive T=2 seed 0, accuracy 0\.\d{4}, .*naive-T2-s0-\w+\.jsonl$/);
    assert.match(note!, /^ {2}note: backbone not checked\. .*opened with --own-paths only/);
    assert.match(
      fine.out,
      /\n2 records: 2 ok, 0 wrong; 2 not held .*; whether the numbers repeat is seen with --rerun/,
    );
    await change(paths[0]!, '"train":8', '"train":9');
    const bad = await call(...paths);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^WRONG unreadable, .*naive-T2.*\n {2}seal, line \d: found the hash does not fit/);
    assert.match(bad.out, /\n2 records: 1 ok, 1 wrong/);
  }));

Deno.test("verify --rerun runs the cells again, on what the user names or owns", () =>
  withRun(async ({ out, backbone, paths }) => {
    for (const places of [["--own-paths"], ["--backbone", backbone]]) {
      const again = await call(out, "--rerun", ...places);
      assert.deepEqual([again.code, again.out.match(/run again: equal/g)?.length], [0, 2], again.out);
    }
    const stranger = await call(out, "--rerun");
    assert.equal(stranger.code, 1);
    assert.match(
      stranger.out,
      /rerun: found Cannot open the backbone tiny: found that the record names .*--own-paths/,
    );
    // Another backend gives other bits.
    const web = await call(paths[0]!, "--rerun", "--own-paths", "--backend", "onnx-web");
    assert.deepEqual(
      [web.code, /another kind of machine: within tolerance/.test(web.out)],
      [0, true],
      web.out,
    );
    assert.match(web.out, /note: task 0, .*: recorded .*, recomputed /);
    const text = await Deno.readTextFile(paths[0]!);
    await Deno.writeTextFile(paths[0]!, text.split("\n").slice(0, 2).join("\n") + "\n");
    const begun = await call(paths[0]!, "--rerun", "--own-paths");
    assert.equal(begun.code, 1);
    assert.match(
      begun.out,
      /^WRONG naive T=2 seed 0, run again: equal.*\n {2}tasks, line 2: found no end after 1 of 2/,
    );
    await Deno.writeTextFile(paths[0]!, text);
    const exact = await call(paths[0]!, "--rerun", "--own-paths", "--backend", "onnx-web", "--exact");
    assert.equal(exact.code, 1);
    assert.match(exact.out, /rerun: found cell\.backend: recorded "reference", recomputed "onnx-web"/);
  }));

Deno.test("verify finds a backbone and data that are not the record's", () =>
  withRun(async ({ out, backbone }) => {
    const bytes = await Deno.readFile(backbone);
    try {
      await Deno.writeFile(backbone, bytes.with(-1, bytes.at(-1)! ^ 1));
      const other = await call(out, "--own-paths");
      assert.equal(other.code, 1);
      assert.match(other.out, /source, line 1: found that .*tiny\.safetensors has \w{64}, wanted \w{64}/);
      await Deno.writeFile(backbone, bytes.slice(0, 100));
      assert.match((await call(out, "--own-paths")).out, /note: backbone not checked/);
    } finally {
      await Deno.writeFile(backbone, bytes);
    }
  }));

Deno.test("verify --sample draws by the cells and the seed alone", () =>
  withRun(async ({ out, backbone, paths }) => {
    const drawn = async (seed: string, ...places: string[]) => {
      const { out } = await call(
        ...places,
        "--rerun",
        "--sample",
        "1",
        "--seed",
        seed,
        "--backbone",
        backbone,
      );
      return out.split("\n").filter((line) => line.includes("run again:")).map((line) => line.slice(0, 16));
    };
    const draws = [];
    for (const seed of ["0", "1", "2", "3", "4"]) {
      const [one, ...others] = await drawn(seed, out);
      assert.deepEqual(others, []);
      assert.deepEqual(await drawn(seed, paths[1]!, paths[0]!), [one]);
      draws.push(one);
    }
    assert.equal(new Set(draws).size, 2);
  }));

Deno.test("verify --json has every finding and figure", () =>
  withRun(async ({ out, paths }) => {
    await change(paths[1]!, /"status":"done"/, '"status":"failed"');
    const { code, out: text } = await call(out, "--json");
    assert.equal(code, 1);
    const [good, bad] = JSON.parse(text);
    assert.deepEqual([good.verdict, good.status, good.findings], ["ok", "done", []]);
    assert.equal(good.hash, parseRecord(await Deno.readTextFile(paths[0]!), "x").end!.hash);
    assert.ok(good.figures.pooled > 0 && good.figures.seconds > 0);
    assert.deepEqual([bad.verdict, bad.status, bad.findings[0].check], ["wrong", "unreadable", "shape"]);
  }));

Deno.test("verify finds copies of a cell, and results that differ", () =>
  withRun(async ({ out, paths }) => {
    await Deno.mkdir(`${out}/copy`);
    const name = paths[0]!.split("/").at(-1)!;
    await Deno.copyFile(paths[0]!, `${out}/copy/${name}`);
    const copies = await call(paths[0]!, `${out}/copy`);
    assert.equal(copies.code, 0, copies.out);
    assert.match(copies.out, /note: the same as /);
    await Deno.rename(`${out}/copy/${name}`, `${out}/copy/other.jsonl`);
    assert.match((await call(`${out}/copy`)).out, /name: found file other\.jsonl, wanted naive-T2/);
  }));

Deno.test("verify --board holds every number of a leaderboard against the records", () =>
  withRun(async ({ out, paths }) => {
    const file = `${out}/leaderboard.json`;
    const records = await Promise.all(paths.map(async (path) => ({
      path: `elsewhere/${path}`,
      record: parseRecord(await Deno.readTextFile(path), path),
    })));
    const text = renderJson(createBoard(records, { protagonist: "naive" }));
    await Deno.writeTextFile(file, text);
    const fine = await call(out, "--board", file);
    assert.deepEqual([fine.code, /ok {4}board, .*leaderboard\.json/.test(fine.out)], [0, true], fine.out);
    for (
      const [from, to, message] of [
        [
          /"pooled":0\.\d/,
          '"pooled":0.9',
          /board: found pooled 0\.9\d* of \w.*, wanted 0\.\d+, as its record gives/,
        ],
        [/"mean":0\.\d/, '"mean":0.9', /board: found (mean 0\.9|sections)/],
        [
          /"verdict":\[/,
          '"verdict":["All is well.",',
          /board: found sections\.0\.verdict\.0: shown "All is well\."/,
        ],
        [/"hash":"./, '"hash":"x', /board: found sections\.\d|board: found \w.* with hash x/],
        [/"margin":0\.01/, '"margin":0.5', /./],
        [/^\{/, "{{", /board: found no JSON/],
        [/"edition":2/, '"edition":7', /board: found edition: /],
      ] as const
    ) {
      await Deno.writeTextFile(file, text.replace(from, to));
      const { code, out: said } = await call(out, "--board", file);
      if (to !== '"margin":0.5') assert.equal(code, 1, `${from}\n${said}`);
      assert.match(said, message);
    }
    await Deno.writeTextFile(file, text);
    assert.match(
      (await call(paths[0]!, "--board", file)).out,
      /board: found run .*, wanted its record among/,
    );
    assert.equal((await call(out, "--board", `${out}/none.json`)).code, 2);
  }));

Deno.test("verify --schema prints the schema of a line", async () => {
  assert.deepEqual(JSON.parse((await call("--schema")).out), recordSchema(2));
  assert.deepEqual(JSON.parse((await call("--schema", "1")).out), recordSchema(1));
});

Deno.test("verify refuses wrong usage in a sentence", () =>
  inFolder(async (folder) => {
    for (
      const [args, message] of [
        [[], /^Cannot verify: found no records, wanted files or folders\.\n$/],
        [[`${folder}/none`], /^Cannot read records in .*none: it does not exist\.\n$/],
        [[folder], /found no records, wanted \.jsonl files in it\.\n$/],
        [[folder, "--sample", "2"], /^Cannot use --sample without --rerun/],
        [[folder, "--rerun", "--seed", "2"], /^Cannot use --seed without --sample/],
        [[folder, "--rerun", "--sample", "0"], /Wanted a positive number/],
        [[folder, "--rerun", "--sample", "1", "--seed", "-1"], /Wanted an integer from 0/],
        [[folder, "--rerun", "--text-only"], /^Cannot use --text-only with --rerun/],
        [[folder, "--exact"], /^Cannot use --exact without --rerun/],
        [[folder, "--backend", "abacus"], /abacus/],
        [["--schema", "3"], /3/],
      ] as const
    ) {
      const { code, err } = await call(...args);
      assert.deepEqual([code, message.test(err)], [2, true], `${args}: ${err}`);
    }
  }));

Deno.test("verify shows what strangers wrote, and obeys none of it", () =>
  withRun(async ({ out, paths }) => {
    const text = await Deno.readTextFile(paths[0]!);
    const records = `${out}/strange`;
    await Deno.mkdir(records);
    await Deno.writeTextFile(`${records}/a\u001b[2J\u202e.jsonl`, text);
    await Deno.writeTextFile(
      `${records}/b.jsonl`,
      text.replace('"options":{}', '"options":{"\\u001b[31m":"\\u0007"}'),
    );
    await Deno.writeTextFile(`${records}/c.jsonl`, `${"[".repeat(1e6)}\n`);
    await Deno.writeTextFile(`${records}/d.jsonl`, text.replace('"method":"naive"', '"method":"<script>"'));
    await Deno.writeTextFile(
      `${records}/e.jsonl`,
      text.replace('"facts":{}', '"facts":{"__proto__":{"x":1}}'),
    );
    await Deno.writeTextFile(`${records}/f.jsonl`, "");
    await Deno.truncate(`${records}/f.jsonl`, 100_000_000);
    await Deno.writeTextFile(`${records}/g.jsonl`, text.replace('"train":8', '"train":NaN'));
    for (const args of [[], ["--json"]]) {
      const { code, out: said, err } = await call(records, ...args);
      assert.equal(code, 1);
      assert.doesNotMatch(said + err, /[[\p{Cc}\p{Cf}\p{Cs}]--[\n]]/v);
      assert.match(said, /100000000 bytes/);
      assert.match(said, /the key __proto__/);
    }
  }));
