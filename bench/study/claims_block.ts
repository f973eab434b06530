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
import { formatP, listed, NOT_RUN } from "./words.ts";

/**
 * One row for each claim and view in which anything was measured, and what was not.
 *
 * @param isShort Whether it has the findings at the largest number of tasks alone, and no reasons
 */
export function claimsBlock(sources: Sources, names: readonly string[], isShort: boolean): string {
  const { study, views } = sources;
  const rows: string[][] = [];
  const open: string[] = [];
  const notRun: string[] = [];
  for (const name of names) {
    const claim = declared(study.claims, name, "claim");
    const judged = claim.views.map((view) => ({
      title: views(view).title,
      ...judge(study, claim, views(view)),
    }));
    const measured = judged.filter(({ findings }) => findings.length > 0);
    rows.push(...measured.map(({ title, measured, last, verdict, why }, i) => {
      const text = i === 0 ? `${claim.claim} (${claim.source})` : "″";
      return isShort ? [text, title, verdict, last] : [text, title, measured, verdict, why];
    }));
    const reasons = Map.groupBy(judged.filter(({ findings }) => findings.length === 0), ({ why }) => why);
    if (measured.length === 0 && reasons.size === 1 && reasons.has(NOT_RUN)) notRun.push(claim.claim);
    else for (const [why, group] of reasons) open.push(`${claim.claim}: ${why} on ${titles(group)}`);
  }
  const header = isShort
    ? ["claim", "on", "verdict", "measured, at the largest T"]
    : ["claim", "on", "measured", "verdict", "why"];
  return [
    ...(rows.length > 0 ? [table(header, rows, header.length)] : []),
    ...(open.length > 0 ? [open.map((text) => `- ${inertMarkdown(text)}.`).join("\n")] : []),
    ...(notRun.length > 0 ? [`Not run: ${inertMarkdown(notRun.join("; "))}.`] : []),
  ].join("\n\n");
}

function titles(views: readonly { readonly title: string }[]): string {
  return listed(views.map(({ title }) => title));
}

/** A table for each claim of which anything was measured, with every finding. */
export function claimDetails(sources: Sources, names: readonly string[]): string {
  return names.map((name) => claimDetail(sources, declared(sources.study.claims, name, "claim")))
    .filter(Boolean).join("\n\n");
}

function claimDetail({ study, views }: Sources, claim: Claim): string {
  const rows = claim.views.flatMap((name) => {
    const view = views(name);
    const { findings } = judge(study, claim, view);
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
  if (rows.length === 0) return "";
  const note = claim.note === undefined ? "" : ` ${inertMarkdown(claim.note)}`;
  return [
    `**${inertMarkdown(claim.claim)}** (${inertMarkdown(claim.source)})${note}`,
    table(["on", "what", "T", "measured", "n", "p by t", "p by signs", "verdict", "why"], rows, 9),
  ].join("\n\n");
}
