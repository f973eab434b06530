/**
 * What disks and clocks do to a benchmark: nothing is lost but the task in progress, and a sentence says what
 * happened. What a kill does is in `bench_workers_test.ts`, what a cut record does in `src/protocol/faults_test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { onDisk, whyNoDisk } from "../test_disk.ts";
import { callCommand, inFolder, writeSuite } from "../test_kit.ts";
import { board } from "./board.ts";
import { hashesIn, run, runProcess } from "./test_bench.ts";

const why = await whyNoDisk();
const skipped = (reason: string | undefined) => reason === undefined ? "" : ` (skipped: ${reason})`;

const SUITE = {
  methods: ["naive", "ewc"],
  tasks: [4],
  settings: { rank: 2, epochs: 1, batchSize: 4, loss: "seen" },
};

/** One line a sentence, and no trace of the program's own calls. */
function assertSentences(err: string): void {
  assert.doesNotMatch(err, /^\s+at |os error|\.ts:\d/m);
}

Deno.test({
  name: `bench on a disk that fills up says so, and goes on to the same hashes when there is room${
    skipped(why)
  }`,
  ignore: why !== undefined,
  fn: () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, SUITE);
      const args = (out: string) => ["--suite", suite, "--out", out, "--jobs", "1"];
      assert.equal((await run(...args(`${folder}/whole`))).code, 0);
      const whole = await hashesIn(`${folder}/whole`);
      await onDisk(2 ** 20, async (disk) => {
        const out = `${disk.path}/out`;
        const codes = new Set<number>();
        let stopped = 0;
        // From a disk that takes no byte to one that takes a cell and a half: it is full at another write each time.
        for (const pages of [0, 1, 3, 5]) {
          await disk.fill(4096 * pages);
          const { code, err } = await run(...args(out));
          codes.add(code);
          assertSentences(err);
          if (code !== 0) assert.match(err, /Cannot write [^\n]*: its disk is full( \(|$)/m);
          stopped += err.match(/: stopped: Cannot write [^\n]*: its disk is full \(/mg)?.length ?? 0;
          // What is there can be read, full or not.
          const { code: read, err: said } = await callCommand(board, [
            "--in",
            out,
            "--out",
            `${folder}/board`,
          ]);
          assert.ok(read === 0 || /found no records in/.test(said), said);
          await disk.empty();
          if (pages < 2) continue;
          const resumed = await run(...args(out));
          assert.equal(resumed.code, 0, resumed.err);
          assert.doesNotMatch(resumed.err, /damaged|cut off/);
          assert.deepEqual(await hashesIn(out), whole);
          await Deno.remove(out, { recursive: true });
        }
        assert.ok(codes.has(1), `codes ${[...codes]}`);
        assert.ok(stopped > 2, `${stopped} cells were stopped`);
      });
    }),
});

Deno.test({
  name: `bench and board refuse a disk that is read-only, and board reads it${skipped(why)}`,
  ignore: why !== undefined,
  fn: () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, { methods: ["ham"] });
      await onDisk(2 ** 20, async (disk) => {
        const args = ["--suite", suite, "--out", `${disk.path}/out`];
        assert.equal((await run(...args)).code, 0);
        await disk.setReadOnly(true);
        const again = await run(...args, "--fresh");
        assert.deepEqual([again.code, again.out], [2, ""]);
        assert.match(
          again.err,
          /^Cannot write results to [^\n]*\/out: its disk is read-only, wanted a folder that can be written\.\n$/,
        );
        const listed = await run(...args, "--list-cells");
        assert.deepEqual([listed.code, JSON.parse(listed.out)[0].finished], [0, true]);
        const refused = await callCommand(board, ["--in", `${disk.path}/out`]);
        assert.equal(refused.code, 2);
        assert.match(refused.err, /^Cannot write the leaderboard to [^\n]*: its disk is read-only\.\n$/);
        const { code } = await callCommand(board, ["--in", `${disk.path}/out`, "--out", `${folder}/board`]);
        assert.equal(code, 0);
        await disk.setReadOnly(false);
      });
    }),
});

