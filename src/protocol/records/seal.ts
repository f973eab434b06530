/**
 * The two running hashes of a record. `hash` covers what must repeat on every machine, so two runs of a cell that
 * part ways show the first task where they did. `chain` covers every character of every line, seconds and machine
 * included, so a line that was changed, lost or moved is found where it happened.
 *
 * @module
 */
import { canonicalJson, sha256 } from "../../core/json.ts";
import type { EndFacts, Seal, StartFacts, TaskFacts } from "./record.ts";

/** A line without its hashes. */
export type Facts = StartFacts | TaskFacts | EndFacts;

/** The part of a line that must repeat. */
export function repeatable(facts: Facts): unknown {
  switch (facts.event) {
    case "start":
      return { event: facts.event, cell: facts.cell };
    case "task": {
      const { environment: _, ...others } = facts;
      return { ...others, seconds: null };
    }
    case "end":
      return { event: facts.event, status: facts.status, failure: facts.failure ?? null };
  }
}

/**
 * A line with its hashes: `hash` is the SHA-256 of the previous `hash` followed by the canonical JSON of what must
 * repeat, `chain` that of the previous `chain` followed by the canonical JSON of the line up to it.
 *
 * @param previous The line before; the first has none
 */
export function seal<F extends Facts>(facts: F, previous?: Seal): F & Seal {
  const hash = sha256(previous?.hash ?? "", canonicalJson(repeatable(facts)));
  const chain = sha256(previous?.chain ?? "", canonicalJson({ ...facts, hash }));
  return { ...facts, hash, chain };
}

/** A line without its hashes. */
export function unsealed<F extends Facts>({ hash: _, chain: __, ...facts }: F & Seal): Facts {
  return facts as unknown as Facts;
}
