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
import { cellName, createBoard, layoutOf, prepareFolder, type RunRecord } from "../../src/protocol/mod.ts";
import { writeBoard } from "../board_files.ts";
import { addBoardFlags, type BoardFlags, formatSection, PROTAGONIST } from "../board_flags.ts";
import { addBackboneFlags } from "./backbone_flags.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { collectRecords } from "../found_records.ts";
import { describeEstimate, describePlan, type Plan, planOf } from "../grid/announce.ts";
import { commandLine, exitCodeOf, type StopSignal } from "../grid/interrupt.ts";
import { cellBytes, cellsInMemory, freeMemory } from "../grid/memory.ts";
import {
  countTasks,
  hasKeptAdapters,
  type LoadedSuite,
  loadSuite,
  type PlannedCell,
  readFinished,
} from "../grid/plan.ts";
import { type Estimate, estimateCells, runCells } from "../grid/run_cells.ts";
import { type CellFlags, chooseCells, listCells, parseShard } from "../grid/shard.ts";
import { resultOf } from "../grid/result.ts";
import { namedSuites, resolveSuite, type SuiteFlags } from "../grid/suite.ts";
import { withTuned } from "../tuning/apply.ts";

interface Options extends SuiteFlags, BoardFlags, CellFlags {
  readonly jobs?: number;
  readonly out: string;
  readonly fresh?: true;
  readonly keepAdapters?: true;
  readonly dryRun?: true;
  readonly quiet?: true;
  readonly json?: true;
  readonly tuned?: string | true;
  readonly listCells?: true;
}

function configure(command: Command): void {
  command
    .option("--suite <name>", `named suite (${namedSuites.join(", ")}) or path of a suite file`, "quick")
    .option(
      "--methods <list>",
      "methods, with options after a colon: ham,naive or ham:keep=0.5,groupRank=16, or all",
    )
    .option("--tasks <list>", "numbers of tasks, such as 5,10,20")
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
        "drift (none, mean-shift, identity-ridge), covariance, shrinkage, randomFeatures, penalty, alignSamples, " +
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
  options: Options,
  output: Output,
  args?: readonly string[],
): Promise<number> {
  const { out, quiet = false, keepAdapters = false, fresh = false } = options;
  const said: Output = quiet ? { ...output, err: () => {} } : output;
  const plain = await resolveSuite(options);
  const { tuned } = options;
  const whole = tuned === undefined ? plain : await withTuned(plain, tuned === true ? "default" : tuned);
  const suite = chooseCells(await loadSuite(whole, said), options, said);
  if (options.listCells) {
    output.out(`${JSON.stringify(await listCells(suite, options.out), null, 2)}\n`);
    return 0;
  }
  const { info, why, cells } = suite;
  if (!options.dryRun) await prepareFolder(out);
  const finished: RunRecord[] = [];
  const waiting = [];
  for (const planned of cells) {
    const record = fresh ? undefined : await readFinished(out, planned.job);
    const isWhole = !keepAdapters || await hasKeptAdapters(out, planned.job, record);
    if (record && isWhole) finished.push(record);
    else waiting.push(planned);
  }
  const jobs = options.jobs ?? workersFor(suite, waiting.length, said);
  const plan = planOf(suite, waiting, { jobs, out, keepAdapters });
  if (options.dryRun) return await showPlan(suite, plan, waiting, options, output);
  said.err(
    `${cells.length} cells, ${finished.length} of them finished before; ${info.backend} on ${info.device} ` +
      `(${why}), ${jobs} at a time\n`,
  );
  if (waiting.length > 0) said.err(describePlan(plan));
  const { results, records, signal } = await runCells(suite, waiting, {
    out,
    workers: jobs,
    keepAdapters,
    fresh,
    style: quiet ? "quiet" : Deno.stderr.isTerminal() ? "bars" : "lines",
    write: output.err,
    ...(!quiet && { onEstimate: (estimate: Estimate) => said.err(describeEstimate(estimate, plan, suite)) }),
  });
  const all = [...finished, ...records];
  const found = inPlanOrder(suite, all).map((record) => ({
    path: layoutOf(out).record(cellName(record.start.cell)),
    record,
  }));
  const board = createBoard(found, { protagonist: PROTAGONIST });
  if (signal) {
    if (options.json) output.out(jsonText(resultOf(suite, board, results, { out, signal })));
    output.err(await describeStop(signal, suite, out, args));
    return exitCodeOf(signal);
  }
  const page = await renderFolder(out, output);
  if (options.json) {
    output.out(jsonText(resultOf(suite, board, results, { out, ...(page !== undefined && { page }) })));
  } else for (const section of board.sections) output.out(formatSection(section, options));
  const leaderboard = page === undefined ? "" : `, and the leaderboard of all that are there in ${page}`;
  said.err(
    `Records are in ${layoutOf(out).records}${leaderboard}\n` +
      `deno task report ${out} NAME explains one of them\n`,
  );
  const failed = results.filter(({ status }) => status !== "done").length;
  if (failed > 0) output.err(`${failed} of ${cells.length} cells failed; see above\n`);
  return failed > 0 || page === undefined || all.some(({ end }) => end?.status === "failed") ? 1 : 0;
}

