/**
 * The files of a leaderboard, which `bench` writes into its own folder and `board` wherever it is told.
 *
 * @module
 */
import { InputError, replaceFile, systemReason } from "../src/core/mod.ts";
import { type Board, renderCsv, renderJson, renderMarkdown } from "../src/protocol/mod.ts";

/** What is written, by name of the file; the first is the one to open. */
function filesOf(board: Board): Record<string, string> {
  return {
    "LEADERBOARD.md": renderMarkdown(board),
    "leaderboard.csv": renderCsv(board),
    "leaderboard.json": renderJson(board),
  };
}

/**
 * Writes a leaderboard.
 *
 * @returns The path of the file to open
 * @throws {InputError} If the folder cannot be written
 */
export async function writeBoard(folder: string, board: Board): Promise<string> {
  const files = Object.entries(filesOf(board));
  try {
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, content] of files) await replaceFile(`${folder}/${name}`, content);
  } catch (error) {
    throw new InputError(`Cannot write the leaderboard to ${folder}: ${systemReason(error)}`);
  }
  return `${folder}/${files[0]![0]}`;
}
