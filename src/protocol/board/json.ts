/**
 * A board as a file: canonical, so that equal boards are equal bytes.
 *
 * @module
 */
import { canonicalJson } from "../../core/json.ts";
import type { Board, Estimate } from "./board.ts";

/** One line; keys are sorted. */
export function renderJson(board: Board): string {
  return `${canonicalJson(board)}\n`;
}

/** The board of runs whose times are not told: what identical runs agree in. */
export function withoutTimes(board: Board): Board {
  const bare = <Value extends number | Estimate>(figures: Readonly<Record<string, Value | undefined>>) => {
    const { seconds: _, ...others } = figures;
    return others;
  };
  return {
    ...board,
    sections: board.sections.map((section) => ({
      ...section,
      entries: section.entries.map((entry) => ({ ...entry, figures: bare(entry.figures) })),
      runs: section.runs.map((run) => ({ ...run, figures: bare(run.figures) })),
    })),
  };
}
