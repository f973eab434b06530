/**
 * Loading data sets the way all commands do: decoded images are kept in one cache, and what was decided for the user
 * is said.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type Dataset, loadDataset } from "../../src/data/mod.ts";
import type { Output } from "../cli.ts";

/** Folder of decoded images; git ignores it. */
export const DATA_CACHE = fileURLToPath(new URL("../.cache", import.meta.url));

/**
 * Loads a data set by its specification.
 *
 * @param output Takes notices and progress; nothing is said without it
 * @throws {InputError} As `loadDataset`
 */
export async function loadData(spec: string, output?: Output): Promise<Dataset> {
  const progress = output && progressLines("images decoded", output);
  return await loadDataset(spec, {
    cache: DATA_CACHE,
    ...(output && { onNotice: (text: string) => output.err(`${spec}: ${text}\n`) }),
    ...(progress && { onProgress: progress }),
  });
}

/** A listener that writes a line at each tenth of large amounts. */
export function progressLines(
  what: string,
  output: Output,
  least = 5000,
): (done: number, total: number) => void {
  let said = 0;
  return (done, total) => {
    const tenths = Math.floor(10 * done / total);
    if (total < least || tenths <= said) return;
    said = tenths;
    output.err(`${10 * tenths} % of ${total} ${what}\n`);
  };
}
