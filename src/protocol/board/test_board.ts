/**
 * Boards of records made by hand.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { AnyRecord } from "../records/parse.ts";
import type { Board, BoardSection } from "./board.ts";
import { type BoardOptions, createBoard } from "./create.ts";

/** A board of records, of which the n-th comes from `n.jsonl`. */
export function boardOf(records: readonly AnyRecord[], options: Partial<BoardOptions> = {}): Board {
  const found = records.map((record, i) => ({ path: `${i}.jsonl`, record }));
  return createBoard(found, { protagonist: "ham", ...options });
}

/** The sections of such a board. */
export function sectionsOf(
  records: readonly AnyRecord[],
  options?: Partial<BoardOptions>,
): readonly BoardSection[] {
  return boardOf(records, options).sections;
}
