/**
 * Renders a board to markdown. Generated, never edited: equal records give equal files.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { printable } from "../../core/printable.ts";
import type { Board, BoardSection, Comparison } from "./board.ts";
import { shownName } from "./classes.ts";
import { type Column, costColumns, familyColumns, hasFamilies, scoreColumns } from "./columns.ts";
import { entryOf, formatDifference, formatLead, formatPercent, remarks } from "./format.ts";
import { pValue } from "./words.ts";

/** Up to so many methods of a section, all pairs are shown; of more, those of the protagonist. */
const ALL_PAIRS = 12;

const LEGEND = [
  "Accuracy in percent, mean ± standard deviation over seeds, among all classes seen. `pooled` is the share of all test " +
  "images of all tasks (as PILOT prints it), `mean` the plain mean of the tasks' own shares (as Mammoth does); they agree " +
  "where tasks have test sets of equal sizes. `avg-pooled` and `avg-mean` are their means over the run. `task-il` is told " +
  "the task, `task-found` is the share of images whose class lies in the right task, both over all test images. " +
  "`forgetting` and `transfer` (backward) are in points, by task; `plasticity` is the accuracy of each task right after " +
  "its training. `gap-closed` is the way from the floor (class means on the frozen backbone) to the bound, in percent, by " +
  "seed. Records of edition 1 have no counts: theirs are task means, `task-il` too.",
  "`seconds` are those of a whole run, `kept` are the bytes that a method keeps between tasks, `classifier` those of the " +
  "classifier. `flop-train` and `flop-test` are counted, not timed: of one image in a training step, and of one image " +
  "scored in `passes` forward passes; `deployed` are the bytes needed at test time beside the backbone, `trained` the " +
  "numbers that training changes.",
  "A bound, such as `joint`, which trains once on all tasks together, is nobody's rival; methods named with `buffer` or " +
  "`test data` are compared among themselves. Differences are of accuracy in the end, in points, paired: two methods are " +
  "compared on the streams and seeds that both have finished, n of them. Intervals are 95 % bootstrap intervals from " +
  "three values on; of three values they are no more than their range. p is that of a permutation test of the signs of " +
  "the differences, exact up to 16 of them, with Holm's correction over all pairs of a class at a T. `P(a > b)` is the " +
  "share of pairs in which a is ahead. Two methods are equivalent if two one-sided t tests, corrected likewise, put their " +
  "difference within the margin. Mean ranks are Friedman's, with Nemenyi's critical difference at 5 %. The best rival is " +
  "chosen, for each seed, on the other seeds. Over all T, each T of a seed counts as a pair, though streams of one seed " +
  "have images and the order of classes in common.",
];

const FAMILY_LEGEND =
  "Where a stream has families: `groups` is the number of groups of tasks in the end, of methods that make them, and `ari` " +
  "how far they are the families that the tasks were drawn from (adjusted Rand index: 1 the same, 0 as good as by chance). " +
  "The others are of accuracy told the task, in points, of methods scored after every task. `related` is what learning one " +
  "task gives to an earlier one of its family, `interference` what it takes from one of another family: means over pairs, " +
  "which add up over a stream. `family-transfer` is how much better a task is known right after its training than the " +
  "first of its family was; single tasks differ in difficulty, so it is for comparing methods on equal streams.";

