/**
 * What `deno task export` can export: the kept adapters of one record or of all records of a run, or an adapter in
 * PEFT's format.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { InputError, systemReason } from "../../src/core/mod.ts";
import { decodeAdapterFile, type KeptAdapter, loadPeft, PEFT_CONFIG } from "../../src/formats/mod.ts";
import { type Backbone } from "../../src/nn/mod.ts";
import {
  absenceOf,
  DEPLOYED,
  keptNames,
  layoutOf,
  listRecords,
  parseRecord,
  placeOfRecord,
  readRecordFile,
  RECORD_ENDING,
} from "../../src/protocol/mod.ts";
import { exists } from "../folders.ts";

/** An adapter, or what is deployed in the end, and where it belongs. */
export interface Exportable {
  /** Path below the output folder, without extension. */
  readonly name: string;
  /** What it was trained on, if that is known before it is loaded. */
  readonly backbone?: { readonly id: string; readonly hash: string };
  load(backbone: Backbone): Promise<KeptAdapter>;
}

/** What a path holds. */
export interface ExportSource {
  /** Where exports go unless the user says otherwise. */
  readonly out: string;
  readonly exportables: readonly Exportable[];
  /** Cells that have nothing to export yet, in words. */
  readonly notes: readonly string[];
}

/** Whether all adapters are wanted, or the deployed models alone. */
export type Extent = "adapters" | "deployed";

async function onDisk<T>(path: string, access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read ${path}: ${systemReason(error)}`);
  }
}

/** Folders one level below that hold an adapter in PEFT's format, as it saves those with names of their own. */
async function adaptersBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  await onDisk(folder, async () => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory && await exists(join(folder, name, PEFT_CONFIG))) found.push(join(folder, name));
    }
  });
  return found.sort();
}

/** @throws {InputError} If a folder is neither of a run nor of an adapter, saying where one is */
async function checkRun(folder: string): Promise<void> {
  if (await exists(layoutOf(folder).records)) return;
  const below = await adaptersBelow(folder);
  const hint = below.length > 0 ? `; there is one in ${below.slice(0, 3).join(", ")}` : "";
  throw new InputError(
    `Cannot export ${folder}: found no ${PEFT_CONFIG} and no records in it, wanted the folder of an adapter of PEFT ` +
      `or of a run${hint}`,
  );
}

async function recordsIn(folder: string): Promise<string[]> {
  await checkRun(folder);
  const paths = await onDisk(folder, () => listRecords(layoutOf(folder).records));
  if (paths.length === 0) throw new InputError(`Cannot export ${folder}: found no records in it`);
  return paths;
}

async function readCell(path: string, extent: Extent) {
  const { run, cell } = placeOfRecord(path);
  const text = await onDisk(path, () => readRecordFile(path));
  // A kill can leave a first line that is cut off.
  const record = text.includes("\n") ? parseRecord(text, path) : undefined;
  const files = record ? keptNames(record) : [];
  const exportables: Exportable[] = [];
  const none: string[] = [];
  for (const file of files.filter((name) => extent === "adapters" || name === DEPLOYED)) {
    const kept = join(layoutOf(run).adapters(cell), file);
    if (await exists(absenceOf(kept))) {
      none.push(file);
      continue;
    }
    if (!await exists(kept)) {
      throw new InputError(
        `Cannot export ${cell}: found no ${kept}; run deno task bench again with --keep-adapters`,
      );
    }
    exportables.push({
      name: `${cell}/${basename(file, ".safetensors")}`,
      backbone: record!.start.cell.backbone,
      load: async () => decodeAdapterFile(await onDisk(kept, () => Deno.readFile(kept)), kept),
    });
  }
  const state = record?.end?.status === "failed" ? "failed" : "is unfinished";
  const isWhole = record?.end?.status === "done";
  const notes = isWhole ? [] : [`${cell} ${state}: nothing is deployed`];
  if (none.length > 0) {
    notes.push(
      `${cell}: ${record!.start.cell.method} is no single adapter, nothing was kept as ${none.join(", ")}`,
    );
  }
  return { exportables, notes };
}

/** The classifier that the backbone came with, for an adapter that has none. */
function ownClassifier({ head }: Backbone): Pick<KeptAdapter, "classifier"> {
  if (!head) return {};
  const classNames = Array.from(head.bias.data, (_, i) => `${i}`);
  return { classifier: { kind: "linear", classNames, ...head } };
}

function peftSource(folder: string): ExportSource {
  const load = async (backbone: Backbone): Promise<KeptAdapter> => {
    const { id, hash } = backbone;
    return { ...ownClassifier(backbone), ...await loadPeft(folder, backbone), backbone: { id, hash } };
  };
  const name = basename(resolve(folder));
  return { out: join(folder, "../exports"), exportables: [{ name, load }], notes: [] };
}

/**
 * Finds what there is to export.
 *
 * @throws {InputError} If the path is neither a record, a run nor an adapter, or the run has not kept its adapters
 */
export async function findExportables(source: string, extent: Extent): Promise<ExportSource> {
  const { isDirectory } = await onDisk(source, () => Deno.stat(source));
  if (isDirectory && await exists(join(source, PEFT_CONFIG))) return peftSource(source);
  if (!isDirectory && !source.endsWith(RECORD_ENDING)) {
    throw new InputError(
      `Cannot export ${source}: wanted a record (${RECORD_ENDING}), the folder of a run, or an adapter of PEFT`,
    );
  }
  const { run } = isDirectory ? { run: source } : placeOfRecord(source);
  const paths = isDirectory ? await recordsIn(source) : [source];
  const cells = [];
  for (const record of paths) cells.push(await readCell(record, extent));
  return {
    out: join(layoutOf(run).exports),
    exportables: cells.flatMap(({ exportables }) => exportables),
    notes: cells.flatMap(({ notes }) => notes),
  };
}
