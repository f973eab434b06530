/**
 * Records where users point: files, folders of them, and folders of runs.
 *
 * @module
 */
import { ifThere, InputError, printable, systemReason } from "../../src/core/mod.ts";
import { layoutOf, listRecords } from "../../src/protocol/mod.ts";

/**
 * Paths of all records at some places, each once, sorted.
 *
 * @throws {InputError} If there is nothing at a place, or no record in a folder
 */
export async function findRecords(places: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const place of places) {
    for (const path of await recordsAt(place.replace(/(.)[/\\]+$/, "$1"))) found.add(path);
  }
  return [...found].sort();
}

async function recordsAt(place: string): Promise<string[]> {
  try {
    if (!(await Deno.stat(place)).isDirectory) return [place];
    const records = [
      ...await listRecords(place),
      ...await ifThere(() => listRecords(layoutOf(place).records)) ?? [],
    ];
    if (records.length > 0) return records;
  } catch (error) {
    throw new InputError(`Cannot read records in ${printable(place)}: ${systemReason(error)}`);
  }
  throw new InputError(`Cannot verify ${printable(place)}: found no records, wanted .jsonl files in it`);
}