/** Debian's library that has a program see another time. */
async function findFaketime(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("dpkg", { args: ["-L", "libfaketime"], stderr: "null" })
      .output();
    return new TextDecoder().decode(stdout).split("\n").find((path) => path.endsWith("/libfaketime.so.1"));
  } catch {
    return undefined;
  }
}

const faketime = await findFaketime();

Deno.test({
  name: "bench under clocks that differ and go backwards leaves the same hashes" +
    skipped(faketime ? undefined : ".ci/install faketime installs what sets them"),
  ignore: faketime === undefined,
  fn: () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, {
        ...SUITE,
        settings: { ...SUITE.settings, epochs: 12, batchSize: 2 },
      });
      const time = `${folder}/time`;
      await Deno.writeTextFile(time, "+0");
      const env = {
        LD_PRELOAD: faketime!,
        FAKETIME_TIMESTAMP_FILE: time,
        FAKETIME_NO_CACHE: "1",
        // No system sets this one back.
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
      const ahead = { LD_PRELOAD: faketime!, FAKETIME: "+40d", FAKETIME_DONT_FAKE_MONOTONIC: "1" };
      const args = (out: string) => ["--suite", suite, "--out", `${folder}/${out}`, "--jobs", "1"];
      const start = (variables: Record<string, string>) =>
        runProcess(args("shared"), { env: variables, stderr: "piped" }).output();
      const workers = [start(env), start(env), start(ahead)];
      const witness = new Deno.Command(Deno.execPath(), {
        args: [
          "eval",
          "let last = 0; setInterval(() => Date.now() < last ? Deno.exit(7) : last = Date.now(), 20)",
        ],
        env,
        stdout: "null",
        stderr: "null",
      }).output();
      let isDone = false;
      const ended = Promise.all(workers).finally(() => isDone = true);
      for (let days = 1; !isDone; days++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        await Deno.writeTextFile(time, `-${days}d`);
      }
      for (const { code, stderr } of await ended) {
        const err = new TextDecoder().decode(stderr);
        assert.equal(code, 0, err);
        assert.doesNotMatch(err, /Cannot|damaged|-\d+:|NaN/);
      }
      assert.equal((await witness).code, 7, "no clock went backwards");
      assert.equal((await run(...args("alone"))).code, 0);
      assert.deepEqual(await hashesIn(`${folder}/shared`), await hashesIn(`${folder}/alone`));
      assert.deepEqual([...Deno.readDirSync(`${folder}/shared/claims`)], []);
    }),
});

Deno.test("two boards at once, and one beside a bench, write whole leaderboards and no other file", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"], seeds: [0, 1, 2] });
    const args = ["--suite", suite, "--out", `${folder}/out`, "--jobs", "1"];
    assert.equal((await run(...args)).code, 0);
    const call = () => callCommand(board, ["--in", `${folder}/out`, "--out", `${folder}/board`]);
    const text = () => Deno.readTextFile(`${folder}/board/LEADERBOARD.md`);
    assert.equal((await call()).code, 0);
    const files = [...Deno.readDirSync(`${folder}/board`)].map(({ name }) => name).sort();
    const wanted = await text();
    const program = new URL("./board.ts", import.meta.url).pathname;
    const process = () =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "-RW", program, "--in", `${folder}/out`, "--out", `${folder}/board`],
        env: { NO_COLOR: "1" },
        stdout: "null",
        stderr: "null",
      }).output();
    for (const { code } of await Promise.all([process(), process(), call(), call()])) assert.equal(code, 0);
    assert.equal(await text(), wanted);
    assert.deepEqual([...Deno.readDirSync(`${folder}/board`)].map(({ name }) => name).sort(), files);

    let isDone = false;
    const ended = run(...args, "--fresh").finally(() => isDone = true);
    while (!isDone) {
      const { code, err } = await call();
      assert.equal(code, 0, err);
    }
    assert.equal((await ended).code, 0);
  }));
