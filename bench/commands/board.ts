/**
 * `deno task board`: renders the records of any number of folders to one leaderboard. Equal records give equal
 * files, in whatever folders and order they are found. What cannot be read is named and left out, and so are records of
 * one cell that contradict each other; the exit code is then 1.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { InputError, printable } from "../../src/core/mod.ts";
import { createBoard, type FoundRecord, withoutTimes } from "../../src/protocol/mod.ts";
import { writeBoard, writePlots } from "../board_files.ts";
import { addBoardFlags, type BoardFlags, formatSection, formatVerdict, PROTAGONIST } from "../board_flags.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { collectRecords } from "../found_records.ts";

interface Options extends BoardFlags {
  readonly in: readonly string[];
  readonly out?: string;
  readonly protagonist: string;
  readonly margin: number;
  /** False with `--no-times`. */
  readonly times: boolean;
  readonly plots?: string;
}

function describeUnfinished({ path, record: { start: { cell }, tasks } }: FoundRecord): string {
  const { method, orderSeed } = cell;
  return `unfinished: ${method} T=${cell.tasks} seed ${orderSeed}, ${tasks.length} tasks done (${path})`;
}

function points(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 100)) {
    throw new InvalidArgumentError("Wanted points of accuracy above 0, at most 100.");
  }
  return value;
}

function configure(command: Command): void {
  command
    .requiredOption(
      "--in <dirs>",
      "folders of bench, or of .jsonl records, separated by commas; repeatable",
      (text: string, earlier: readonly string[] = []) => [...earlier, ...text.split(",").filter(Boolean)],
    )
    .option(
      "--out <dir>",
      "where leaderboard.html, LEADERBOARD.md, leaderboard.csv and .json go (default: the first of --in)",
    )
    .option("--protagonist <name>", "the method that is compared with the best of its rivals", PROTAGONIST)
    .option("--margin <points>", "methods whose difference is surely smaller are equivalent", points, 1)
    .option("--no-times", "leave seconds out, so that equal results give equal files however long they took");
  command.option("--plots <dir>", "write the main plots there too, as SVG on white");
  addBoardFlags(command);
}

async function run(_: readonly string[], options: Options, output: Output): Promise<number> {
  const [first] = options.in;
  if (first === undefined) throw new InputError("Cannot make a leaderboard: --in names no folder");
  const { records, unfinished, empty, problems } = await collectRecords(options.in);
  if (records.length === 0) {
    for (const { message } of problems) throw new InputError(message);
    throw new InputError(`Cannot make a leaderboard: found no records in ${options.in.join(", ")}`);
  }
  const { protagonist, margin } = options;
  const timed = createBoard(records, { protagonist, margin: margin / 100, problems });
  const board = options.times ? timed : withoutTimes(timed);
  if (!board.sections.some(({ methods }) => methods.some(({ method }) => method === protagonist))) {
    output.err(`No record is of ${protagonist}, the protagonist; --protagonist names another\n`);
  }
  const folder = options.out ?? first;
  const page = await writeBoard(folder, board, records);
  if (options.plots !== undefined) await writePlots(options.plots, board);
  const count = (status: string) =>
    board.sections.flatMap(({ runs }) => runs).filter((run) => run.status === status).length;
  output.out(
    `${records.length} records in ${board.sections.length} sections: ${count("done")} done, ${
      count("failed")
    } failed, ${count("open") + empty.length} unfinished; see ${page}\n`,
  );
  for (const found of unfinished) output.out(`${printable(describeUnfinished(found), Infinity)}\n`);
  for (const path of empty) output.out(`unfinished: nothing done (${printable(path, Infinity)})\n`);
  for (const section of board.sections) {
    output.out(`\n${options.metrics ? formatSection(section, options) : formatVerdict(section)}`);
  }
  for (const { message } of board.problems) {
    output.err(`${printable(message, Infinity)}; it is not in the leaderboard\n`);
  }
  return board.problems.length > 0 ? 1 : 0;
}

/** The command. */
export const board: CommandSpec<Options> = {
  name: "board",
  description:
    "Renders records to leaderboard.html, LEADERBOARD.md, leaderboard.csv and leaderboard.json, and says what they decide.",
  configure,
  run,
};

if (import.meta.main) await runMain(board);
