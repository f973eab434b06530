/**
 * `deno task verify`: whether records are what a run would have left, and with `--rerun`, whether their cells give the
 * same again.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { createRng, InputError, printableJson } from "../../src/core/mod.ts";
import { type BackendChoice, backendChoices } from "../../src/executors/mod.ts";
import { cellName, compareAll, type Edition, recordSchema } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { findRecords } from "../grid/find_records.ts";
import { type RerunOptions, RerunSession } from "../grid/rerun.ts";
import { reportOf, summaryOf, textOfVerified } from "../grid/verify_report.ts";
import {
  addMaterials,
  addRerun,
  canRerun,
  readBoard,
  readVerification,
  type Verified,
} from "../grid/verify_records.ts";

interface Options {
  readonly rerun?: true;
  readonly sample?: number;
  readonly seed?: number;
  readonly data?: readonly string[];
  readonly backbone?: readonly string[];
  readonly ownPaths?: true;
  readonly textOnly?: true;
  readonly backend?: BackendChoice;
  readonly exact?: true;
  readonly board?: string;
  readonly json?: true;
  readonly schema?: true | "1" | "2";
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Wanted an integer from 0.");
  return Number(text);
}

const collect = (text: string, earlier: readonly string[] = []) => [...earlier, text];

function configure(command: Command): void {
  command
    .argument("[places...]", "records, folders of them, or folders of bench")
    .option("--rerun", "run the cells again and compare, line by line")
    .option("--sample <n>", "run only so many of them again, drawn by --seed", positiveInteger)
    .option("--seed <n>", "seed of the sample (default: 0)", wholeNumber)
    .option("--data <spec>", "a data set of the records, such as cifar100:PATH; repeatable", collect)
    .option("--backbone <path>", "a backbone of the records; repeatable", collect)
    .option("--own-paths", "the records are mine: open the data and backbones whose paths they name")
    .option("--text-only", "look at the records alone, and load neither data nor backbones")
    .addOption(
      new Option("--backend <name>", "run on it, and compare split and accuracy only (default: the record's)")
        .choices(backendChoices),
    )
    .option("--exact", "with --rerun: to the last bit, on whatever machine the records are from")
    .option("--board <file>", "a leaderboard.json: hold every number of it against these records")
    .option("--json", "findings and every figure, as JSON")
    .addOption(
      new Option("--schema [edition]", "print the JSON Schema of a record's lines").choices(["1", "2"]),
    );
}

function checkUsage(places: readonly string[], options: Options): void {
  const { rerun, sample, seed, exact, backend, textOnly } = options;
  if (places.length === 0) throw new InputError("Cannot verify: found no records, wanted files or folders");
  const only = { "--sample": sample, "--exact": exact, "--backend": backend };
  for (const [flag, value] of Object.entries(only)) {
    if (value !== undefined && !rerun) throw new InputError(`Cannot use ${flag} without --rerun`);
  }
  if (seed !== undefined && sample === undefined) throw new InputError("Cannot use --seed without --sample");
  if (textOnly && rerun) throw new InputError("Cannot use --text-only with --rerun");
}

async function run(places: readonly string[], options: Options, output: Output): Promise<number> {
  if (options.schema) {
    output.out(`${printableJson(recordSchema(options.schema === "1" ? 1 : 2 satisfies Edition))}\n`);
    return 0;
  }
  checkUsage(places, options);
  const paths = await findRecords(places);
  const read: Verified[] = [];
  for (const path of paths) read.push(await readVerification(path));
  const all = await addWhatIsHere(compareAll(read), options, output);
  if (options.board !== undefined) {
    const verified = await readBoard(options.board, all);
    all.push(verified);
    if (!options.json) output.out(textOfVerified(verified));
  }
  if (options.json) output.out(`${printableJson(all.map(reportOf))}\n`);
  else output.out(summaryOf(all));
  return all.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

/** Data, backbones and reruns; tells of each record when it is done with it. */
async function addWhatIsHere(
  read: readonly Verified[],
  options: Options,
  output: Output,
): Promise<Verified[]> {
  const { data = [], backbone: backbones = [], ownPaths, backend, exact } = options;
  const rerun: RerunOptions = {
    data,
    backbones,
    output,
    ...(ownPaths && { ownPaths }),
    ...(backend && { backend }),
    ...(exact && { exact }),
  };
  const session = new RerunSession(rerun);
  const chosen = options.rerun ? sampleOf(read, options) : new Set<string>();
  const all: Verified[] = [];
  try {
    for (const verified of read) {
      const checked = options.textOnly ? verified : await addMaterials(verified, session.materials);
      const whole = chosen.has(verified.path) ? await addRerun(checked, rerun, session) : checked;
      if (!options.json) output.out(textOfVerified(whole));
      all.push(whole);
    }
  } finally {
    await session.dispose();
  }
  return all;
}

/** Paths of the records that are run again. A sample depends on the cells and the seed, and on nothing else. */
function sampleOf(read: readonly Verified[], { sample, seed = 0 }: Options): ReadonlySet<string> {
  if (sample === undefined) return new Set(read.map(({ path }) => path));
  const cells = read.flatMap(({ path, record }) =>
    canRerun(record) ? [{ path, name: cellName(record.start.cell) }] : []
  ).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const drawn = createRng(seed, "sample").shuffle(cells).slice(0, sample);
  return new Set(drawn.map(({ path }) => path));
}

/** The command. */
export const verify: CommandSpec<Options> = {
  name: "verify",
  description:
    "Holds records against what a run would have left: shape, hashes, impossible values, split and data; with " +
    "--rerun, against the cells run again. Exit code 1 if anything is found.",
  configure,
  run,
};

if (import.meta.main) await runMain(verify);
