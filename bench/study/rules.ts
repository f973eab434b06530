/**
 * The rules by which measurements are held against claims: the side of a threshold that an interval lies on, equality, and
 * growth of what is counted.
 *
 * @module
 */
import type { BoardMethod, PairedDifference } from "../../src/protocol/mod.ts";
import { formatMeanWithUnit, formatSigned, type StudyFigure, unitOfDifference } from "./figures.ts";
import { differenceOf, meanOf, ratioOf } from "./measure.ts";
import type { View } from "./views.ts";
import { formatDifference, formatRatio, listed } from "./words.ts";

/** Fewer seeds have no interval worth the name. */
export const FEWEST_SEEDS = 3;

/** What floating point leaves between equal values. */
const ROUNDING = 1e-9;

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

/** What a claim is about. */
export interface Subject {
  readonly view: View;
  readonly own: BoardMethod;
  readonly figure: StudyFigure;
  readonly tasks: readonly number[];
}

function testsOf({ p, signP }: PairedDifference): Pick<Finding, "p"> {
  return p === undefined ? {} : { p: { student: p, signs: signP } };
}

/** By the interval of a difference, of which `sign` says which side is the claimed one. */
export function byInterval(
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
  const kind = unit !== "points"
    ? figure.name
    : figure.name === "pooled"
    ? unit
    : `${unit} of ${figure.name}`;
  return {
    what: `${kind} to ${listed(rivals)}`,
    tasks,
    value: formatDifference(difference, figure),
    n: difference.n,
    ...testsOf(difference),
    ...ruling(difference.n, [low, high], 0, "zero", sign, size),
  };
}

/** That a lead grows, where there is one in the end: who falls behind by less is not further ahead. */
export function withLead(growth: Finding, end: Finding): Finding {
  if (growth.verdict !== "found" || end.verdict === "found") return growth;
  const why = `it grows, but at T=${end.tasks} there is no lead: ${end.value} ${end.what}`;
  return { ...growth, verdict: "not found", why };
}

/** By the interval of a mean. */
export function byLevel(
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
export function byRatio(
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
  const [isLowest, isHighest] = [Math.abs(low - threshold) < ROUNDING, Math.abs(high - threshold) < ROUNDING];
  if (isLowest && isHighest) return { verdict: "not found", why: `exactly ${name} on every seed${remark}` };
  const word = low > threshold && !isLowest ? "above" : high < threshold && !isHighest ? "below" : undefined;
  if (word === undefined) {
    return { verdict: "not decidable here", why: `the interval contains ${name}${remark}` };
  }
  const isClaimed = word === (sign === 1 ? "above" : "below");
  return { verdict: isClaimed ? "found" : "not found", why: `the interval is ${word} ${name}${remark}` };
}

export function byEquality(
  { view, own, figure }: Subject,
  rival: string,
  tasks: number,
): Finding | undefined {
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
export function byGrowth({ view, own, figure, tasks }: Subject, from: number, most: number): Finding[] {
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
