/**
 * `deno task bench`: scores methods over growing task counts and prints the table. Finished cells are skipped,
 * unfinished ones resumed.
 *
 * @module
 */
import type { Command } from "commander";
import { classifierNames } from "../../src/classifiers/mod.ts";
import { InputError } from "../../src/core/mod.ts";
import { backendChoices } from "../../src/executors/mod.ts";
import { addBoardFlags } from "../board_flags.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { loadSuite } from "../grid/plan.ts";
import { type BenchOptions, jsonText, runPart } from "../grid/run_suite.ts";
import { type CellFlags, chooseCells, listCells, parseShard } from "../grid/shard.ts";
import { namedSuites, resolveSuites, type Suite } from "../grid/suite.ts";
import { withTuned } from "../tuning/apply.ts";
import { addBackboneFlags } from "./backbone_flags.ts";

function configure(command: Command): void {
  command
    .option("--suite <name>", `named suite (${namedSuites.join(", ")}) or path of a suite file`, "quick")
    .option(
      "--methods <list>",
      "methods, with options after a colon: ham,naive or ham:keep=0.5,groupRank=16, or all",
    )
    .option("--tasks <list>", "numbers of tasks, such as 5,10,20")
    .option(
      "--stream <kind>",
      "classes (at random), families (a task's classes are of one family), recurring (families come back), mixed " +
        "(data sets in a row: --data a+b), domains (all classes in every task, under another condition each) " +
        "(default: classes)",
    )
    .option(
      "--classes-per-task <n>",
      "classes of each task, so that more tasks are more classes (default: all classes are dealt out)",
    )
    .option(
      "--first-task <n>",
      "classes of the first task; the others get --classes-per-task, or share the rest",
    )
    .option(
      "--task-sizes <list>",
      "classes of every task, such as 50,10,10; also says how many tasks there are",
    )
    .option(
      "--class-order <order>",
      "numpy or numpy:1993 (NumPy's shuffle by the cell's or that seed, as in published tables), a seed, class " +
        "names with commas between them, or a file with a class on each line (default: our shuffle by the cell's seed)",
    )
    .option(
      "--evaluate <when>",
      "score all tasks seen after all tasks, only the last, or every n-th and the last (default: all)",
    )
    .option("--seeds <list>", "seeds of the class order and of training, such as 0,1,2")
    .option("--train-seed <n>", "one training seed for all class orders (default: the class order's seed)")
    .option(
      "--data <spec>",
      "such as procedural, cifar100:PATH or folder:PATH,size=32; see deno task data list",
    )
    .option(
      "--backbone <id|path>",
      "name of a shipped backbone, or a .safetensors or .onnx file or a folder with one",
    )
    .option("--backend <name>", backendChoices.join(" | "))
    .option("--epochs <n>", "epochs per task")
    .option("--limit-per-class <n>", "use the first n images of each class, in both splits")
    .option(
      "--set <key=value...>",
      `protocol settings, such as head=alignment,drift=mean-shift: head (${classifierNames.join(", ")}), ` +
        "drift (none, mean-shift, identity-ridge), covariance, shrinkage, shrinkTarget, randomFeatures, penalty, alignSamples, " +
        "alignEpochs (of heads), rank, alpha, targets (q+v), batchSize, optimiser, " +
        "learningRate, weightDecay, schedule, warmup, loss (task, seen: classes that the loss of a task is over), " +
        "firstEpochs, firstRate (of the first task)",
    )
    .option(
      "--jobs <n>",
      "cells at a time (default: one per core as far as memory goes, on a GPU 1)",
      positiveInteger,
    )
    .option("--out <dir>", "folder for records and snapshots", "runs/bench")
    .option("--keep-adapters", "keep trained adapters in <out>/adapters, for deno task export")
    .option(
      "--tuned [name]",
      "options and shared settings that deno task tune found, where neither suite nor flags set them",
    )
    .option("--fresh", "run finished cells again")
    .option("--dry-run", "say what would be run and how long it would take, and end")
    .option("--quiet", "say nothing but results and errors")
    .option("--json", "print results as JSON and nothing else: cells with status, path and figures")
    .option(
      "--shard <I/N>",
      "run part I of N parts of about equal work; every cell is in one part, which follows from suite and flags alone",
      parseShard,
    )
    .option("--cells <names>", "run these cells only, with commas between, as --list-cells names them")
    .option(
      "--list-cells",
      "print the cells as JSON, with their work and whether <out> has them; write nothing",
    );
  addBoardFlags(command);
  addBackboneFlags(command);
}

