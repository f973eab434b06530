/**
 * What the data of a section decide and what they do not, in plain sentences, each from the numbers of the board.
 *
 * @module
 */
import type { BoardMethod, BoardSection, Comparison, Estimate, Lead, MethodClass, Ranking } from "./board.ts";
import { classNoun, counted, interval, list, pEquation, percent, points, pValue } from "./words.ts";

type Section = Omit<BoardSection, "verdict">;

const classes: readonly MethodClass[] = ["plain", "buffer", "test data"];

/** Most names in an enumeration. */
const NAMES = 5;
/** Significance. */
const LEVEL = 0.05;
/** What methods are compared on over several numbers of tasks. */
const BLOCK = "pair of T and seed";

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
  const sentences = classes.flatMap((kind) => {
    const standing = standings(section, tasks, kind);
    return standing.length === 0 ? [] : [
      first(section, tasks, kind, standing, own),
      ...ownLead(section, tasks, standing),
      ...decided(section, tasks, standing, margin),
    ];
  });
  const bounds = standings(section, tasks, "bound").map(({ label, accuracy }) =>
    `${label} reaches ${score(accuracy)}`
  );
  if (bounds.length > 0) sentences.push(`The bound ${list(bounds)}.`);
  sentences.push(...closed(section, tasks, own));
  const [opening, ...others] = sentences;
  return opening === undefined
    ? `At T = ${tasks}, no run has finished.`
    : [`At T = ${tasks}, ${opening[0]!.toLowerCase()}${opening.slice(1)}`, ...others].join(" ");
}

function score(accuracy: Estimate): string {
  return `${percent(accuracy.mean)}${interval(accuracy)} (n = ${accuracy.n})`;
}

/** Who is first, by how much, and how far behind the protagonist is. */
function first(
  section: Section,
  tasks: number,
  kind: MethodClass,
  standing: readonly Standing[],
  own: readonly string[],
): string {
  const [best] = standing as readonly [Standing];
  const noun = classNoun(kind, standing.length);
  if (standing.length === 1) return `The only ${noun}, ${best.label}, has ${score(best.accuracy)}.`;
  const level = standing.filter(({ accuracy }) => accuracy.mean === best.accuracy.mean);
  const rest = standing.slice(level.length);
  const shown = rest.filter(({ label }, i) => (i === 0 && level.length === 1) || own.includes(label));
  const leaders = level.length > 1
    ? `${list(level.map(({ label }) => label), NAMES)} are level in first place`
    : `${best.label} is first`;
  const behind = shown.map(({ label }) => distance(section, tasks, label, best));
  return `Of ${standing.length} ${noun}, ${leaders} with ${score(best.accuracy)}` +
    `${behind.length > 0 ? `; ${list(behind)}` : ""}.`;
}

/** How far a method is behind the best: on the seeds that both have, on which it may be ahead. */
function distance(section: Section, tasks: number, label: string, best: Standing): string {
  const difference = differenceOf(section, tasks, label, best.label);
  if (!difference) return `${label} shares no seed with it`;
  const shared = difference.n === best.accuracy.n
    ? ""
    : ` on the ${counted(difference.n, "seed")} that both have`;
  return `${label} is ${side(difference)}${shared}`;
}

/** `1.2 points behind [−2.0, −0.4]` */
function side(difference: Estimate): string {
  const { mean } = difference;
  const words = mean === 0 ? "level" : `${points(mean)} ${mean > 0 ? "ahead" : "behind"}`;
  return `${words}${interval(difference)}`;
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
  return [
    ...powerOf(pairs, tasks === "all" ? BLOCK : "seed") ?? orders(pairs, standing[0]!.label),
    ...equivalents(pairs, margin),
  ];
}

function orders(pairs: readonly Comparison[], best: string): string[] {
  const toBest = pairs.filter(({ a, b }) => a === best || b === best);
  const other = ({ a, b }: Comparison) => a === best ? b : a;
  const beaten = toBest.filter(({ a, verdict }) => verdict === (a === best ? "a" : "b"));
  const open = toBest.filter(({ verdict }) => verdict === "undecided").map(other);
  const correction = pairs.length > 1 ? ` after Holm's correction over ${pairs.length} pairs of methods` : "";
  const worst = Math.max(...beaten.map(({ pHolm }) => pHolm));
  const names = beaten.length === toBest.length && beaten.length > 1
    ? `all ${beaten.length} others`
    : list(beaten.map(other), NAMES);
  const significant = pairs.filter(({ verdict }) => verdict === "a" || verdict === "b").length;
  return [
    beaten.length === 0
      ? `${best} is significantly ahead of no other method${correction}.`
      : `${best} is significantly ahead of ${names} (p at most ${
        pValue(Math.max(worst, 0.001))
      }${correction}).`,
    ...(open.length > 0 ? [`The data do not decide between ${best} and ${list(open, NAMES)}.`] : []),
    ...(pairs.length > 1 ? [`Of all ${pairs.length} pairs, ${significant} differ significantly.`] : []),
  ];
}