/**
 * Writes the leaderboard of everything that a folder has, whoever ran it, and gives the path of its page. Where it
 * cannot, since the disk is full, it says so: the records are there.
 */
async function renderFolder(out: string, { err }: Output): Promise<string | undefined> {
  const { records, problems } = await collectRecords([out]);
  try {
    return await writeBoard(out, createBoard(records, { protagonist: PROTAGONIST, problems }));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    err(`${error.message}\n`);
    return undefined;
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** What would be done, and how long it would take: the only result of a dry run. */
async function showPlan(
  suite: LoadedSuite,
  plan: Plan,
  waiting: readonly PlannedCell[],
  { json }: Options,
  { out }: Output,
): Promise<number> {
  const estimate = waiting.length > 0 ? await estimateCells(suite, waiting, plan.jobs) : undefined;
  if (json) {
    out(jsonText({ plan, seconds: estimate?.seconds ?? 0, units: estimate?.units ?? null }));
  } else {
    out(
      `${plan.cells} cells, ${plan.finished} of them finished before; ${plan.backend}, ${plan.jobs} at a time\n`,
    );
    out(describePlan(plan));
    out(estimate ? describeEstimate(estimate, plan, suite) : "  nothing is left to run\n");
  }
  return 0;
}

/** What a signal left, and how to go on. */
async function describeStop(
  signal: StopSignal,
  { cells }: LoadedSuite,
  out: string,
  args: readonly string[] | undefined,
): Promise<string> {
  const tasks = await Promise.all(cells.map(({ job }) => countTasks(out, job)));
  const finished = tasks.filter((done) => done === "all").length;
  const begun = tasks.filter((done) => typeof done === "number" && done > 0).length;
  const further = begun === 0 ? "" : `, and of ${begun} more the tasks that were done`;
  const again = args && commandLine(["deno", "task", "bench", ...args.filter((arg) => arg !== "--fresh")]);
  return `Stopped by ${signal}: ${finished} of ${cells.length} cells are kept in ${
    layoutOf(out).records
  }${further}.\n` +
    (again === undefined ? "The same command goes on.\n" : `To go on: ${again}\n`);
}

/** One cell per core, as far as memory goes; a GPU is one. */
function workersFor(
  { info, dataset, backbone, settings }: LoadedSuite,
  waiting: number,
  output: Output,
): number {
  if (info.backend === "webgpu") return 1;
  const wanted = Math.max(1, Math.min(navigator.hardwareConcurrency, waiting));
  const bytes = cellBytes(backbone.config, settings.batchSize, dataset);
  const fitting = cellsInMemory(bytes, freeMemory());
  if (fitting < wanted) {
    output.err(`A cell may claim ${(bytes / 2 ** 30).toFixed(1)} GiB of memory; --jobs decides otherwise\n`);
  }
  return Math.min(wanted, fitting);
}

/** Records in the order that was asked for, whichever ended first. */
function inPlanOrder({ cells }: LoadedSuite, records: readonly RunRecord[]): RunRecord[] {
  const position = new Map(cells.map(({ cell }, i) => [cellName(cell), i]));
  const of = ({ start }: RunRecord) => position.get(cellName(start.cell)) ?? cells.length;
  return [...records].sort((a, b) => of(a) - of(b));
}

/** The command. */
export const bench: CommandSpec<Options> = {
  name: "bench",
  description:
    "Scores continual-learning methods while the number of tasks grows, and prints the table: accuracy " +
    "over all test images of all classes seen (pooled), the plain mean over tasks (mean), forgetting, seconds, bytes kept.",
  configure,
  run,
};

if (import.meta.main) await runMain(bench);
