/**
 * What a study can ask of a run, and how the answers are written.
 *
 * @module
 */
import { InputError, printable } from "../../src/core/mod.ts";
import {
  type AccuracyMatrix,
  type BoardRun,
  familyAgreement,
  familyTransfer,
  type FigureName,
  formatBytes,
  formatCount,
  formatSeconds,
  pairEffects,
  type RunRecord,
} from "../../src/protocol/mod.ts";

/** How a value is written. */
type Unit = "percent" | "points" | "seconds" | "bytes" | "count" | "number" | "index";

/** A figure. */
export interface StudyFigure {
  readonly name: string;
  /** Title of a table. */
  readonly title: string;
  readonly unit: Unit;
  /** Which end of the scale is the good one. */
  readonly better: "more" | "less";
  /** Of one run; `undefined` where it has none. */
  of(run: BoardRun, record: RunRecord): number | undefined;
}

function ofBoard(
  name: string,
  figure: FigureName,
  title: string,
  unit: Unit,
  better: StudyFigure["better"],
): StudyFigure {
  return { name, title, unit, better, of: ({ figures }) => figures[figure] };
}

function ofRecord(
  name: string,
  title: string,
  unit: Unit,
  better: StudyFigure["better"],
  value: (record: RunRecord) => number | undefined,
): StudyFigure {
  return { name, title, unit, better, of: (_, record) => value(record) };
}

/** Seconds of training and of a method's own work, without evaluation. */
function learningSeconds({ tasks }: RunRecord): number {
  return tasks.reduce((sum, { seconds }) => sum + seconds.train + seconds.method, 0);
}

/** Bytes kept in the end over those after half of the tasks, rounded up; `undefined` below four tasks or of no bytes. */
function lateGrowth({ tasks }: RunRecord): number | undefined {
  const middle = tasks[Math.ceil(tasks.length / 2) - 1]?.keptBytes.method;
  return tasks.length < 4 || !middle ? undefined : tasks.at(-1)!.keptBytes.method / middle;
}

/** What a method says of itself in the end, such as its groups. */
function lastFacts({ tasks }: RunRecord) {
  return tasks.at(-1)?.facts;
}

function groupsOf(record: RunRecord): number | undefined {
  const members = lastFacts(record)?.["members"];
  return Array.isArray(members) ? members.length : undefined;
}

/** What tasks were drawn from; see `familyAgreement`. */
function familiesOf({ tasks }: RunRecord) {
  return tasks.map(({ families }) => families);
}

/** R[i][j] among the classes of task j: of the model, whatever classes were added. */
function taskKnown({ tasks }: RunRecord): AccuracyMatrix {
  return tasks.map(({ evaluation }) =>
    evaluation?.taskIncremental.map((hits, j) => hits / tasks[j]!.images.test)
  );
}

/** All of them; `gap-closed` is made of several runs, and is not among them. */
const figures: readonly StudyFigure[] = [
  ofBoard("pooled", "pooled", "Accuracy in the end, %", "percent", "more"),
  ofBoard("mean", "taskMean", "Accuracy in the end, mean over tasks, %", "percent", "more"),
  ofBoard("task-il", "taskIncrementalPooled", "Accuracy in the end, task known, %", "percent", "more"),
  ofBoard("task-found", "taskInference", "Test images sent to the right task, %", "percent", "more"),
  ofBoard("forgetting", "forgetting", "Forgetting, points", "points", "less"),
  ofBoard("plasticity", "plasticity", "Accuracy right after training, %", "percent", "more"),
  ofBoard("seconds", "seconds", "Seconds of a whole run", "seconds", "less"),
  ofBoard("kept", "keptBytes", "Bytes kept between tasks", "bytes", "less"),
  ofBoard("deployed", "deployedBytes", "Bytes at test time beside the backbone", "bytes", "less"),
  ofBoard("flop-train", "flopPerTrainingImage", "FLOP per training image", "count", "less"),
  ofBoard("flop-test", "flopPerTestImage", "FLOP per test image", "count", "less"),
  ofBoard("passes", "passesPerTestImage", "Passes of the backbone per test image", "count", "less"),
  ofRecord("learning-seconds", "Seconds of learning", "seconds", "less", learningSeconds),
  ofRecord(
    "task-seconds",
    "Seconds of learning a task",
    "seconds",
    "less",
    (record) => record.tasks.length === 0 ? undefined : learningSeconds(record) / record.tasks.length,
  ),
  ofRecord(
    "kept-growth",
    "Bytes kept in the end over those after half of the tasks",
    "index",
    "less",
    lateGrowth,
  ),
  ofRecord("groups", "Groups in the end", "number", "less", groupsOf),
  ofRecord(
    "ari",
    "Agreement of groups with families (adjusted Rand index)",
    "index",
    "more",
    (record) => familyAgreement(lastFacts(record)?.["members"], familiesOf(record)),
  ),
  ofRecord(
    "family-transfer",
    "Gain right after training from an earlier task of the family, points",
    "points",
    "more",
    (record) => familyTransfer(taskKnown(record), familiesOf(record)),
  ),
  ofRecord(
    "related",
    "Change of an earlier task while one of its family is learned, points",
    "points",
    "more",
    (record) => pairEffects(taskKnown(record), familiesOf(record))?.related,
  ),
  ofRecord(
    "unrelated",
    "Change of an earlier task while one of another family is learned, points",
    "points",
    "more",
    (record) => pairEffects(taskKnown(record), familiesOf(record))?.unrelated,
  ),
];

