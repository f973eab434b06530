/**
 * The files of a leaderboard, which `bench` writes into its own folder and `board` wherever it is told.
 *
 * @module
 */
import { relative } from "node:path";
import { InputError, replaceFile, systemReason } from "../src/core/mod.ts";
import {
  type Board,
  detailsOf,
  type FoundRecord,
  renderCsv,
  renderJson,
  renderMarkdown,
} from "../src/protocol/mod.ts";

/** Loaded when it is needed: its libraries take a second, which help texts and errors should not wait for. */
const page = () => import("./page/mod.ts");

/** What is written, by name of the file; the first is the one to open. */
async function filesOf(
  folder: string,
  board: Board,
  records: readonly FoundRecord[],
): Promise<Record<string, string>> {
  const { renderPage } = await page();
  const hrefOf = (path: string) => relative(folder, path).split("/").map(encodeURIComponent).join("/");
  return {
    "leaderboard.html": renderPage(board, detailsOf(records), { hrefOf }),
    "LEADERBOARD.md": renderMarkdown(board),
    "leaderboard.csv": renderCsv(board),
    "leaderboard.json": renderJson(board),
  };
}

/**
 * Writes a leaderboard.
 *
 * @param records Those of the board, for what the page shows of single runs
 * @returns The path of the file to open
 * @throws {InputError} If the folder cannot be written
 */
export async function writeBoard(
  folder: string,
  board: Board,
  records: readonly FoundRecord[],
): Promise<string> {
  const files = Object.entries(await filesOf(folder, board, records));
  await writeFiles(folder, files, "leaderboard");
  return `${folder}/${files[0]![0]}`;
}

/**
 * Writes the main plots of a leaderboard as pictures.
 *
 * @throws {InputError} If the folder cannot be written
 */
export async function writePlots(folder: string, board: Board): Promise<void> {
  const { renderPlots } = await page();
  await writeFiles(folder, Object.entries(renderPlots(board)), "plots");
}

async function writeFiles(
  folder: string,
  files: readonly (readonly [name: string, content: string])[],
  what: string,
): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, content] of files) await replaceFile(`${folder}/${name}`, content);
  } catch (error) {
    throw new InputError(`Cannot write the ${what} to ${folder}: ${systemReason(error)}`);
  }
}
