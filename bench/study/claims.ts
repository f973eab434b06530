/**
 * Claims held against records, by rule. A claim is found where the 95 % interval of what was measured lies wholly on
 * its side, not found where it lies wholly on the other, and otherwise it is not decidable with these seeds. The interval
 * is Student's over paired seeds, each at one number of tasks, without correction for how many are looked at.
 *
 * @module
 */
import type { BoardMethod, PairedDifference } from "../../src/protocol/mod.ts";
import type { Claim, Study } from "./definition.ts";
import {
  figureNamed,
  formatMeanWithUnit,
  formatSigned,
  type StudyFigure,
  unitOfDifference,
} from "./figures.ts";
import { differenceOf, leadOf, meanOf, ratioOf, slopeOf, tasksFound } from "./measure.ts";
import { methodNamed, type View } from "./views.ts";
import { formatDifference, formatRatio, listed, NOT_RUN } from "./words.ts";

/** Fewer seeds have no interval worth the name. */
export const FEWEST_SEEDS = 3;

/** One measurement of a claim. */
export interface Finding {
  /** What was compared, such as `points to ewc`; empty where it is the method alone. */
  readonly what: string;
  /** The number of tasks, or all of them. */
  readonly tasks: number | "all";
  /** With its interval. */
  readonly value: string;
  readonly n: number;
  /** Of Student's test and of the permutation of signs; absent of what is counted. */
  readonly p?: { readonly student: number; readonly signs?: number };
  readonly verdict: "found" | "not found" | "not decidable here";
  readonly why: string;
}

/** What became of a claim in a view. */
export interface Judgement {
  /** One word, or one for each of the findings that differ. */
  readonly verdict: string;
  /** All findings in a line; a dash where there are none. */
  readonly measured: string;
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
    return { verdict: together(findings), measured: measuredIn(findings), why: reasons(findings), findings };
  }
  return open(reasonForNothing(claim, view, own, figure));
}

function reasonForNothing(claim: Claim, view: View, { label }: BoardMethod, figure: StudyFigure): string {
  const means = tasksFound(view).flatMap((T) => meanOf(view, figure, label, T) ?? []);
  if (means.length === 0) return `no record of ${label} has ${claim.figure}`;
  return claim.kind === "lead" && means.every(({ n }) => n === 1)
    ? "one seed leaves none to choose the best rival on"
    : "nothing to compare it with was run";
}

