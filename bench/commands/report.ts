/**
 * `deno task report`: explains one run in plain words, with its plots, on the terminal or as a file.
 *
 * @module
 */
import type { Command } from "commander";
import { ifThere, InputError, replaceFile, systemReason } from "../../src/core/mod.ts";
import {
  type AnyRecord,
  layoutOf,
  listRecords,
  parseRecord,
  pooledAccuracy,
  readRecordFile,
  RECORD_ENDING,
  type RunRecord,
  seedName,
} from "../../src/protocol/mod.ts";
import { type CommandSpec, runMain } from "../cli.ts";
import { reportHtml, reportMarkdown } from "../report/document.ts";
import { explain } from "../report/explain.ts";
import { plain } from "../report/parts.ts";
import { reportText } from "../report/text.ts";
import { formatDense, terminalWidth } from "../table.ts";

interface Options {
  readonly out?: string;
}

/** Widest text, in characters. */
const WIDEST = 110;

/** The records that an argument may mean: a file, or all in the folder of a run or of records. */
async function recordsAt(path: string): Promise<string[]> {
  try {
    if (!(await Deno.stat(path)).isDirectory) return [path];
    const run = path.replace(/(.)[/\\]+$/, "$1");
    const direct = await listRecords(run);
    return direct.length > 0 ? direct : await ifThere(() => listRecords(layoutOf(run).records)) ?? [];
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file or folder"
      : systemReason(error);
    throw new InputError(
      `Cannot report on ${plain(path)}: ${reason}, wanted a record or the folder of a run`,
    );
  }
}

async function readRecord(path: string): Promise<AnyRecord> {
  try {
    return parseRecord(await readRecordFile(path), path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read record ${plain(path)}: ${systemReason(error)}`);
  }
}

/** A record with counts, as every edition but the first has them. */
async function readCounted(path: string): Promise<RunRecord> {
  const record = await readRecord(path);
  if (record.start.cell.edition === 1) {
    throw new InputError(
      `Cannot report on ${
        plain(path)
      }: found a record of the first edition, which has shares and no counts, wanted a later one`,
    );
  }
  return record as RunRecord;
}

function nameOf(path: string): string {
  return path.split(/[/\\]/).at(-1)!.slice(0, -RECORD_ENDING.length);
}

/** What there is to choose from. */
async function listRuns(paths: readonly string[]): Promise<string> {
  const rows = await Promise.all(paths.map(async (path) => {
    try {
      const { start: { cell }, tasks, end } = await readCounted(path);
      const images = tasks.map(({ images }) => images.test);
      const hits = tasks.map(({ evaluation }) => evaluation?.classIncremental);
      const right = pooledAccuracy({ hits, images });
      return [
        plain(nameOf(path)),
        plain(cell.method),
        `${cell.tasks}`,
        seedName(cell),
        end?.status ?? `${tasks.length} tasks done`,
        right === undefined ? "–" : (100 * right).toFixed(1),
      ];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return [plain(nameOf(path)), "–", "–", "–", "cannot be read", "–"];
    }
  }));
  return formatDense([["run", "method", "T", "seed", "", "accuracy, %"], ...rows]);
}

/** The one record that is meant, or none and a list. */
async function choose(run: string, cell: string | undefined): Promise<string | string[]> {
  const paths = await recordsAt(run);
  const meant = cell === undefined ? paths : paths.filter((path) => nameOf(path).startsWith(cell));
  if (meant.length === 1) return meant[0]!;
  if (paths.length === 0) throw new InputError(`Cannot report on ${plain(run)}: found no records in it`);
  if (meant.length === 0) {
    throw new InputError(
      `Cannot report on ${plain(cell!)}: found no run whose name begins so among ${paths.length} in ${
        plain(run)
      }, ` +
        `wanted a name such as ${plain(nameOf(paths[0]!))}`,
    );
  }
  return meant;
}

function configure(command: Command): void {
  command
    .argument("<run>", "a record, or the folder of a run")
    .argument("[cell]", "in a folder with several records, the beginning of a name, such as ham-T20-s0")
    .option(
      "--out <file>",
      "write a page (.html) or Markdown with plots beside it (.md) instead of printing",
    );
}

async function write(path: string, record: RunRecord): Promise<string[]> {
  const [, folder = "", name] = /^(.*[/\\])?([^/\\]*)$/.exec(path)!;
  const report = explain(record);
  const files = name!.endsWith(".html")
    ? { [name!]: reportHtml(report) }
    : name!.endsWith(".md")
    ? reportMarkdown(report, name!)
    : undefined;
  if (!files) {
    throw new InputError(`Cannot write ${plain(path)}: wanted a name that ends in .html or .md`);
  }
  try {
    for (const [file, text] of Object.entries(files)) await replaceFile(`${folder}${file}`, text);
  } catch (error) {
    throw new InputError(`Cannot write ${plain(path)}: ${systemReason(error)}`);
  }
  return Object.keys(files).map((file) => `${folder}${file}`);
}

/** The command. */
export const report: CommandSpec<Options> = {
  name: "report",
  description:
    "Explains one run in plain words: what was run, accuracy over time, forgetting, where images went, " +
    "costs, groups.",
  configure,
  async run([run, cell], { out }, output) {
    const chosen = await choose(run!, cell);
    if (typeof chosen !== "string") {
      output.out(await listRuns(chosen));
      output.err(`Several runs are meant; name one: deno task report ${run} ${nameOf(chosen[0]!)}\n`);
      return 2;
    }
    const record = await readCounted(chosen);
    if (out === undefined) output.out(reportText(explain(record), Math.min(WIDEST, terminalWidth())));
    else output.out(`Wrote ${(await write(out, record)).join(", ")}\n`);
    return 0;
  },
};

if (import.meta.main) await runMain(report);
