/**
 * Records changed after the fact by somebody who knows how they are sealed.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { canonicalJson } from "../../src/core/mod.ts";
import {
  type EndFacts,
  type Environment,
  type RunRecord,
  seal,
  type StartFacts,
  type TaskEvent,
  type TaskFacts,
} from "../../src/protocol/mod.ts";

/** What to change. */
export interface Forgery {
  readonly environment?: Environment;
  /** Added to the right answers of the last task in the last evaluation. */
  readonly hits?: number;
}

/** The record with changes, every hash and chain computed anew. */
export function forge({ start, tasks, end }: RunRecord, { environment, hits = 0 }: Forgery): RunRecord {
  const { hash: _, chain: __, ...first } = start;
  const sealedStart = seal<StartFacts>({ ...first, ...(environment && { environment }) });
  const sealed: TaskEvent[] = [];
  for (const { hash: _, chain: __, ...facts } of tasks) {
    const isLast = sealed.length === tasks.length - 1;
    const { evaluation } = facts;
    const changed: TaskFacts = isLast && evaluation
      ? {
        ...facts,
        evaluation: {
          ...evaluation,
          classIncremental: evaluation.classIncremental.with(-1, evaluation.classIncremental.at(-1)! + hits),
        },
      }
      : facts;
    sealed.push(seal(changed, sealed.at(-1) ?? sealedStart));
  }
  if (!end) return { start: sealedStart, tasks: sealed };
  const { hash: ___, chain: ____, ...last } = end;
  return { start: sealedStart, tasks: sealed, end: seal<EndFacts>(last, sealed.at(-1) ?? sealedStart) };
}

/** The lines of a record. */
export function linesOf({ start, tasks, end }: RunRecord): string {
  return [start, ...tasks, ...(end ? [end] : [])].map((line) => `${canonicalJson(line)}\n`).join("");
}
