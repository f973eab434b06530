/**
 * Whether records agree with one another: no cell has two results, and what one record says about a data set or a
 * stream, all say.
 *
 * @module
 */
import { canonicalJson } from "../../core/json.ts";
import type { AnyRecord } from "../records/parse.ts";
import { isEdition1 } from "../records/parse.ts";
import { cellName } from "../records/record.ts";
import type { Finding, Verification } from "./finding.ts";

interface Known {
  readonly path: string;
  readonly record: AnyRecord;
}

/** A fact that equal keys must share. */
interface Fact {
  readonly what: string;
  readonly key: string;
  readonly value: unknown;
}

/** Adds what records say against those before them. */
export function compareAll(verifications: readonly Verification[]): Verification[] {
  const cells = new Map<string, Known>();
  const facts = new Map<string, { readonly path: string; readonly text: string }>();
  return verifications.map((verification) => {
    const { path, record } = verification;
    if (!record) return verification;
    const findings: Finding[] = [];
    const notes: string[] = [];
    const name = cellName(record.start.cell);
    const twin = cells.get(name);
    if (!twin) cells.set(name, { path, record });
    else if (endOf(twin.record) === endOf(record)) notes.push(`the same as ${twin.path}`);
    else {
      findings.push({
        check: "agreement",
        found: `cell ${name}, which ${twin.path} has with another result`,
        wanted: "one result for a cell",
      });
    }
    for (const { what, key, value } of factsOf(record)) {
      const text = canonicalJson(value);
      const other = facts.get(`${what} ${key}`);
      if (!other) facts.set(`${what} ${key}`, { path, text });
      else if (other.text !== text) {
        findings.push({
          check: "agreement",
          found: `${what} ${text}`,
          wanted: `${other.text}, as in ${other.path}`,
        });
      }
    }
    return {
      ...verification,
      findings: [...verification.findings, ...findings],
      notes: [...verification.notes, ...notes],
    };
  });
}

/** What must be equal for two records of a cell to be copies: how far they got, and with what result. */
function endOf({ tasks, end }: AnyRecord): string {
  return end?.hash ?? `open ${tasks.length}`;
}

function* factsOf(record: AnyRecord): Generator<Fact> {
  const { cell } = record.start;
  const { dataset, backbone, streamHash } = cell;
  yield { what: "data set", key: dataset.fingerprint, value: [dataset.classes, dataset.train, dataset.test] };
  const cut = [
    cell.stream,
    cell.classesPerTask,
    cell.firstTask,
    cell.taskSizes,
    cell.classOrder,
    cell.orderSeed,
    cell.tasks,
  ];
  yield {
    what: "stream",
    key: canonicalJson([dataset.fingerprint, ...cut.map((part) => part ?? null)]),
    value: streamHash,
  };
  yield { what: "backbone", key: backbone.hash, value: backbone.id };
  for (const task of record.tasks) {
    const images = isEdition1(record) ? null : record.tasks[task.index]!.images;
    const key = `${isEdition1(record) ? "1" : "2"} ${streamHash} ${task.index}`;
    const { condition = null } = isEdition1(record) ? {} : record.tasks[task.index]!;
    yield { what: `task ${task.index}`, key, value: [task.classes, images, condition] };
  }
}
