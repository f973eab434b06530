/**
 * The order of records on a board: it depends on what they hold, not on folders or names of files.
 *
 * @module
 */
import { canonicalJson } from "../../core/json.ts";
import type { Cell } from "../records/record.ts";
import { fixedParts, type FoundRecord } from "./runs.ts";

/** Sections together, newer editions first, then methods by name, numbers of tasks and seeds. */
export function inBoardOrder(records: readonly FoundRecord[]): FoundRecord[] {
  return records.map((found) => ({ found, keys: keysOf(found.record.start.cell) }))
    .sort((a, b) => compareKeys(a.keys, b.keys))
    .map(({ found }) => found);
}

function keysOf(cell: Cell): (string | number)[] {
  const { edition, dataset, backbone, backend, ...stream } = fixedParts(cell);
  return [
    -edition,
    dataset.name,
    dataset.fingerprint,
    backbone.id,
    backbone.hash,
    backend,
    canonicalJson(stream),
    cell.method,
    canonicalJson(cell.options),
    cell.tasks,
    cell.orderSeed,
    cell.trainSeed,
    cell.streamHash,
  ];
}

function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const differing = a.findIndex((key, i) => key !== b[i]);
  if (differing < 0) return 0;
  return a[differing]! < b[differing]! ? -1 : 1;
}
