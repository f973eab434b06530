import assert from "node:assert/strict";
import { exists, inFolder, writeSuite } from "../test_kit.ts";
import { commandLine } from "../grid/interrupt.ts";
import { hashesIn, recordsIn, run, runProcess, untilTaskDone } from "./test_bench.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `bench stopped by ${signal} keeps what is done, and says how to go on`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder(async (folder) => {
        const suite = await writeSuite(folder, {
          methods: ["ham", "naive"],
          tasks: [4],
          settings: { rank: 2, epochs: 8, batchSize: 2 },
        });
        // A space, which the command to go on must quote.
        const out = `${folder}/two words`;
        const child = runProcess(["--suite", suite, "--out", out, "--jobs", "1"], { stderr: "piped" })
          .spawn();
        const output = child.output();
        await untilTaskDone(`${out}/records`);
        // Twice, as from a terminal and from the task runner between.
        child.kill(signal);
        child.kill(signal);
        const { code: ended, stderr } = await output;
        const err = text(stderr);
        assert.equal(ended, code, err);
        assert.match(
          err,
          new RegExp(
            `\nStopped by ${signal}: 0 of 2 cells are kept in ${out}/records, and of 1 more the tasks that were done\\.\n` +
              `To go on: deno task bench --suite ${suite} --out '${out}' --jobs 1\n$`,
          ),
        );
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(err, /\x1b/);
        assert.deepEqual([...Deno.readDirSync(`${out}/claims`)], []);
        const [left] = (await recordsIn(out)).values();
        assert.ok(left!.tasks.length > 0 && !left!.end, "the signal came too late");

        if (signal !== "SIGINT") return;
        const again = await run("--suite", suite, "--out", out, "--jobs", "1");
        assert.equal(again.code, 0, again.err);
        assert.equal((await run("--suite", suite, "--out", `${folder}/whole`)).code, 0);
        assert.deepEqual(await hashesIn(out), await hashesIn(`${folder}/whole`));
      }),
  });
}

/** `script` of util-linux gives a program a terminal. */
const hasScript = await new Deno.Command("script", { args: ["--version"], stdout: "null", stderr: "null" })
  .output().then(({ success }) => success, () => false);

Deno.test({
  name: "bench on a terminal that gets Ctrl-C clears its bars, shows the cursor, and uses no colours",
  ignore: !hasScript,
  fn: () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, { tasks: [4], settings: { rank: 2, epochs: 40, batchSize: 2 } });
      const main = new URL("./bench.ts", import.meta.url).pathname;
      const words = [
        Deno.execPath(),
        "run",
        "-A",
        "--quiet",
        main,
        "--suite",
        suite,
        "--out",
        `${folder}/out`,
      ];
      const child = new Deno.Command("script", {
        args: ["-qec", commandLine(words), "/dev/null"],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const keys = child.stdin.getWriter();
      let shown = "";
      let pressed = false;
      for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
        shown += part;
        if (pressed || !/task [2-4]\/4/.test(shown)) continue;
        pressed = true;
        await keys.write(Uint8Array.of(3));
      }
      await keys.close();
      assert.equal((await child.status).code, 130, shown);
      // The cursor is back, the bars are gone, and the rest is text.
      const end = shown.slice(shown.lastIndexOf("\x1b[?25h"));
      assert.match(
        end,
        // deno-lint-ignore no-control-regex
        /\x1b\[0JStopped by SIGINT: 0 of 1 cells are kept in [^\x1b]*\r\nTo go on: [^\x1b]*\r\n$/,
      );
      assert.ok(shown.indexOf("\x1b[?25l") < shown.lastIndexOf("\x1b[?25h"));
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(shown, /\x1b\[[\d;]*m/);
    }),
});

Deno.test("bench --fresh that was stopped goes on without --fresh, which would begin anew", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { tasks: [4], settings: { rank: 2, epochs: 8, batchSize: 2 } });
    const args = ["--suite", suite, "--out", `${folder}/out`];
    const child = runProcess([...args, "--fresh", "--quiet"], { stderr: "piped" }).spawn();
    const output = child.output();
    await untilTaskDone(`${folder}/out/records`);
    child.kill("SIGINT");
    const { code, stderr } = await output;
    assert.equal(code, 130, text(stderr));
    assert.match(
      text(stderr),
      new RegExp(`^Stopped by SIGINT: .*\nTo go on: deno task bench ${args.join(" ")} --quiet\n$`),
    );
    assert.ok(await exists(`${folder}/out/records`));
  }));
