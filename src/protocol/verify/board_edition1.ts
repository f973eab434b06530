/**
 * Boards of the first edition, which had neither what streams with families tell nor what a backbone has seen of the data.
 *
 * @module
 */
import type { Board } from "../board/board.ts";
import type { FigureName, RunFigures } from "../board/figures.ts";
import { describeSection } from "../board/format.ts";

const later: ReadonlySet<string> = new Set<FigureName>([
  "groups",
  "familyAgreement",
  "familyTransfer",
  "relatedChange",
  "interference",
]);

/** Figures without those that came later. */
export function figuresOfEdition1<Figures extends RunFigures | Readonly<Record<string, unknown>>>(
  figures: Figures,
): Figures {
  return Object.fromEntries(Object.entries(figures).filter(([name]) => !later.has(name))) as Figures;
}

/** A board as the first edition would have had it. */
export function boardOfEdition1({ sections, ...board }: Board): unknown {
  return {
    ...board,
    edition: 1,
    sections: sections.map(({ overlap: _, ...section }) => ({
      ...section,
      description: describeSection(section.fixed, section.runs.length),
      entries: section.entries.map((entry) => ({ ...entry, figures: figuresOfEdition1(entry.figures) })),
      runs: section.runs.map((run) => ({ ...run, figures: figuresOfEdition1(run.figures) })),
    })),
  };
}