async function run(
  _: readonly string[],
  options: BenchOptions,
  output: Output,
  args?: readonly string[],
): Promise<number> {
  const said: Output = options.quiet ? { ...output, err: () => {} } : output;
  const { tuned } = options;
  const plain = await resolveSuites(options);
  const parts = tuned === undefined
    ? plain
    : await Promise.all(plain.map((part) => withTuned(part, tuned === true ? "default" : tuned)));
  if (options.listCells) {
    const cells = [];
    for (const part of parts) {
      const suite = chooseCells(await loadSuite(part, said), options, said);
      cells.push(...await listCells(suite, options.out));
    }
    output.out(jsonText(cells));
    return 0;
  }
  const values: unknown[] = [];
  const each: Output = {
    ...output,
    ...(options.json && parts.length > 1 && { out: (text: string) => void values.push(JSON.parse(text)) }),
  };
  let code = 0;
  if (parts.length > 1) await checkParts(parts);
  const chosen = parts.length > 1 ? await cellsByPart(parts, options, said) : undefined;
  for (const [i, part] of parts.entries()) {
    if (chosen?.[i] === "") continue;
    const own = chosen?.[i] === undefined ? options : { ...options, cells: chosen[i] };
    if (parts.length > 1) said.err(`Part ${i + 1} of ${parts.length}: ${describePart(part)}\n`);
    const ended = await runPart(part, own, each, args);
    code = Math.max(code, ended);
    if (ended > 2) break;
  }
  if (options.json && parts.length > 1) output.out(jsonText(values));
  return code;
}

/** What a later part lacks is said now, not after hours of the parts before it. One part of each data set is enough. */
async function checkParts(parts: readonly Suite[]): Promise<void> {
  const byData = new Map(parts.map((part) => [part.data, part]));
  for (const part of byData.values()) await loadSuite(part);
}

/** The names of cells that --cells gives, each with the part that it is in; `undefined` without that flag. */
async function cellsByPart(
  parts: readonly Suite[],
  { cells: names }: CellFlags,
  output: Output,
): Promise<string[] | undefined> {
  if (names === undefined) return undefined;
  const wanted = names.split(",").map((name) => name.trim());
  const known: ReadonlySet<string>[] = [];
  for (const part of parts) {
    known.push(new Set((await loadSuite(part, output)).cells.map(({ job }) => job.name)));
  }
  const unknown = wanted.find((name) => !known.some((part) => part.has(name)));
  if (unknown !== undefined) {
    throw new InputError(
      `Cannot run cell "${unknown}": found no such cell in any part of this suite, wanted a name that --list-cells prints`,
    );
  }
  return known.map((part) => wanted.filter((name) => part.has(name)).join(","));
}

/** What a part has that others may not have, in a few words. */
function describePart({ data, stream, tasks, settings }: Suite): string {
  const own = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  return [data, ...(stream === undefined ? [] : [`stream ${stream}`]), `T = ${tasks.join(", ")}`, ...own]
    .join("; ");
}

/** The command. */
export const bench: CommandSpec<BenchOptions> = {
  name: "bench",
  description:
    "Scores continual-learning methods while the number of tasks grows, and prints the table: accuracy " +
    "over all test images of all classes seen (pooled), the plain mean over tasks (mean), forgetting, seconds, bytes kept.",
  configure,
  run,
};

if (import.meta.main) await runMain(bench);
