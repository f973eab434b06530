/**
 * Claims held against records, by rule. A claim is found where the 95 % interval of what was measured lies wholly on
 * its side, not found where it lies wholly on the other, and otherwise it is not decidable with these seeds. The interval
 * is Student's over paired seeds, each at one number of tasks, without correction for how many are looked at.
 *
 * @module
 */
import type { Claim, Study } from "./definition.ts";
import { figureNamed } from "./figures.ts";
import { differenceOf, leadOf, meanOf, slopeOf, tasksFound } from "./measure.ts";
import {
  byEquality,
  byGrowth,
  byInterval,
  byLevel,
  byRatio,
  type Finding,
  type Subject,
  withLead,
} from "./rules.ts";
import { methodNamed, type View } from "./views.ts";
import { listed, NOT_RUN } from "./words.ts";

/** What became of a claim in a view. */
export interface Judgement {
  /** One word, or one for each of the findings that differ. */
  readonly verdict: string;
  /** All findings in a line; a dash where there are none. */
  readonly measured: string;
  /** Those at the largest number of tasks. */
  readonly last: string;
  /** What the verdict follows from. */
  readonly why: string;
  readonly findings: readonly Finding[];
}

/** Holds a claim against the records of a view. */
export function judge(study: Study, claim: Claim, view: View): Judgement {
  const own = methodNamed(study, view, claim.method);
  if (!view.found || !own) return open(view.found ? `${claim.method} was ${NOT_RUN}` : NOT_RUN);
  const figure = figureNamed(claim.figure);
  const tasks = tasksFound(view).filter((count) => claim.tasks?.includes(count) ?? true);
  const findings = findingsOf(study, claim, { view, own, figure, tasks });
  if (findings.length > 0) {
    return {
      verdict: together(findings),
      measured: measuredIn(findings),
      last: measuredIn(lastOf(findings)),
      why: reasons(findings),
      findings,
    };
  }
  return open(reasonForNothing(claim, { view, own, figure, tasks }));
}

function reasonForNothing(claim: Claim, { view, own: { label }, figure, tasks }: Subject): string {
  const means = tasks.flatMap((T) => meanOf(view, figure, label, T) ?? []);
  if (means.length === 0) return `no record of ${label} has ${claim.figure}`;
  const isOfSeveral = claim.kind === "slope" || claim.kind === "bounded";
  if (isOfSeveral && means.length < 2) return "it takes several numbers of tasks";
  return claim.kind === "lead" && means.every(({ n }) => n === 1)
    ? "one seed leaves none to choose the best rival on"
    : "nothing to compare it with was run";
}

function open(why: string): Judgement {
  return { verdict: NOT_RUN, measured: "–", last: "–", why, findings: [] };
}

function place({ what, tasks }: Finding, findings: readonly Finding[]): string {
  const T = tasks === "all" ? "all T" : `T=${tasks}`;
  const isAlone = findings.filter((other) => other.tasks === tasks).length === 1;
  return isAlone ? T : `${T} ${what}`;
}

/** One word where all agree, else each with where. */
function together(findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, ({ verdict }) => verdict);
  if (groups.size === 1) return findings[0]!.verdict;
  const places = (group: readonly Finding[]) => listed(group.map((finding) => place(finding, findings)));
  return [...groups].map(([verdict, group]) => `${verdict} at ${places(group)}`).join("; ");
}

function reasons(findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, ({ why }) => why);
  if (groups.size === 1) return findings[0]!.why;
  const places = (group: readonly Finding[]) => listed(group.map((finding) => place(finding, findings)));
  return [...groups].map(([why, group]) => `${places(group)}: ${why}`).join("; ");
}

/** `points to ewc: T=2 −1.4 [−4.4, +1.6]; T=4 +0.7 [−2.3, +3.7]` */
function measuredIn(findings: readonly Finding[]): string {
  return [...Map.groupBy(findings, ({ what }) => what)].map(([what, group]) => {
    const values = group.map(({ tasks, value }) => tasks === "all" ? value : `T=${tasks} ${value}`);
    return `${what === "" ? "" : `${what}: `}${values.join("; ")}`;
  }).join("; ");
}

function lastOf(findings: readonly Finding[]): Finding[] {
  const largest = Math.max(...findings.map(({ tasks }) => tasks === "all" ? Infinity : tasks));
  return findings.filter(({ tasks }) => tasks === "all" || tasks === largest);
}

function findingsOf(study: Study, claim: Claim, subject: Subject): Finding[] {
  const { view, own, figure, tasks } = subject;
  const labelsOf = (names: readonly string[]) =>
    names.flatMap((name) => methodNamed(study, view, name)?.label ?? []);
  /** Of each rival at each number of tasks. */
  const each = (rivals: readonly string[], finding: (rival: string, T: number) => Finding | undefined) =>
    labelsOf(rivals).flatMap((rival) => tasks.flatMap((T) => finding(rival, T) ?? []));
  const sign = figure.better === "more" ? 1 : -1;
  const leadAt = (T: number, without: readonly string[], claimed?: number) => {
    const lead = leadOf(view, figure, own, T, without);
    return lead && byInterval(lead.difference, figure, sign, lead.rivals, T, claimed);
  };
  switch (claim.kind) {
    case "lead": {
      const without = labelsOf(claim.without ?? []);
      return tasks.flatMap((T) => leadAt(T, without, claim.claimed) ?? []);
    }
    case "difference":
      return each(claim.rivals, (rival, T) => {
        const difference = differenceOf(view, figure, [own.label, rival], T);
        return difference && byInterval(difference, figure, sign, [rival], T);
      });
    case "ratio":
      return each(claim.rivals, (rival, T) => byRatio(subject, rival, T, claim.claimed));
    case "slope": {
      const without = labelsOf(claim.without ?? []);
      const slope = slopeOf(view, figure, own, without, claim.tasks);
      if (!slope) return [];
      const finding = byInterval(slope.difference, figure, sign, slope.rivals, "all");
      const what = `${finding.what}, for each doubling of T`;
      const end = leadAt(Math.max(...tasks), without);
      return [{ ...(end ? withLead(finding, end) : finding), what }];
    }
    case "bounded":
      return byGrowth(subject, claim.from, claim.most);
    case "same":
      return each(claim.rivals, (rival, T) => byEquality(subject, rival, T));
    case "above":
    case "below":
      return tasks.flatMap((T) => {
        const mean = meanOf(view, figure, own.label, T);
        return mean ? [byLevel(mean, figure, claim, T)] : [];
      });
  }
}
