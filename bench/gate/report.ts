/**
 * What the gate found, in words: for a terminal, for a comment on a pull request, for programs. Text from records is
 * in it and is shown inert.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { printable } from "../../src/core/mod.ts";
import { type CellResult, type CellStatus, failing, type Score } from "./compare.ts";
import type { ScoreResult } from "./scores.ts";

/** All that the gate looked at. */
export interface GateReport {
  /** Nothing failed. */
  readonly ok: boolean;
  readonly cells: readonly CellResult[];
  readonly scores: readonly ScoreResult[];
  /** Records that are not what a run would have left, and others that could not be compared. */
  readonly problems: readonly string[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

/** A report of its parts. */
export function reportOf(parts: Omit<GateReport, "ok">): GateReport {
  const { cells, scores, problems } = parts;
  const ok = problems.length === 0 && scores.every(({ ok }) => ok) &&
    cells.every(({ status }) => !failing.has(status));
  return { ok, ...parts };
}

const meanings: Readonly<Record<CellStatus, string>> = {
  equal: "equal",
  near: "within the bounds of another kind of machine",
  accepted: "changed for a reason on record",
  changed: "changed without a reason on record",
  outside: "outside the bounds of another kind of machine",
  missing: "missing",
  new: "new",
};

/** Every failure on a line of its own, then what else is worth knowing, then the numbers. */
export function textOf({ ok, cells, scores, problems, notes }: GateReport): string {
  const lines = [
    ...problems.map((problem) => `problem: ${printable(problem, 1000)}`),
    ...cells.filter(({ status }) => failing.has(status)).map((result) => `FAILED ${cellLine(result)}`),
    ...scores.filter(({ ok }) => !ok).map((result) => `FAILED ${scoreLine(result)}`),
    ...cells.filter(({ status }) => status === "accepted" || status === "new" || status === "near").map(
      cellLine,
    ),
    ...scores.filter(({ ok }) => ok).map(scoreLine),
    ...notes.map((note) => printable(note, 1000)),
    `${countLine(cells)}. ${ok ? "The gate is open" : "The gate is shut"}`,
  ];
  return `${lines.join("\n")}\n`;
}

function countLine(cells: readonly CellResult[]): string {
  const counts = (Object.keys(meanings) as CellStatus[]).flatMap((status) => {
    const count = cells.filter((result) => result.status === status).length;
    return count === 0 ? [] : [`${count} ${meanings[status]}`];
  });
  return `${cells.length} cells: ${counts.join(", ")}`;
}

function cellLine(result: CellResult): string {
  const { cell, label, status, baseline, found, difference, reasons, successor } = result;
  const parts = [
    `${printable(label)}: ${meanings[status]}`,
    found && baseline ? `${amountOf(result)}` : undefined,
    found && baseline && found.hash !== baseline.hash && `hash ${shortOf(baseline)} → ${shortOf(found)}`,
    difference && (found ? `first difference: ${printable(difference)}` : printable(difference)),
    successor && `instead there is ${printable(successor)}`,
    reasons && `reason: ${whyOf(reasons)}`,
    failing.has(status) && `cell ${printable(cell)}`,
  ];
  return parts.filter(Boolean).join("; ");
}

function scoreLine({ label, n, baseline, interval: [low, high], found, ok }: ScoreResult): string {
  const place = ok ? "within" : "outside";
  return `${printable(label)}: mean of ${n} seeds ${percent(found)}, ${points(found - baseline)}, ` +
    `${place} the baseline's interval of ${percent(low)} to ${percent(high)}`;
}

/** Right answers before and after, and the change in points. */
function amountOf({ baseline, found, change }: CellResult): string {
  const hits = (score: Score | undefined) => score?.hits === undefined ? "no score" : `${score.hits}`;
  const of = found?.images ?? baseline?.images;
  const amount = change === undefined ? "" : ` (${points(change)})`;
  return `${hits(found)} of ${of} right, was ${hits(baseline)}${amount}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function points(share: number): string {
  const text = (100 * share).toFixed(1);
  return `${share > 0 ? "+" : ""}${text === "-0.0" ? "0.0" : text} points`;
}

function shortOf({ hash }: Score): string {
  return hash.slice(0, 8);
}

function whyOf(reasons: readonly { readonly why: string; readonly commit?: string }[]): string {
  return reasons.map(({ why, commit }) => `${printable(why)}${commit ? ` (${commit.slice(0, 8)})` : ""}`)
    .join(", then ");
}

/** Rows of a comment; more are counted. */
const MOST_ROWS = 100;

/** A comment for a pull request: what failed and what changed, and nothing of what did not. */
export function markdownOf({ ok, cells, scores, problems, notes }: GateReport): string {
  const changed = cells.filter(({ status }) => status !== "equal")
    .sort((a, b) => Number(failing.has(b.status)) - Number(failing.has(a.status)));
  const rows = changed.slice(0, MOST_ROWS).map((result) => [
    inert(result.label),
    failing.has(result.status) ? `**${meanings[result.status]}**` : meanings[result.status],
    result.baseline?.hits === undefined ? "–" : `${result.baseline.hits} of ${result.baseline.images}`,
    result.found?.hits === undefined ? "–" : `${result.found.hits} of ${result.found.images}`,
    result.change === undefined ? "–" : points(result.change),
    inert(result.reasons ? whyOf(result.reasons) : result.difference ?? ""),
  ]);
  const head = ["cell", "", "baseline", "now", "change", "reason or first difference"];
  const beyond = changed.length - rows.length;
  const parts = [
    `### Scores: ${ok ? "nothing changed without a reason" : "the gate is shut"}`,
    `${countLine(cells)}.`,
    problems.map((problem) => `- **problem**: ${inert(problem)}`).join("\n"),
    rows.length > 0 && markdownTable([head, ...rows], { align: ["l", "l", "r", "r", "r", "l"] }),
    beyond > 0 && `And ${beyond} more.`,
    scores.map((result) => `- ${result.ok ? "" : "**failed**: "}${inert(scoreLine(result))}`).join("\n"),
    notes.map((note) => `- ${inert(note)}`).join("\n"),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

/** Text that Markdown shows as it is: no link, no mention, no tag, no table of its own. */
export function inert(text: string): string {
  const shown = printable(text);
  return shown === "" ? "" : shown.replace(/[\\`*_{}[\]()<>#+!|~@&:]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
