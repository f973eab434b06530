/**
 * Taking the records of runs into a study: verified, finished, each cell once, and without a path of the machine that
 * they ran on.
 *
 * @module
 */
import { canonicalJson, InputError, type JsonObject, printable } from "../../src/core/mod.ts";
import { type Facts, readRecordFile, type RunRecord, type Seal, seal } from "../../src/protocol/mod.ts";
import { findRecords } from "../grid/find_records.ts";
import { type PartRecord, verified } from "./records.ts";

/** A path on the machine of a run, and what stands for it in the repository. */
export interface Place {
  readonly from: string;
  readonly to: string;
}

/** A path from the root of a disk or from a home folder, in a specification of data or of a backbone. */
const ABSOLUTE = /(?:^|[:+=,])(?:[/\\~]|[A-Za-z]:[/\\])/;

/**
 * Reads the records in some folders of runs.
 *
 * @throws {InputError} Naming a record that is damaged, unfinished, another result of a cell that is there already, or
 * from an absolute path that no place stands for
 */
export async function gatherRecords(
  folders: readonly string[],
  places: readonly Place[],
  earlier: readonly PartRecord[] = [],
): Promise<PartRecord[]> {
  const paths = await findRecords(folders);
  const texts = await Promise.all(paths.map(async (path) => ({
    path,
    text: await readRecordFile(path),
    fileName: path.replace(/^.*[/\\]/, ""),
  })));
  // What is there already was verified when it was read, and must still agree with what comes.
  const known = earlier.map(({ name, text }) => ({
    path: `${name}, packed before`,
    text,
    isPacked: true as const,
  }));
  const all = verified([...known, ...texts]).map((record, i) => ({
    ...record,
    path: i < known.length ? known[i]!.path : paths[i - known.length]!,
  }));
  const cells = new Map<string, PartRecord>();
  for (const { path, ...record } of all) {
    if (!cells.has(record.name)) cells.set(record.name, placed(record, places, path));
  }
  return [...cells.values()];
}

/** The record with the places of its source renamed. Where it ran is part of the chain of a record, not of its hash. */
function placed(found: PartRecord, places: readonly Place[], path: string): PartRecord {
  const { record } = found;
  const { source } = record.start;
  const rename = (text: string) => places.reduce((now, { from, to }) => now.replaceAll(from, to), text);
  const { data, backbone } = source ?? {};
  const moved = {
    ...source,
    ...(data && { data: { ...data, spec: rename(data.spec) } }),
    ...(backbone && { backbone: { ...backbone, path: rename(backbone.path) } }),
  };
  for (const name of [moved.data?.spec, moved.backbone?.path]) {
    if (name !== undefined && ABSOLUTE.test(name)) {
      throw new InputError(
        `Cannot pack record ${printable(path)}: found ${
          printable(name)
        } as its source, wanted no path of one machine: add --place FROM=TO`,
      );
    }
  }
  if (JSON.stringify(moved) === JSON.stringify(source ?? {})) return found;
  return resealed(found, { ...record, start: { ...record.start, source: moved } });
}

/** The record with its chain made anew; its hash stays. */
function resealed({ name }: PartRecord, { start, tasks, end }: RunRecord): PartRecord {
  let last: Seal | undefined;
  const lines = [start, ...tasks, end!].map((line) => {
    const { hash: _, chain: __, ...facts } = line;
    const sealed: Facts & Seal = seal(facts as Facts, last);
    last = sealed;
    return `${canonicalJson({ ...sealed } as unknown as JsonObject)}\n`;
  });
  const [record] = verified([{ path: name, text: lines.join(""), isPacked: true }]);
  if (record!.record.end!.hash !== end!.hash) {
    throw new Error(`Cannot rename the source of ${name}: its hash would change`);
  }
  return record!;
}
