/**
 * `deno task gate`: holds the records of a run against a baseline, or a submission against its cells run again. Exit
 * code 1 if a score left its interval or a hash changed without a reason on record.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { InputError, printable, printableJson, replaceFile } from "../../src/core/mod.ts";
import { cellName, type RunRecord } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { compareCells, failing } from "../gate/compare.ts";
import { readReasons, type Reason, REASONS_FILE, writeReasons } from "../gate/reasons.ts";
import { type GateReport, inert, markdownOf, reportOf, textOf } from "../gate/report.ts";
import { compareScores } from "../gate/scores.ts";
import { readBaseline, readRun } from "../gate/sources.ts";
import { judgeSubmission, markdownOfJudgement, textOfJudgement } from "../submission/judge.ts";

interface Options {
  readonly baseline?: string;
  readonly in?: readonly string[];
  readonly reasons?: string;
  readonly backend?: readonly string[];
  readonly seeds?: readonly number[];
  readonly accept?: string;
  readonly submission?: string;
  readonly sample?: number;
  readonly seed?: string;
  readonly json?: true;
  readonly markdown?: true;
}

function configure(command: Command): void {
  const list = (
    text: string,
    earlier: readonly string[] = [],
  ) => [...earlier, ...text.split(",").filter(Boolean)];
  command
    .option("--baseline <dir>", "records to compare with, in whatever folders below it")
    .option("--in <dirs>", "folders of bench, or of records, separated by commas; repeatable", list)
    .option("--reasons <file>", `why hashes changed (default: ${REASONS_FILE} of the baseline)`)
    .option("--backend <list>", "compare the baseline's cells of these backends only", list)
    .option("--seeds <list>", "compare the baseline's cells of these class orders only", seedList)
    .option(
      "--accept <why>",
      "write the reason down for every change and make the records found the baseline (below fixtures/records)",
    )
    .option(
      "--submission <file>",
      "what deno task submit wrote: verify it and run a sample of its cells again",
    )
    .option("--sample <n>", "how many cells of a submission to run again (default: 3)", positiveInteger)
    .option(
      "--seed <seed>",
      "which: a text that the submitter could not know, such as the number of a CI run",
    )
    .option("--json", "everything, as JSON")
    .option("--markdown", "as a comment for a pull request");
}

function seedList(text: string): number[] {
  return text.split(",").map((part) => {
    if (!/^\d{1,15}$/.test(part)) {
      throw new InvalidArgumentError("Wanted integers from 0, with commas between.");
    }
    return Number(part);
  });
}

async function run(_: readonly string[], options: Options, output: Output): Promise<number> {
  checkUsage(options);
  if (options.submission !== undefined) return await runSubmission(options.submission, options, output);
  const { baseline: folder, in: places, accept } = options as Options & {
    baseline: string;
    in: readonly string[];
  };
  const reasonsPath = options.reasons ?? `${folder.replace(/(.)[/\\]+$/, "$1")}/${REASONS_FILE}`;
  const reasons = await readReasons(reasonsPath);
  const { backend: backends, seeds } = options;
  const baseline = await readBaseline(folder, { ...(backends && { backends }), ...(seeds && { seeds }) });
  const found = await readRun(places);
  const records = [...found.records.values()].map(({ record }) => record);
  const cells = compareCells(baseline.records.map(({ record }) => record), records, reasons);
  const report = reportOf({
    cells,
    scores: compareScores(baseline.records.map(({ record }) => record), records, cells),
    problems: found.problems,
    notes: baseline.notes,
  });
  show(report, options, output);
  if (accept === undefined || report.ok) return report.ok ? 0 : 1;
  await acceptChanges(report, { why: accept, reasonsPath, reasons, baseline, found }, output);
  return 0;
}

function checkUsage(
  { baseline, in: places, submission, sample, seed, accept, reasons, backend, seeds, json, markdown }:
    Options,
) {
  if (json && markdown) throw new InputError("Cannot use --json with --markdown");
  if (submission !== undefined) {
    const others = {
      "--baseline": baseline,
      "--in": places,
      "--accept": accept,
      "--reasons": reasons,
      "--backend": backend,
      "--seeds": seeds,
    };
    for (const [flag, value] of Object.entries(others)) {
      if (value !== undefined) throw new InputError(`Cannot use ${flag} with --submission`);
    }
    return;
  }
  for (const [flag, value] of Object.entries({ "--sample": sample, "--seed": seed })) {
    if (value !== undefined) throw new InputError(`Cannot use ${flag} without --submission`);
  }
  if (baseline === undefined || places === undefined || places.length === 0) {
    throw new InputError("Cannot compare: wanted --baseline and --in, or --submission");
  }
  if (accept !== undefined && accept.trim() === "") {
    throw new InputError("Cannot accept changes: --accept says no reason");
  }
}

function show(report: GateReport, { json, markdown }: Options, output: Output): void {
  if (json) output.out(`${printableJson(report)}\n`);
  else output.out(markdown ? markdownOf(report) : textOf(report));
}

interface Acceptance {
  readonly why: string;
  readonly reasonsPath: string;
  readonly reasons: readonly Reason[];
  readonly baseline: Awaited<ReturnType<typeof readBaseline>>;
  readonly found: Awaited<ReturnType<typeof readRun>>;
}

/** Writes reasons first, then records: a kill in between leaves reasons that still lead from the old records. */
async function acceptChanges(
  { cells, problems }: GateReport,
  { why, reasonsPath, reasons, baseline, found }: Acceptance,
  output: Output,
): Promise<void> {
  if (problems.length > 0) {
    throw new InputError("Cannot accept changes: some records have problems, see above");
  }
  const failed = cells.filter(({ status }) => failing.has(status));
  const lost = failed.find(({ found }) => !found);
  if (lost) {
    throw new InputError(
      `Cannot accept changes: ${printable(lost.label)} was not run, and none took its place`,
    );
  }
  const added = failed.map(({ cell, baseline, found, successor }): Reason => ({
    cell,
    old: baseline!.hash,
    new: successor === undefined ? found!.hash : null,
    why,
  }));
  await writeReasons(reasonsPath, [...reasons, ...added]);
  for (const { cell, successor } of failed) {
    const { path } = baseline.records.find(({ record }) => nameOf(record) === cell)!;
    const { text } = found.records.get(successor ?? cell)!;
    await replaceFile(successor === undefined ? path : path.replace(/[^/\\]*$/, `${successor}.jsonl`), text);
    if (successor !== undefined) await Deno.remove(path);
  }
  output.out(`Accepted ${failed.length} changes: reasons in ${reasonsPath}, records in the baseline\n`);
}

function nameOf({ start }: RunRecord): string {
  return cellName(start.cell);
}

async function runSubmission(
  file: string,
  { sample = 3, seed = "0", json, markdown }: Options,
  output: Output,
): Promise<number> {
  const judgement = await judgeSubmission(file, { sample, seed, output });
  if (json) output.out(`${printableJson(judgement)}\n`);
  else output.out(markdown ? markdownOfJudgement(judgement, inert) : textOfJudgement(judgement));
  return judgement.ok ? 0 : 1;
}

/** The command. */
export const gate: CommandSpec<Options> = {
  name: "gate",
  description:
    "Holds records against a baseline: fails when a score leaves its interval, a cell is missing, or a hash changed " +
    "without a reason on record. With --submission, holds a submission against a sample of its cells run again.",
  configure,
  run,
};

if (import.meta.main) await runMain(gate);