/** The figure that is made of three runs: (accuracy − floor) / (bound − floor). */
export const GAP_CLOSED: StudyFigure = {
  name: "gap-closed",
  title: "Gap between floor and bound closed, %",
  unit: "percent",
  better: "more",
  of: () => undefined,
};

/** Names of all figures. */
export const figureNamesOfStudy: readonly string[] = [...figures, GAP_CLOSED].map(({ name }) => name);

/**
 * A figure by its name.
 *
 * @throws {InputError} If there is none of that name
 */
export function figureNamed(name: string): StudyFigure {
  const figure = [...figures, GAP_CLOSED].find((figure) => figure.name === name);
  if (figure) return figure;
  throw new InputError(
    `Cannot make the study: found figure ${printable(name)}, wanted one of ${figureNamesOfStudy.join(", ")}`,
  );
}

function minus(text: string): string {
  return text.replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
}

/** A value without its unit where a table's title says it, with it otherwise. */
function bare(value: number, unit: Unit): string {
  switch (unit) {
    case "percent":
    case "points":
      return minus((100 * value).toFixed(1));
    case "number":
      return minus(value.toFixed(1));
    case "index":
      return minus(value.toFixed(2));
    case "seconds":
      return minus(formatSeconds({ mean: value, n: 1 }));
    case "bytes":
      return formatBytes({ mean: value, n: 1 });
    case "count":
      return formatCount({ mean: value, n: 1 });
  }
}

const suffixes: Readonly<Record<Unit, string>> = {
  percent: " %",
  points: " points",
  seconds: " s",
  bytes: "",
  count: "",
  number: "",
  index: "",
};

/** A mean and its deviation, where there is one and values vary by chance: `25.9 ± 0.2`. */
export function formatMean(
  { mean, deviation }: { readonly mean: number; readonly deviation?: number },
  { unit }: StudyFigure,
): string {
  const spread = deviation === undefined || unit === "bytes" || unit === "count"
    ? ""
    : ` ± ${bare(deviation, unit)}`;
  return `${bare(mean, unit)}${spread}`;
}

/** The same with its unit: `25.9 ± 0.2 %`. */
export function formatMeanWithUnit(
  value: { readonly mean: number; readonly deviation?: number },
  figure: StudyFigure,
): string {
  return `${formatMean(value, figure)}${suffixes[figure.unit]}`;
}

/** A difference of two values of a figure, with its sign: `+1.2`, `−512 KiB`. */
export function formatSigned(value: number, { unit }: StudyFigure): string {
  const size = bare(Math.abs(value), unit);
  return /[1-9]/.test(size) ? `${value < 0 ? "−" : "+"}${size}` : size;
}

/** What stands after a difference of a figure: shares differ by points. */
export function unitOfDifference({ unit }: StudyFigure): string {
  return unit === "percent" ? " points" : suffixes[unit];
}
