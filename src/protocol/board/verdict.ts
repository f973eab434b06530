/**
 * What the data of a section decide and what they do not, in plain sentences, each from the numbers of the board.
 *
 * @module
 */
import type { BoardMethod, BoardSection, Comparison, Estimate, Lead, MethodClass } from "./board.ts";
import { classNoun, counted, interval, list, percent, points, pValue } from "./words.ts";

type Section = Omit<BoardSection, "verdict">;

const classes: readonly MethodClass[] = ["plain", "buffer", "test data"];

/** Most names in an enumeration. */
const NAMES = 5;

/** One paragraph for each number of tasks, one for all together, one for what is missing. */
export function verdictOf(section: Section, protagonist: string, margin: number): string[] {
  const finished = section.runs.filter(({ status }) => status === "done");
  if (finished.length === 0) return ["No run has finished: nothing is decided.", ...gaps(section)];
  const own = section.methods.filter(({ method }) => method === protagonist).map(({ label }) => label);
  return [
    ...section.tasks.map((tasks) => atTasks(section, tasks, own, margin)),
    ...overAll(section, own, margin),
    ...gaps(section),
  ].filter(Boolean);
}

interface Standing {
  readonly label: string;
  readonly accuracy: Estimate;
}

/** The methods of a class with results at one number of tasks, best first. */
function standings(section: Section, tasks: number, kind: MethodClass): Standing[] {
  const members = new Set(
    section.methods.filter((method: BoardMethod) => method.class === kind).map(({ label }) => label),
  );
  return section.entries.flatMap((entry) => {
    const accuracy = entry.figures[section.accuracy];
    return entry.tasks === tasks && members.has(entry.method) && accuracy
      ? [{ label: entry.method, accuracy }]
      : [];
  }).sort((a, b) => b.accuracy.mean - a.accuracy.mean);
}

function atTasks(section: Section, tasks: number, own: readonly string[], margin: number): string {
  const groups = classes.map((kind) => ({ kind, standing: standings(section, tasks, kind) }))
    .filter(({ standing }) => standing.length > 0);
  const sentences = groups.flatMap(({ kind, standing }) => {
    const lead = ownLead(section, tasks, own, standing);
    return [
      first(section, tasks, kind, standing, own),
      ...lead,
      ...decided(section, tasks, standing, margin),
    ];
  });
  const bounds = standings(section, tasks, "bound").map(({ label, accuracy }) =>
    `${label} reaches ${percent(accuracy.mean)}${interval(accuracy)} (n = ${accuracy.n})`
  );
  if (bounds.length > 0) sentences.push(`The bound ${list(bounds)}.`);
  sentences.push(...closed(section, tasks, own));
  return sentences.length === 0
    ? `At T = ${tasks}, no run has finished.`
    : `At T = ${tasks}: ${sentences.join(" ")}`;
}

/** Who is first, by how much, and how far behind the protagonist is. */
function first(
  section: Section,
  tasks: number,
  kind: MethodClass,
  standing: readonly Standing[],
  own: readonly string[],
): string {
  const [best, second] = standing as [Standing, Standing?];
  const { accuracy } = best;
  const score = `${percent(accuracy.mean)}${interval(accuracy)} (n = ${accuracy.n})`;
  const several = standing.length > 1;
  const group = several
    ? `Of ${standing.length} ${classNoun(kind, standing.length)},`
    : `The only ${classNoun(kind, 1)},`;
  if (!second) return `${group} ${best.label}, has ${score}.`;
  const level = standing.filter((other) => other.accuracy.mean === accuracy.mean).map(({ label }) => label);
  if (level.length > 1) return `${group} ${list(level, NAMES)} are level in first place with ${score}.`;
  const shown = [
    second.label,
    ...standing.slice(2).map(({ label }) => label).filter((label) => own.includes(label)),
  ];
  const behind = shown.map((label) => {
    const difference = differenceOf(section, tasks, label, best.label);
    if (!difference) return `${label} shares no seed with it`;
    const side = difference.mean > 0 ? "ahead" : "behind";
    const distance = difference.mean === 0 ? "is level with it" : `is ${points(difference.mean)} ${side}`;
    const shared = difference.n === accuracy.n ? "" : ` on ${counted(difference.n, "shared seed")}`;
    return `${label} ${distance}${interval(difference)}${shared}`;
  });
  return `${group} ${best.label} is first with ${score}; ${list(behind)}.`;
}

