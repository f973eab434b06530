/**
 * Tables of a study.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { inertMarkdown } from "../../src/protocol/mod.ts";

/**
 * A table whose cells may be anything, not padded: a long cell would make every line of its column long.
 *
 * @param lefts Columns that are aligned to the left; the others to the right
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], lefts = 1): string {
  return markdownTable([header, ...rows].map((row) => row.map(inertMarkdown)), {
    align: header.map((_, i) => i < lefts ? "l" : "r"),
    alignDelimiters: false,
  });
}
