/**
 * One part of a suite: what is left to run is run, and what there is then is shown.
 *
 * @module
 */
import { InputError } from "../../src/core/mod.ts";
import { cellName, createBoard, layoutOf, prepareFolder, type RunRecord } from "../../src/protocol/mod.ts";
import { writeBoard } from "../board_files.ts";
import { type BoardFlags, formatSection, PROTAGONIST } from "../board_flags.ts";
import type { Output } from "../cli.ts";
import { collectRecords } from "../found_records.ts";
import { describeEstimate, describePlan, type Plan, planOf } from "./announce.ts";
import { commandLine, exitCodeOf, type StopSignal } from "./interrupt.ts";
import { cellBytes, cellsInMemory, freeMemory } from "./memory.ts";
import {
  countTasks,
  hasKeptAdapters,
  type LoadedSuite,
  loadSuite,
  type PlannedCell,
  readFinished,
} from "./plan.ts";
import { resultOf } from "./result.ts";
import { type Estimate, estimateCells, runCells } from "./run_cells.ts";
import { type CellFlags, chooseCells } from "./shard.ts";
import type { Suite, SuiteFlags } from "./suite.ts";

/** The options of bench. */
export interface BenchOptions extends SuiteFlags, BoardFlags, CellFlags {
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

/**
 * Runs a part.
 *
 * @returns The exit code
 */
export async function runPart(
  part: Suite,
  options: BenchOptions,
  output: Output,
  args?: readonly string[],
): Promise<number> {
  const { out, quiet = false, keepAdapters = false, fresh = false } = options;
  const said: Output = quiet ? { ...output, err: () => {} } : output;
  const suite = chooseCells(await loadSuite(part, said), options, said);
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
  if (options.json) output.out(jsonText(resultOf(suite, board, results, { out, page })));
  else for (const section of board.sections) output.out(formatSection(section, options));
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
    return await writeBoard(out, createBoard(records, { protagonist: PROTAGONIST, problems }), records);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    err(`${error.message}\n`);
    return undefined;
  }
}

/** A value as people read it. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** What would be done, and how long it would take: the only result of a dry run. */
async function showPlan(
  suite: LoadedSuite,
  plan: Plan,
  waiting: readonly PlannedCell[],
  { json }: BenchOptions,
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