function open(why: string): Judgement {
  return { verdict: NOT_RUN, measured: "–", why, findings: [] };
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

interface Subject {
  readonly view: View;
  readonly own: BoardMethod;
  readonly figure: StudyFigure;
  readonly tasks: readonly number[];
}

function findingsOf(study: Study, claim: Claim, subject: Subject): Finding[] {
  const { view, own, figure, tasks } = subject;
  const labelsOf = (names: readonly string[]) =>
    names.flatMap((name) => methodNamed(study, view, name)?.label ?? []);
  /** Of each rival at each number of tasks. */
  const each = (rivals: readonly string[], finding: (rival: string, T: number) => Finding | undefined) =>
    labelsOf(rivals).flatMap((rival) => tasks.flatMap((T) => finding(rival, T) ?? []));
  const sign = figure.better === "more" ? 1 : -1;
  switch (claim.kind) {
    case "lead":
      return tasks.flatMap((T) => {
        const lead = leadOf(view, figure, own, T, labelsOf(claim.without ?? []));
        return lead ? [byInterval(lead.difference, figure, sign, lead.rivals, T, claim.claimed)] : [];
      });
    case "difference":
      return each(claim.rivals, (rival, T) => {
        const difference = differenceOf(view, figure, [own.label, rival], T);
        return difference && byInterval(difference, figure, sign, [rival], T);
      });
    case "ratio":
      return each(claim.rivals, (rival, T) => byRatio(subject, rival, T, claim.claimed));
    case "slope": {
      const slope = slopeOf(view, figure, own, labelsOf(claim.without ?? []), claim.tasks);
      if (!slope) return [];
      const finding = byInterval(slope.difference, figure, sign, slope.rivals, "all");
      return [{ ...finding, what: `${finding.what}, for each doubling of T` }];
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

function testsOf({ p, signP }: PairedDifference): Pick<Finding, "p"> {
  return p === undefined ? {} : { p: { student: p, signs: signP } };
}

/** By the interval of a difference, of which `sign` says which side is the claimed one. */
function byInterval(
  difference: PairedDifference,
  figure: StudyFigure,
  sign: 1 | -1,
  rivals: readonly string[],
  tasks: Finding["tasks"],
  claimed?: number,
): Finding {
  const [low, high] = difference.interval ?? [-Infinity, Infinity];
  const unit = unitOfDifference(figure).trim();
  const size = claimed === undefined
    ? undefined
    : { value: sign * claimed, text: `${formatSigned(sign * claimed, figure)} ${unit}`.trim() };
  return {
    what: `${unit || figure.name} to ${listed(rivals)}`,
    tasks,
    value: formatDifference(difference, figure),
    n: difference.n,
    ...testsOf(difference),
    ...ruling(difference.n, [low, high], 0, "zero", sign, size),
  };
}

/** By the interval of a mean. */
function byLevel(
  mean: PairedDifference,
  figure: StudyFigure,
  { kind, than }: { readonly kind: "above" | "below"; readonly than: number },
  tasks: number,
): Finding {
  const [low, high] = mean.interval ?? [-Infinity, Infinity];
  const range = mean.interval
    ? ` [${mean.interval.map((end) => formatMeanWithUnit({ mean: end }, figure)).join(", ")}]`
    : "";
  const limit = formatMeanWithUnit({ mean: than }, figure);
  return {
    what: "",
    tasks,
    value: `${formatMeanWithUnit({ mean: mean.mean }, figure)}${range}`,
    n: mean.n,
    ...ruling(mean.n, [low, high], than, limit, kind === "above" ? 1 : -1),
  };
}

/**
 * By the interval of rival / own where less of the figure is better, of own / rival otherwise: above 1, the method is
 * the better one.
 */
function byRatio(
  { view, own, figure }: Subject,
  rival: string,
  tasks: number,
  claimed: number | undefined,
): Finding | undefined {
  const labels = figure.better === "less" ? [rival, own.label] as const : [own.label, rival] as const;
  const ratio = ratioOf(view, figure, labels, tasks);
  if (!ratio) return undefined;
  const size = claimed === undefined ? undefined : { value: claimed, text: `factor of ${claimed}` };
  return {
    what: `${figure.name} of ${labels[0]} / ${labels[1]}`,
    tasks,
    value: formatRatio(ratio),
    n: ratio.n,
    ...(ratio.p !== undefined && { p: { student: ratio.p } }),
    ...ruling(ratio.n, ratio.interval ?? [0, Infinity], 1, "one", 1, size),
  };
}

/** The rule: which side of a threshold an interval lies on, and where the claimed size lies. */
function ruling(
  n: number,
  [low, high]: readonly [number, number],
  threshold: number,
  name: string,
  sign: 1 | -1,
  claimed?: { readonly value: number; readonly text: string },
): Pick<Finding, "verdict" | "why"> {
  if (n < FEWEST_SEEDS) {
    return { verdict: "not decidable here", why: `seeds: found ${n}, wanted ${FEWEST_SEEDS}` };
  }
  const position = claimed &&
    (claimed.value < low ? "below it" : claimed.value > high ? "above it" : "within it");
  const remark = claimed ? `; the claimed ${claimed.text}: ${position}` : "";
  const side = (word: string) => `the interval is ${word} ${name}${remark}`;
  const isClaimed = sign === 1 ? low > threshold : high < threshold;
  if (isClaimed) return { verdict: "found", why: side(sign === 1 ? "above" : "below") };
  if (low === threshold && high === threshold) {
    return { verdict: "not found", why: `exactly ${name} on every seed${remark}` };
  }
  const isOther = sign === 1 ? high < threshold : low > threshold;
  if (isOther) return { verdict: "not found", why: side(sign === 1 ? "below" : "above") };
  return { verdict: "not decidable here", why: `the interval contains ${name}${remark}` };
}

function byEquality({ view, own, figure }: Subject, rival: string, tasks: number): Finding | undefined {
  const difference = differenceOf(view, figure, [own.label, rival], tasks);
  if (!difference) return undefined;
  const isSame = difference.mean === 0 && (difference.deviation ?? 0) === 0;
  return {
    what: `${figure.name} to ${rival}`,
    tasks,
    value: isSame ? "equal" : formatDifference(difference, figure),
    n: difference.n,
    verdict: isSame ? "found" : "not found",
    why: isSame ? "equal on every seed" : "it differs on some seed",
  };
}

/** By growth from each number of tasks to the next, from some number on; of what is counted, so without an interval. */
function byGrowth({ view, own, figure, tasks }: Subject, from: number, most: number): Finding[] {
  const means = tasks.filter((T) => T >= from).flatMap((T) => {
    const mean = meanOf(view, figure, own.label, T);
    return mean ? [{ T, mean }] : [];
  });
  return means.slice(1).map(({ T, mean }, i) => {
    const before = means[i]!;
    const factor = mean.mean / before.mean.mean;
    const isBounded = factor <= most;
    return {
      what: figure.name,
      tasks: T,
      value: `${formatMeanWithUnit({ mean: mean.mean }, figure)}, ${
        factor.toFixed(2)
      } × that of T=${before.T}`,
      n: mean.n,
      verdict: isBounded ? "found" : "not found",
      why: `grows by ${isBounded ? "no more" : "more"} than a factor of ${most} from one T to the next`,
    };
  });
}