/** Why no order can be significant, where none can. */
function powerOf(pairs: readonly Comparison[], noun: string): string[] | undefined {
  const least = Math.min(...pairs.map(({ leastP }) => leastP));
  if (least * pairs.length <= LEVEL) return undefined;
  const n = Math.max(...pairs.map(({ difference }) => difference.n));
  const needed = counted(Math.ceil(1 + Math.log2(pairs.length / LEVEL) - 1e-9), noun);
  const correction = pairs.length > 1 && least <= LEVEL
    ? `, which Holm's correction over ${pairs.length} pairs of methods makes ${
      pValue(Math.min(1, least * pairs.length))
    }`
    : "";
  return [
    n === 1
      ? `One ${noun} says nothing of how far results vary, so no order is significant: that takes ${needed} or more.`
      : `${counted(n, noun)} can give no p below ${
        Number(least.toPrecision(2))
      }${correction}, so no order is significant, however ` +
        `large the difference: that takes ${needed} or more.`,
  ];
}

function equivalents(pairs: readonly Comparison[], margin: number): string[] {
  const found = pairs.filter(({ verdict }) => verdict === "equivalent");
  const within = `equivalent within ${counted(Number((100 * margin).toFixed(2)), "point")}`;
  const [only] = found;
  if (!only) return [];
  return [
    found.length === 1
      ? `${only.a} and ${only.b} are ${within} (${pEquation(only.equivalence.pHolm)}).`
      : `${
        found.length === pairs.length ? "All" : `${found.length} of the`
      } ${pairs.length} pairs are ${within}.`,
  ];
}

/** The protagonist against the best rival as chosen on other seeds. */
function ownLead(
  section: Section,
  tasks: number | "all",
  standing: readonly { readonly label: string }[],
): string[] {
  return section.leads.flatMap(({ method, rivals, difference, p, tasks: count }: Lead) => {
    if (count !== tasks || !difference || !standing.some(({ label }) => label === method)) return [];
    const names = list(rivals.map(({ method }) => method), NAMES);
    const n = counted(difference.n, tasks === "all" ? BLOCK : "seed");
    return [
      `With the best rival of each seed chosen on the other seeds (${names}), ${method} is ${
        side(difference)
      } ` +
      `(${n}, ${pEquation(p!)}).`,
    ];
  });
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
    const { ranks, blocks } = ranking;
    const [best] = ranks as readonly [typeof ranks[number]];
    const mine = ranks.filter(({ method }, i) => i === 1 || (i > 1 && own.includes(method)));
    const standing = ranks.map(({ method }) => ({ label: method }));
    const names = [best, ...mine].map(({ method, rank }) => `${method} ${rank.toFixed(1)}`);
    return [
      `Over T = ${list(section.tasks.map(String))} together (${
        counted(blocks, BLOCK)
      }), of ${ranks.length} ` +
      `${classNoun(ranking.class, ranks.length)}, ${best.method} has the best mean rank (${
        names.join(", ")
      }), ` +
      `${apart(ranking)}.`,
      ...ownLead(section, "all", standing),
      ...decided(section, "all", standing, margin),
    ].join(" ");
  });
}

/** From whom the ranks set the first apart. */
function apart({ ranks, criticalDifference, p }: Ranking): string {
  if (p > LEVEL) return `but ranks do not differ significantly (Friedman's ${pEquation(p)})`;
  const [best, ...others] = ranks;
  const near = others.filter(({ rank }) => rank - best!.rank < criticalDifference);
  const names = near.length === 0
    ? "which sets it apart from all others"
    : near.length === others.length
    ? "which sets it apart from no other"
    : `which does not set it apart from ${list(near.map(({ method }) => method), NAMES)}`;
  return `${names} (critical difference ${criticalDifference.toFixed(1)}, Friedman's ${pEquation(p)})`;
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
