/**
 * Sorts records into sections and names what is in them. Records share a section only if data, backbone, backend and
 * settings are equal; within one, a seed at a number of tasks stands for one stream and one training, on which methods are
 * paired.
 *
 * @module
 */
import { canonicalJson, type JsonObject } from "../../core/json.ts";
import { printable } from "../../core/printable.ts";
import type { Overlap } from "../overlap.ts";
import { type AnyRecord, isEdition1 } from "../records/parse.ts";
import { type Cell, cellName, seedName } from "../records/record.ts";
import type { BoardRun, BoardSection } from "./board.ts";
import { figuresOf } from "./figures.ts";
import { readingOf } from "./reading.ts";

/** A record and the file that it came from. */
export interface FoundRecord {
  /** Shown; nothing is read from it. */
  readonly path: string;
  /** Parsed and checked. */
  readonly record: AnyRecord;
}

/** A run with what it is sorted by. */
export interface SectionRun extends BoardRun {
  /** Whose run it is. */
  readonly cell: Cell;
  /** What of the data the backbone was trained on, as its record says. */
  readonly overlap: readonly Overlap[];
}

/** Why a file is not on the board. */
export interface Problem {
  /** Of the file. */
  readonly path: string;
  /** In words. */
  readonly message: string;
}

/** What all cells of a section share: everything but method, number of tasks and seeds. */
export function fixedParts(cell: Cell): BoardSection["fixed"] {
  const {
    method: _,
    options: __,
    tasks: ___,
    orderSeed: ____,
    trainSeed: _____,
    streamHash: ______,
    ...fixed
  } = cell;
  return fixed;
}

/** Equal for cells of one section: whatever data and backbone are called. */
export function sectionKey(cell: Cell): string {
  const { dataset, backbone, ...others } = fixedParts(cell);
  return canonicalJson({ ...others, dataset: dataset.fingerprint, backbone: backbone.hash });
}

/** Names the methods of a section, telling variants apart by the options in which they differ. */
export function labeller(cells: readonly Cell[]): (cell: Cell) => string {
  const variants = Map.groupBy(cells, ({ method }) => method);
  const differing = new Map([...variants].map(([method, cells]) => {
    const options = cells.map((cell) => cell.options);
    const keys = [...new Set(options.flatMap(Object.keys))].sort();
    const texts = (key: string) => new Set(options.map((own) => valueText(own, key)));
    return [method, keys.filter((key) => texts(key).size > 1)] as const;
  }));
  return ({ method, options }) => {
    const parts = differing.get(method)!.map((key) => `${key}=${valueText(options, key)}`);
    return printable(parts.length === 0 ? method : `${method}(${parts.join(", ")})`, Infinity);
  };
}

function valueText(options: JsonObject, key: string): string {
  const value = (Object.hasOwn(options, key) ? options[key] : undefined) ?? null;
  return typeof value === "string" ? value : canonicalJson(value);
}

/** The run of a record. */
export function runOf({ path, record }: FoundRecord, label: string): SectionRun {
  const reading = readingOf(record);
  const { cell, status } = reading;
  return {
    cell,
    overlap: isEdition1(record) ? [] : record.start.source?.overlap ?? [],
    name: cellName(cell),
    path,
    ...(record.end && { hash: record.end.hash }),
    method: label,
    tasks: cell.tasks,
    seed: seedName(cell),
    status,
    ...(record.end?.failure && { failure: printable(record.end.failure.message) }),
    figures: status === "done" ? figuresOf(reading) : {},
  };
}

const certainty: readonly Overlap["by"][] = ["content", "name", "classes"];

/**
 * What of a section's data its backbone was trained on, if any record says so: cards learn of it later than some records
 * were made. Of one name, what is most.
 */
export function overlapOfRuns(runs: readonly SectionRun[]): Overlap[] {
  const most = new Map<string, Overlap>();
  for (const seen of runs.flatMap(({ overlap }) => overlap)) {
    const other = most.get(seen.trainedOn);
    const more = other === undefined ? 1 : seen.classes - other.classes ||
      certainty.indexOf(other.by) - certainty.indexOf(seen.by);
    if (more > 0) most.set(seen.trainedOn, seen);
  }
  return [...most.values()].sort((a, b) => a.trainedOn < b.trainedOn ? -1 : 1);
}

/**
 * Leaves out what would break the pairing of a section: runs on a stream that is not the one most runs of their number of
 * tasks and class order have, and second runs of one method on one stream, such as those under another name of the data.
 */
export function pairable(runs: readonly SectionRun[]): { kept: SectionRun[]; problems: Problem[] } {
  const streams = new Map<string, string>();
  for (const [key, group] of Map.groupBy(runs, streamKey)) streams.set(key, commonest(group));
  const places = new Map<string, SectionRun>();
  const problems: Problem[] = [];
  for (const run of runs) {
    const place = canonicalJson([run.method, run.tasks, run.seed]);
    const first = places.get(place);
    if (run.cell.streamHash !== streams.get(streamKey(run))) {
      problems.push({
        path: run.path,
        message: `Cannot use ${run.path}: its stream is not that of the other records of its seed`,
      });
    } else if (first) {
      problems.push({
        path: run.path,
        message: `it repeats ${first.path} under another name of data or backbone`,
      });
    } else places.set(place, run);
  }
  return { kept: [...places.values()], problems };
}

function streamKey({ cell }: SectionRun): string {
  return `${cell.tasks} ${cell.orderSeed}`;
}

function commonest(runs: readonly SectionRun[]): string {
  const groups = [...Map.groupBy(runs, ({ cell }) => cell.streamHash)];
  groups.sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1));
  return groups[0]![0];
}