/** Which orders are significant, which methods are equivalent, and what cannot be told. */
function decided(
  section: Section,
  tasks: number | "all",
  standing: readonly { readonly label: string }[],
  margin: number,
): string[] {
  const members = new Set(standing.map(({ label }) => label));
  const pairs = section.comparisons.filter((pair) => pair.tasks === tasks && members.has(pair.a));
  if (pairs.length === 0) return [];
  const power = powerOf(pairs, tasks === "all" ? "pair" : "seed");
  const equivalent = pairs.filter(({ verdict }) => verdict === "equivalent");
  const same = equivalent.length === 0 ? [] : [
    `${
      equivalent.length === pairs.length ? "All" : `${equivalent.length} of the ${pairs.length}`
    } pairs are equivalent within ${points(margin)}.`,
  ];
  if (power !== undefined) return [power, ...same];
  const best = standing[0]!.label;
  const toBest = pairs.filter(({ a, b }) => a === best || b === best);
  const other = ({ a, b }: Comparison) => a === best ? b : a;
  const beaten = toBest.filter(({ a, verdict }) => verdict === (a === best ? "a" : "b"));
  const open = toBest.filter(({ verdict }) => verdict === "undecided").map(other);
  const worst = Math.max(...beaten.map(({ pHolm }) => pHolm));
  const correction = pairs.length > 1 ? ` after Holm's correction over ${pairs.length} pairs` : "";
  const significant = pairs.filter(({ verdict }) => verdict === "a" || verdict === "b");
  return [
    beaten.length === 0
      ? `${best} is significantly ahead of none of them${correction}.`
      : `${best} is significantly ahead of ${
        beaten.length === toBest.length && toBest.length > 1
          ? `all ${toBest.length} others`
          : list(beaten.map(other), NAMES)
      } (p ${worst < 0.001 ? "" : "at most "}${pValue(worst)}${correction}).`,
    ...(open.length > 0 ? [`The data do not decide between ${best} and ${list(open, NAMES)}.`] : []),
    ...(pairs.length > 1
      ? [`Of all ${pairs.length} pairs, ${significant.length} differ significantly.`]
      : []),
    ...same,
  ];
}

/** Why no order can be significant, where none can. */
function powerOf(pairs: readonly Comparison[], noun: string): string | undefined {
  const least = Math.min(...pairs.map(({ leastP }) => leastP));
  const n = Math.max(...pairs.map(({ difference }) => difference.n));
  if (least * pairs.length <= 0.05) return undefined;
  const correction = pairs.length > 1 && least <= 0.05
    ? ` and Holm's correction over ${pairs.length} pairs makes that ${
      pValue(Math.min(1, least * pairs.length))
    }`
    : "";
  const needed = Math.ceil(1 + Math.log2(pairs.length / 0.05) - 1e-9);
  return n === 1
    ? `One ${noun} says nothing of how far results vary, so no order is significant; it takes ${needed}.`
    : `${n} ${noun}s can give no p below ${
      pValue(least)
    }${correction}, so no order is significant, whatever the ` +
      `difference; it takes ${counted(needed, noun)}.`;
}

/** The protagonist against the best rival as chosen on other seeds. */
function ownLead(
  section: Section,
  tasks: number | "all",
  own: readonly string[],
  standing: readonly { readonly label: string }[],
): string[] {
  return section.leads.filter((lead) =>
    lead.tasks === tasks && own.includes(lead.method) && standing.some(({ label }) => label === lead.method)
  ).flatMap((lead) => leadSentence(lead));
}

