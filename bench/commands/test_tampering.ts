/**
 * Single edits of records, as carelessness or an attacker makes them.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { canonicalJson, type Rng } from "../../src/core/mod.ts";
import { type Cell, cellName, type Facts, type RunRecord, seal } from "../../src/protocol/mod.ts";

/** A record's file. */
export interface RecordFile {
  readonly name: string;
  readonly text: string;
}

/** A file after an edit, or `undefined` where the edit changes nothing that can be. */
export type Edit = (file: RecordFile, rng: Rng) => RecordFile | undefined;

type Line = Record<string, unknown>;

function pick<T>(items: readonly T[], rng: Rng): T {
  return items[rng.integer(items.length)]!;
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

function withLines(file: RecordFile, lines: readonly string[]): RecordFile {
  return { ...file, text: lines.map((line) => `${line}\n`).join("") };
}

/** Positions of characters that an expression matches. */
function places(text: string, expression: RegExp): number[] {
  return [...text.matchAll(expression)].map(({ index }) => index);
}

/** Another digit, at a place where there is one. */
function otherDigit(text: string, at: number, rng: Rng): string {
  const hex = "0123456789abcdef";
  const digits = /[a-f]/.test(text[at]!) ? hex : "0123456789";
  const digit = digits[(digits.indexOf(text[at]!) + 1 + rng.integer(digits.length - 1)) % digits.length]!;
  return text.slice(0, at) + digit + text.slice(at + 1);
}

/** Lines with the hashes that belong to them, under the name that belongs to their cell. */
function resealed(lines: readonly Line[]): RecordFile {
  const sealed: (Facts & { readonly hash: string; readonly chain: string })[] = [];
  for (const { hash: _, chain: __, ...facts } of lines) {
    sealed.push(seal(facts as unknown as Facts, sealed.at(-1)));
  }
  const { cell } = lines[0] as unknown as { readonly cell: Cell };
  return {
    name: `${cellName(cell)}.jsonl`,
    text: sealed.map((line) => `${canonicalJson(line)}\n`).join(""),
  };
}

/** An edit by somebody who knows how hashes are made, and makes them anew. */
function sealing(change: (lines: Line[], rng: Rng) => unknown): Edit {
  return ({ text }, rng) => {
    const lines = linesOf(text).map((line) => JSON.parse(line) as Line);
    const before = canonicalJson(lines);
    change(lines, rng);
    return canonicalJson(lines) === before ? undefined : resealed(lines);
  };
}

function tasksOf(lines: readonly Line[]): RunRecord["tasks"] {
  return lines.filter(({ event }) => event === "task") as unknown as RunRecord["tasks"];
}

/** A value within a value, by its path. */
function nudge(tree: unknown, path: readonly (string | number)[], change: (value: never) => unknown): void {
  let at = tree as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as typeof at;
  const last = path.at(-1)!;
  at[last] = change(at[last] as never);
}

type Kind = "classIncremental" | "taskIncremental" | "taskInference";

/** Moves right answers of one kind by one. */
function hits(kind: Kind): Edit {
  return sealing((lines, rng) => {
    const task = pick(tasksOf(lines).filter(({ evaluation }) => evaluation), rng);
    const place = rng.integer(task.index + 1);
    nudge(
      task,
      ["evaluation", kind, place],
      (value: number) => value + (rng.uniform() < 0.5 && value > 0 ? -1 : 1),
    );
  });
}

/** Moves right answers of all kinds such that they stay possible. */
const plausibleHits: Edit = sealing((lines, rng) => {
  const scored = tasksOf(lines).filter(({ evaluation, index }) => evaluation && index > 0);
  const task = pick(scored, rng);
  const images = tasksOf(lines).map(({ images }) => images.test);
  const possible = images.slice(0, task.index + 1).flatMap((most, place) => {
    const { classIncremental, taskIncremental, taskInference } = task.evaluation!;
    const [all, own, placed] = [classIncremental[place]!, taskIncremental[place]!, taskInference[place]!];
    return [
      // One more image is given a class of the right task: the wrong one, or the right one.
      ...(placed < most && own + placed + 1 - all <= most ? [{ place, kinds: ["taskInference"] }] : []),
      ...(placed < most && all < own ? [{ place, kinds: ["taskInference", "classIncremental"] }] : []),
    ];
  });
  if (possible.length === 0) return;
  const { place, kinds } = pick(possible, rng);
  for (const kind of kinds) nudge(task, ["evaluation", kind, place], (value: number) => value + 1);
});

function inTask(
  path: readonly string[],
  change: (value: never, rng: Rng) => unknown,
  where = path[0]!,
): Edit {
  return sealing((lines, rng) => {
    const having = tasksOf(lines).filter((task) => where in task);
    if (having.length > 0) nudge(pick(having, rng), path, (value) => change(value, rng));
  });
}

function inCell(path: readonly string[], change: (value: never, rng: Rng) => unknown): Edit {
  return sealing(([start], rng) => nudge(start, ["cell", ...path], (value) => change(value, rng)));
}

const more = (value: number, rng: Rng) => value + 1 + rng.integer(3);
const otherHash = (value: string, rng: Rng) => otherDigit(value, rng.integer(value.length), rng);

/** Edits that leave the hashes as they are: every one of them shows in the text. */
export const plainEdits: Readonly<Record<string, Edit>> = {
  "a digit, anywhere": (file, rng) => {
    const at = pick(places(file.text, /\d/g), rng);
    return { ...file, text: otherDigit(file.text, at, rng) };
  },
  "a digit of a hash": (file, rng) => {
    const [match] = [pick([...file.text.matchAll(/"(?:hash|chain)":"([0-9a-f]{64})"/g)], rng)];
    const at = match.index + match[0].length - 2 - rng.integer(64);
    return { ...file, text: otherDigit(file.text, at, rng) };
  },
  "any character": (file, rng) => {
    const at = rng.integer(file.text.length);
    const other = file.text[at] === "x" ? "y" : "x";
    return { ...file, text: file.text.slice(0, at) + other + file.text.slice(at + 1) };
  },
  "a character left out": (file, rng) => {
    const at = rng.integer(file.text.length);
    return { ...file, text: file.text.slice(0, at) + file.text.slice(at + 1) };
  },
  "a space added": (file, rng) => {
    const at = pick(places(file.text, /[,:{}\n]/g), rng);
    return { ...file, text: `${file.text.slice(0, at)} ${file.text.slice(at)}` };
  },
  "two lines swapped": (file, rng) => {
    const lines = linesOf(file.text);
    const at = rng.integer(lines.length - 1);
    [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
    return withLines(file, lines);
  },
  "a line left out": (file, rng) => {
    const lines = linesOf(file.text);
    lines.splice(rng.integer(lines.length), 1);
    return withLines(file, lines);
  },
  "a line twice": (file, rng) => {
    const lines = linesOf(file.text);
    const at = rng.integer(lines.length);
    lines.splice(at, 0, lines[at]!);
    return withLines(file, lines);
  },
  "cut off": (file, rng) => ({ ...file, text: file.text.slice(0, -1 - rng.integer(file.text.length - 2)) }),
  "the last hash recomputed": (file, rng) => {
    const lines = linesOf(file.text).map((line) => JSON.parse(line) as Line);
    nudge(pick(tasksOf(lines), rng), ["keptBytes", "method"], (value: number) => more(value, rng));
    const texts = lines.map((line) => canonicalJson(line));
    const whole = linesOf(resealed(lines).text);
    return withLines(file, [...texts.slice(0, -1), whole.at(-1)!]);
  },
  "renamed": (file, rng) => ({
    ...file,
    name: otherDigit(file.name, pick(places(file.name, /\d/g), rng), rng),
  }),
};

/** Edits whose maker recomputes all hashes and the file's name, and which still contradict something. */
export const sealedEdits: Readonly<Record<string, Edit>> = {
  "a task left out": sealing((lines, rng) => {
    const index = rng.integer(lines.length - 2);
    lines.splice(1 + index, 1);
    tasksOf(lines).forEach((task, i) => nudge(task, ["index"], () => i));
  }),
  "fewer tasks": sealing((lines) => {
    lines.splice(lines.length - 2, 1);
    nudge(lines[0], ["cell", "tasks"], (tasks: number) => tasks - 1);
  }),
  "another order seed": inCell(["orderSeed"], (value: number, rng) => more(value, rng)),
  "another stream hash": inCell(["streamHash"], otherHash),
  "another data set": inCell(["dataset", "fingerprint"], otherHash),
  "another backbone": inCell(["backbone", "hash"], otherHash),
  "other classes": sealing((lines, rng) => {
    const [a, b] = rng.shuffle([...tasksOf(lines)]);
    const [first, second] = [a!.classes[0]!, b!.classes[0]!];
    nudge(a, ["classes", 0], () => second);
    nudge(b, ["classes", 0], () => first);
  }),
  "other images": inTask(["images", "train"], (value: number, rng) => more(value, rng)),
  "other test images": inTask(["images", "test"], (value: number, rng) => more(value, rng)),
  "an unknown method": inCell(["method"], (name: string) => `${name}2`),
  "an unknown option": inCell(["options"], (options: object) => ({ ...options, extra: 1 })),
  "negative seconds": inTask(["seconds", "train"], (value: number) => -1 - value),
  "scores left out": sealing((lines, rng) => {
    const early = tasksOf(lines).filter(({ evaluation }) => evaluation).slice(0, -1);
    if (early.length > 0) Reflect.deleteProperty(pick(early, rng), "evaluation");
  }),
  "no trained numbers": inTask(["cost", "trainedNumbers"], (value: number) => value > 0 ? 0 : 1),
};

/** Edits whose maker leaves everything plausible: only running the cell again shows them. */
export const plausibleEdits: Readonly<Record<string, Edit>> = {
  "right answers, plausibly": plausibleHits,
  "right answers": hits("classIncremental"),
  "right answers among own classes": hits("taskIncremental"),
  "predictions within the task": hits("taskInference"),
  "other predictions": inTask(["evaluation", "predictionHash"], otherHash),
  "another training seed": inCell(["trainSeed"], (value: number, rng) => more(value, rng)),
  "more epochs": inCell(["settings", "epochs"], (value: number, rng) => more(value, rng)),
  "another learning rate": inCell(["settings", "learningRate"], (value: number) => value * 2),
  "a lower loss": inTask(["training", "lastLoss"], (value: number) => value * 0.9),
  "fewer steps": inTask(["training", "steps"], (value: number) => value + 1),
  "fewer kept bytes": inTask(["keptBytes", "method"], (value: number, rng) => more(value, rng)),
  "other operations": inTask(["cost", "flopPerTestImage"], (value: number, rng) => more(value, rng)),
  "other deployed bytes": inTask(["cost", "deployedBytes"], (value: number, rng) => more(value, rng)),
  "a fact": inTask(["facts"], (facts: object) => ({ ...facts, groups: 1 })),
};
