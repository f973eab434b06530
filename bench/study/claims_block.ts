/**
 * Claims and what became of them, as tables.
 *
 * @module
 */
import { inertMarkdown } from "../../src/protocol/mod.ts";
import { judge } from "./claims.ts";
import { type Claim, declared } from "./definition.ts";
import { table } from "./table.ts";
import type { Sources } from "./template.ts";
import { formatP } from "./words.ts";

/** One row for each claim and view. */
export function claimsBlock(sources: Sources, names: readonly string[]): string {
  const rows = names.flatMap((name) => {
    const claim = declared(sources.study.claims, name, "claim");
    return claim.views.map((view, i) => {
      const { verdict, measured, why } = judge(sources.study, claim, sources.views(view));
      const text = i === 0 ? `${claim.claim} (${claim.source})` : "″";
      return [text, sources.views(view).title, measured, verdict, why];
    });
  });
  return table(["claim", "on", "measured", "verdict", "why"], rows, 5);
}

/** A table for each claim, with every finding. */
export function claimDetails(sources: Sources, names: readonly string[]): string {
  return names.map((name) => claimDetail(sources, declared(sources.study.claims, name, "claim"))).join(
    "\n\n",
  );
}

function claimDetail({ study, views }: Sources, claim: Claim): string {
  const rows = claim.views.flatMap((name) => {
    const view = views(name);
    const { findings, verdict, why } = judge(study, claim, view);
    if (findings.length === 0) return [[view.title, "–", "–", "–", "–", "–", "–", verdict, why]];
    return findings.map(({ what, tasks, value, n, p, ...ruling }) => [
      view.title,
      what || claim.figure,
      `${tasks}`,
      value,
      `${n}`,
      p ? formatP(p.student) : "–",
      p?.signs === undefined ? "–" : formatP(p.signs),
      ruling.verdict,
      ruling.why,
    ]);
  });
  const note = claim.note === undefined ? "" : ` ${inertMarkdown(claim.note)}`;
  return [
    `**${inertMarkdown(claim.claim)}** (${inertMarkdown(claim.source)})${note}`,
    table(["on", "what", "T", "measured", "n", "p by t", "p by signs", "verdict", "why"], rows, 9),
  ].join("\n\n");
}