function leadSentence({ method, rivals, difference, p, tasks }: Lead): string[] {
  if (!difference) return [];
  const names = list(rivals.map(({ method }) => method), NAMES);
  const distance = difference.mean === 0
    ? "level with it"
    : `${points(difference.mean)} ${difference.mean > 0 ? "ahead" : "behind"}`;
  const blocks = tasks === "all" ? "pairs of T and seed" : "seeds";
  return [
    `With the best rival of each seed chosen on the other seeds (${names}), ${method} is ${distance}` +
    `${interval(difference)} (n = ${difference.n} ${
      difference.n === 1 ? blocks.replace(/s\b/g, "") : blocks
    }, p = ${pValue(p!).replace("below ", "< ")}).`,
  ];
}

/** How much of the way from floor to bound the protagonist goes. */
function closed(section: Section, tasks: number, own: readonly string[]): string[] {
  return own.flatMap((label) => {
    const entry = section.entries.find((entry) => entry.tasks === tasks && entry.method === label);
    const gap = entry?.gapClosed;
    if (!gap) return [];
    return [
      `${label} closes ${percent(gap.mean)}${
        interval(gap)
      } of the gap between ${section.floor} and ${section.bound} ` +
      `(n = ${gap.n}).`,
    ];
  });
}

/** All numbers of tasks together, where there are several. */
function overAll(section: Section, own: readonly string[], margin: number): string[] {
  return section.rankings.filter(({ tasks }) => tasks === "all").map((ranking) => {
    const { ranks, blocks, criticalDifference } = ranking;
    const [best] = ranks;
    const near = ranks.slice(1).filter(({ rank }) => rank - best!.rank < criticalDifference);
    const mine = ranks.filter(({ method }, i) => i > 0 && own.includes(method));
    const standing = ranks.map(({ method }) => ({ label: method }));
    const apart = near.length === 0
      ? "which sets it apart from all others"
      : near.length === ranks.length - 1
      ? "which sets it apart from none"
      : `which does not set it apart from ${list(near.map(({ method }) => method), NAMES)}`;
    return `Over T = ${
      list(section.tasks.map(String))
    } together (${blocks} pairs of T and seed): of ${ranks.length} ` +
      `${classNoun(ranking.class, ranks.length)}, ${best!.method} has the best mean rank, ${
        best!.rank.toFixed(1)
      }` +
      `${
        mine.map(({ method, rank }) => `; ${method} has ${rank.toFixed(1)}`).join("")
      } (critical difference ` +
      `${criticalDifference.toFixed(1)}, ${apart}). ` +
      [
        ...ownLead(section, "all", own, standing),
        ...decided(section, "all", standing, margin),
      ].join(" ");
  });
}

/** What failed and what is missing. */
function gaps(section: Section): string[] {
  const failed = section.entries.filter(({ failed }) => failed.length > 0);
  const missing = section.entries.filter(({ missing }) => missing.length > 0);
  const name =
    (seeds: (entry: typeof failed[number]) => readonly string[]) => (entry: typeof failed[number]) =>
      `${entry.method} at T = ${entry.tasks} (seed ${seeds(entry).join(", ")})`;
  return [
    failed.length === 0
      ? ""
      : `Training diverged for ${list(failed.map(name(({ failed }) => failed)), NAMES)}.`,
    missing.length === 0
      ? ""
      : `No finished run of ${
        list(missing.map(name(({ missing }) => missing)), NAMES)
      }: methods are compared on the ` +
        "seeds that they share.",
  ].filter(Boolean);
}

/** x − y as a comparison has it, either way round. */
function differenceOf(section: Section, tasks: number, x: string, y: string): Estimate | undefined {
  const pair = section.comparisons.find((pair) =>
    pair.tasks === tasks && ((pair.a === x && pair.b === y) || (pair.a === y && pair.b === x))
  );
  if (!pair) return undefined;
  const { difference } = pair;
  if (pair.a === x) return difference;
  return {
    ...difference,
    mean: -difference.mean,
    ...(difference.interval && { interval: [-difference.interval[1], -difference.interval[0]] as const }),
  };
}
