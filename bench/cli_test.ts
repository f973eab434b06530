import assert from "node:assert/strict";
import { Option } from "commander";
import { BackendUnavailableError, InputError } from "../src/core/mod.ts";
import { type CommandSpec, positiveInteger, positiveNumber, runCommand } from "./cli.ts";

interface Options {
  readonly kind: string;
  readonly count: number;
}

/** Runs a command that does `run` and collects what it writes. */
async function call(args: readonly string[], run: CommandSpec<Options>["run"] = () => 0) {
  const written = { out: "", err: "" };
  const spec: CommandSpec<Options> = {
    name: "probe",
    description: "For tests",
    configure(command) {
      command.argument("[files...]").option("--count <n>", "a count", positiveInteger, 1)
        .addOption(new Option("--kind <name>").choices(["a", "b"]).default("a"));
    },
    run,
  };
  const code = await runCommand(spec, args, {
    out: (text) => written.out += text,
    err: (text) => written.err += text,
  });
  return { code, ...written };
}

Deno.test("runCommand() hands over operands and options, and returns the command's code", async () => {
  const { code, out, err } = await call(
    ["x", "--count", "3", "y", "--kind", "b"],
    (files, options, output) => {
      output.out(`${files.join()} ${options.kind} ${options.count}`);
      return 1;
    },
  );
  assert.deepEqual({ code, out, err }, { code: 1, out: "x,y b 3", err: "" });
});

Deno.test("runCommand() answers wrong usage with a message and code 2, before anything runs", async () => {
  const refuse = () => assert.fail("ran");
  const attempts = [["--frob"], ["--count", "0"], ["--count", "two"], ["--count", "1.5"], ["--kind", "c"], [
    "--kind",
  ]];
  for (const args of attempts) {
    const { code, out, err } = await call(args, refuse);
    assert.equal(code, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, /^error: .*\n\(--help lists arguments and options\)\n/);
  }
});

Deno.test("runCommand() prints help on stdout with code 0", async () => {
  const { code, out, err } = await call(["--help"]);
  assert.equal(code, 0);
  assert.match(out, /Usage: probe .*--debug.*--count <n>/s);
  assert.equal(err, "");
});

Deno.test({
  name: "runCommand() prints help and usage errors without reading the environment",
  permissions: { env: false },
  async fn() {
    assert.equal((await call(["--help"])).code, 0);
    assert.match((await call(["--frob"])).err, /unknown option '--frob'/);
  },
});

Deno.test("runCommand() turns errors into one sentence and a code by kind", async () => {
  const raise = (error: Error) => () => {
    throw error;
  };
  const input = await call([], raise(new InputError("Cannot read x: it does not exist")));
  assert.deepEqual([input.code, input.err], [2, "Cannot read x: it does not exist.\n"]);
  const backend = await call([], raise(new BackendUnavailableError("Cannot use WebGPU: no adapter")));
  assert.deepEqual([backend.code, backend.err], [2, "Cannot use WebGPU: no adapter.\n"]);
  const broken = await call([], raise(new RangeError("Cannot multiply")));
  assert.deepEqual([broken.code, broken.err], [1, "Cannot multiply.\n"]);
  const debug = await call(["--debug"], raise(new RangeError("Cannot multiply")));
  assert.match(debug.err, /^Cannot multiply\.\nRangeError: Cannot multiply\n +at /);
  const later = await call([], () => Promise.reject(new InputError("Cannot wait")));
  assert.equal(later.code, 2);
});

Deno.test("positiveNumber() takes what is finite and above 0", () => {
  assert.equal(positiveNumber("1e-4"), 1e-4);
  for (const text of ["0", "-1", "", " ", "NaN", "Infinity", "1x"]) {
    assert.throws(() => positiveNumber(text), text);
  }
});