/** Text of a record, which may be anything, without meaning for markdown. */
export function inert(text: string): string {
  return printable(text, Infinity).replace(/[\\`*|~]/g, "\\$&").replaceAll("<", "&lt;").replace(
    /\](?=[([])/g,
    "]\\",
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[], lefts = 1): string {
  return markdownTable([header, ...rows].map((row) => row.map(inert)), {
    align: header.map((_, i) => i < lefts ? "l" : "r"),
  });
}

function sectionTitle({ fixed }: BoardSection): string {
  const edition = fixed.edition === 1 ? " / edition 1" : "";
  return inert(`${fixed.dataset.name} / ${fixed.backbone.id} / ${fixed.backend}${edition}`);
}

function detailTable(section: BoardSection, tasks: number, columns: readonly Column[]): string {
  const entries = section.methods.map((method) => ({ method, entry: entryOf(section, method.label, tasks) }));
  const shown = columns.filter(({ has }) => entries.some(({ entry }) => has(entry)));
  return table(
    ["method", ...shown.map(({ name }) => name), "n", "remarks"],
    entries.map(({ method, entry }) => [
      shownName(method),
      ...shown.map(({ text }) => text(entry)),
      `${entry.runs.length}`,
      remarks(entry),
    ]),
  );
}

function accuracyTable(section: BoardSection): string {
  const { accuracy, tasks, methods } = section;
  const name = accuracy === "pooled" ? "pooled" : "mean";
  const rows = methods.map((method) => [
    shownName(method),
    ...tasks.map((count) => {
      const entry = entryOf(section, method.label, count);
      const found = entry.figures[accuracy];
      if (!found) return remarks(entry) || "–";
      return `${formatPercent(found)} (${[`n=${found.n}`, remarks(entry)].filter(Boolean).join("; ")})`;
    }),
  ]);
  return table(["method", ...tasks.map((count) => `T=${count} ${name}`)], rows);
}

function leadTable({ leads }: BoardSection): string[] {
  if (leads.length === 0) return [];
  const rows = leads.map((lead) => [
    lead.method,
    `${lead.tasks}`,
    lead.difference ? formatLead(lead) : "– (one seed leaves none to choose on)",
    lead.p === undefined ? "–" : pValue(lead.p),
  ]);
  return ["### Lead over the best rival, chosen on other seeds", table(["method", "T", "lead", "p"], rows)];
}

function pairTable({ comparisons, methods }: BoardSection, protagonist: string): string[] {
  const own = new Set(methods.filter(({ method }) => method === protagonist).map(({ label }) => label));
  const isOwn = ({ a, b }: Comparison) => own.has(a) || own.has(b);
  const shown = methods.length > ALL_PAIRS ? comparisons.filter(isOwn) : comparisons;
  if (shown.length === 0) return [];
  const words = { equivalent: "equivalent", undecided: "undecided" };
  const rows = shown.map((pair) => [
    pair.a,
    pair.b,
    `${pair.tasks}`,
    formatDifference(pair.difference),
    pValue(pair.p),
    pValue(pair.pHolm),
    pair.superiority.toFixed(2),
    pValue(pair.equivalence.pHolm),
    pair.verdict === "a" ? pair.a : pair.verdict === "b" ? pair.b : words[pair.verdict],
  ]);
  const left = comparisons.length - shown.length;
  return [
    "### Pairs",
    table(["a", "b", "T", "a − b", "p", "p, Holm", "P(a > b)", "p of equivalence, Holm", "verdict"], rows, 2),
    ...(left > 0 ? [`${left} more pairs are in leaderboard.json.`] : []),
  ];
}

function rankTable({ rankings }: BoardSection): string[] {
  if (rankings.length === 0) return [];
  const rows = rankings.map(({ tasks, class: kind, blocks, ranks, criticalDifference, p, incomplete }) => [
    `${tasks}`,
    kind,
    `${blocks}`,
    ranks.slice(0, ALL_PAIRS).map(({ method, rank }) => `${method} ${rank.toFixed(1)}`).join(", ") +
    (ranks.length > ALL_PAIRS ? ", …" : ""),
    criticalDifference.toFixed(1),
    pValue(p),
    incomplete.join(", "),
  ]);
  return [
    "### Mean ranks",
    table(["T", "class", "n", "mean rank", "critical difference", "p", "left out, incomplete"], rows),
  ];
}

/** The whole leaderboard as markdown. */
export function renderMarkdown({ sections, problems, protagonist }: Board): string {
  const parts = sections.flatMap((section) => [
    `## ${sectionTitle(section)}`,
    section.verdict.map((sentence) => `- ${inert(sentence)}`).join("\n"),
    accuracyTable(section),
    `${inert(section.description)}.`,
    ...leadTable(section),
    ...section.tasks.flatMap((tasks) => [
      `### T = ${tasks}`,
      detailTable(section, tasks, scoreColumns),
      ...(hasFamilies(section, tasks) ? [detailTable(section, tasks, familyColumns)] : []),
      detailTable(section, tasks, costColumns),
    ]),
    ...rankTable(section),
    ...pairTable(section, protagonist),
  ]);
  const left = problems.length === 0 ? [] : [
    "## Not used",
    problems.map(({ path, message }) => `- ${inert(path)}: ${inert(message)}`).join("\n"),
  ];
  return `${
    [
      "# Leaderboard",
      "Generated by `deno task board`; do not edit.",
      ...parts,
      ...left,
      "## How to read it",
      ...LEGEND,
      ...(sections.some((section) => hasFamilies(section)) ? [FAMILY_LEGEND] : []),
    ]
      .join("\n\n")
  }\n`;
}
