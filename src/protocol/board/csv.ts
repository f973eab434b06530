/**
 * Renders comparisons to CSV: one line per section, method and T, with everything that tells sections apart.
 *
 * @module
 */
import { stringify } from "csv-stringify/sync";
import { canonicalJson } from "../../core/json.ts";
import type { Board, BoardEntry, BoardSection, Estimate } from "./board.ts";
import { type FigureName, figureNames } from "./figures.ts";

/** Columns of figures by name, in order. */
const figures: Readonly<Record<FigureName, string>> = {
  pooled: "accuracy_pooled",
  taskMean: "accuracy_task_mean",
  averagePooled: "average_pooled",
  averageTaskMean: "average_task_mean",
  forgetting: "forgetting",
  backwardTransfer: "backward_transfer",
  plasticity: "plasticity",
  taskIncrementalPooled: "task_incremental_pooled",
  taskIncrementalTaskMean: "task_incremental_task_mean",
  taskInference: "task_inference",
  groups: "groups",
  familyAgreement: "family_agreement",
  familyTransfer: "family_transfer",
  relatedChange: "related_change",
  interference: "interference",
  seconds: "seconds",
  keptBytes: "kept_bytes",
  classifierBytes: "classifier_bytes",
  flopPerTrainingImage: "flop_per_training_image",
  flopPerTestImage: "flop_per_test_image",
  passesPerTestImage: "passes_per_test_image",
  deployedBytes: "deployed_bytes",
  trainedNumbers: "trained_numbers",
};

const sectionColumns = [
  "edition",
  "dataset",
  "dataset_fingerprint",
  "backbone",
  "backbone_hash",
  "backend",
  "settings",
  "stream",
  "first_task",
  "classes_per_task",
  "task_sizes",
  "class_order",
  "evaluate",
  "overlap",
];

function sectionValues({ fixed, overlap }: BoardSection) {
  const { edition, dataset, backbone, backend, settings } = fixed;
  const { stream, firstTask, classesPerTask, taskSizes, classOrder, evaluate } = fixed;
  return [
    edition,
    dataset.name,
    dataset.fingerprint,
    backbone.id,
    backbone.hash,
    backend,
    canonicalJson(settings),
    stream,
    firstTask,
    classesPerTask,
    taskSizes?.join(" "),
    classOrder,
    evaluate,
    overlap && canonicalJson(overlap.map((seen) => ({ ...seen }))),
  ];
}

function entryValues({ methods }: BoardSection, entry: BoardEntry) {
  const method = methods.find(({ label }) => label === entry.method)!;
  return [
    entry.method,
    method.class,
    method.family,
    entry.tasks,
    entry.runs.length,
    ...figureNames.flatMap((name) => estimateValues(entry.figures[name])),
    ...estimateValues(entry.gapClosed),
    entry.failed.join(" "),
    entry.missing.join(" "),
  ];
}

function estimateValues(estimate: Estimate | undefined) {
  return [estimate?.mean, estimate?.deviation, ...estimate?.interval ?? [undefined, undefined]];
}

/** Text of a record, which may be anything, without meaning for spreadsheets. */
function inert(text: string): string {
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

/** The whole leaderboard as CSV. */
export function renderCsv({ sections }: Board): string {
  const columns = [
    ...sectionColumns,
    "method",
    "class",
    "family",
    "tasks",
    "n",
    ...[...figureNames.map((name) => figures[name]), "gap_closed"].flatMap((name) =>
      ["mean", "deviation", "low", "high"].map((part) => `${name}_${part}`)
    ),
    "failed_seeds",
    "missing_seeds",
  ];
  const rows = sections.flatMap((section) =>
    section.entries.map((entry) => [...sectionValues(section), ...entryValues(section, entry)])
  );
  return stringify([columns, ...rows], { cast: { string: inert } });
}
