/**
 * `deno task board`: renders the records of any number of folders to one leaderboard. Equal records give equal
 * files, in whatever folders and order they are found. A record that cannot be read is named and left out, and the
 * exit code is then 1.
 *
 * @module
 */
import { type Command } from "commander";
import { canonicalJson, ifThere, InputError, replaceFile, systemReason } from "../../src/core/mod.ts";
import {
  type AnyRecord,
  type Cell,
  cellName,
  createBoard,
  layoutOf,
  listRecords,
  parseRecord,
  renderCsv,
  renderMarkdown,
} from "../../src/protocol/mod.ts";
import { PROTAGONIST } from "../board_flags.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";

interface Options {
  readonly in: readonly string[];
  readonly out?: string;
}

/** A record and the file it came from. */
interface FoundRecord {
  readonly path: string;
  readonly record: AnyRecord;
}

/** All records of some folders, each cell once, and the files that have none to show. */
interface Collection {
  readonly records: readonly FoundRecord[];
  /** A kill came before the first line was whole. */
  readonly empty: readonly string[];
  /** Why files could not be read. */
  readonly damaged: readonly string[];
}

/** The records in a folder and in that of a run. */
async function recordsIn(folder: string): Promise<string[]> {
  try {
    const direct = await listRecords(folder);
    return [...direct, ...await ifThere(() => listRecords(layoutOf(folder).records)) ?? []];
  } catch (error) {
    throw new InputError(`Cannot read records in ${folder}: ${systemReason(error)}`);
  }
}

/** Of two records of a cell the one that got further; two that ended must agree. */
function furtherOf(a: FoundRecord, b: FoundRecord): FoundRecord {
  if (a.record.end && b.record.end && a.record.end.hash !== b.record.end.hash) {
    throw new InputError(
      `Cannot use both ${a.path} and ${b.path}: they are records of one cell with different results`,
    );
  }
  const progress = ({ record: { tasks, end } }: FoundRecord) => end ? Infinity : tasks.length;
  return progress(b) > progress(a) ? b : a;
}

async function collect(folders: readonly string[]): Promise<Collection> {
  const cells = new Map<string, FoundRecord>();
  const empty = new Set<string>();
  const damaged = new Set<string>();
  for (const folder of folders) {
    for (const path of await recordsIn(folder.replace(/(.)[/\\]+$/, "$1"))) {
      const text = await Deno.readTextFile(path);
      if (!text.includes("\n")) {
        empty.add(path);
        continue;
      }
      const found = readFound(path, text, damaged);
      if (!found) continue;
      const name = cellName(found.record.start.cell);
      const known = cells.get(name);
      cells.set(name, known ? furtherOf(known, found) : found);
    }
  }
  if (cells.size === 0) {
    for (const message of damaged) throw new InputError(message);
    throw new InputError(`Cannot make a leaderboard: found no records in ${folders.join(", ")}`);
  }
  return {
    records: [...cells.values()].sort(inBoardOrder),
    empty: [...empty].sort(),
    damaged: [...damaged].sort(),
  };
}

/** The record of a text; of one that is damaged or of an unknown edition, the reason is noted. */
function readFound(path: string, text: string, damaged: Set<string>): FoundRecord | undefined {
  try {
    return { path, record: parseRecord(text, path) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    damaged.add(error.message);
    return undefined;
  }
}

/** Sections together, then methods by name; nothing depends on folders or file names. */
function inBoardOrder({ record: a }: FoundRecord, { record: b }: FoundRecord): number {
  const keys = (cell: Cell) => {
    const { dataset, backbone, backend, settings, method, options } = cell;
    const { edition, classesPerTask, firstTask, taskSizes, classOrder, evaluate } = cell;
    return [
      `${Number.MAX_SAFE_INTEGER - edition}`,
      dataset.name,
      dataset.fingerprint,
      backbone.id,
      backbone.hash,
      backend,
      canonicalJson(settings),
      canonicalJson([classesPerTask, firstTask, taskSizes, classOrder, evaluate].map((part) => part ?? null)),
      method,
      canonicalJson(options),
    ];
  };
  const [left, right] = [keys(a.start.cell), keys(b.start.cell)];
  const differing = left.findIndex((key, i) => key !== right[i]);
  if (differing >= 0) return left[differing]! < right[differing]! ? -1 : 1;
  const numbers = ({ tasks, orderSeed, trainSeed }: Cell) => [tasks, orderSeed, trainSeed];
  const [m, n] = [numbers(a.start.cell), numbers(b.start.cell)];
  return m.map((value, i) => value - n[i]!).find((difference) => difference !== 0) ?? 0;
}

function describeUnfinished({ path, record: { start: { cell }, tasks } }: FoundRecord): string {
  const { method, orderSeed } = cell;
  return `unfinished: ${method} T=${cell.tasks} seed ${orderSeed}, ${tasks.length} tasks done (${path})\n`;
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) await replaceFile(`${folder}/${name}`, content);
  } catch (error) {
    throw new InputError(`Cannot write the leaderboard to ${folder}: ${systemReason(error)}`);
  }
}

function configure(command: Command): void {
  command
    .requiredOption(
      "--in <dirs>",
      "folders of bench, or of .jsonl records, separated by commas; repeatable",
      (text: string, earlier: readonly string[] = []) => [...earlier, ...text.split(",").filter(Boolean)],
    )
    .option("--out <dir>", "where LEADERBOARD.md and leaderboard.csv go (default: the first of --in)");
}

async function run(_: readonly string[], options: Options, output: Output): Promise<number> {
  const [first] = options.in;
  if (first === undefined) throw new InputError("Cannot make a leaderboard: --in names no folder");
  const { records, empty, damaged } = await collect(options.in);
  const board = createBoard(records, { protagonist: PROTAGONIST });
  const folder = options.out ?? first;
  await write(folder, {
    "LEADERBOARD.md": renderMarkdown(board),
    "leaderboard.csv": renderCsv(board),
  });
  const unfinished = records.filter(({ record }) => !record.end);
  const failed = records.filter(({ record }) => record.end?.status === "failed");
  output.out(
    `${records.length} records in ${board.sections.length} sections: ` +
      `${records.length - unfinished.length - failed.length} done, ${failed.length} failed, ` +
      `${unfinished.length + empty.length} unfinished; see ${folder}/LEADERBOARD.md\n`,
  );
  for (const found of unfinished) output.out(describeUnfinished(found));
  for (const path of empty) output.out(`unfinished: nothing done (${path})\n`);
  for (const message of damaged) output.err(`${message}; it is not in the leaderboard\n`);
  return damaged.length > 0 ? 1 : 0;
}

/** The command. */
export const board: CommandSpec<Options> = {
  name: "board",
  description: "Renders records to LEADERBOARD.md and leaderboard.csv.",
  configure,
  run,
};

if (import.meta.main) await runMain(board);
