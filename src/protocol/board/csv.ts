/**
 * Renders comparisons to CSV: one line per section, method and T, with everything that tells sections apart.
 *
 * @module
 */
import { stringify } from "csv-stringify/sync";
import { canonicalJson } from "../../core/json.ts";
import type { BoardCell, BoardSection, Figures } from "./comparison.ts";

/** Columns of figures by name, in order. */
const figures: Readonly<Record<keyof Figures, string>> = {
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
  seconds: "seconds",
  keptBytes: "kept_bytes",
  classifierBytes: "classifier_bytes",
  flopPerTrainingImage: "flop_per_training_image",
  flopPerTestImage: "flop_per_test_image",
  passesPerTestImage: "passes_per_test_image",
  deployedBytes: "deployed_bytes",
  trainedNumbers: "trained_numbers",
};

const figureKeys = Object.keys(figures) as (keyof Figures)[];

const sectionColumns = [
  "edition",
  "dataset",
  "dataset_fingerprint",
  "backbone",
  "backbone_hash",
  "backend",
  "settings",
  "first_task",
  "classes_per_task",
  "task_sizes",
  "class_order",
  "evaluate",
];

function sectionValues({ cell }: BoardSection) {
  const { edition, dataset, backbone, backend, settings } = cell;
  const { firstTask, classesPerTask, taskSizes, classOrder, evaluate } = cell;
  return [
    edition,
    dataset.name,
    dataset.fingerprint,
    backbone.id,
    backbone.hash,
    backend,
    canonicalJson(settings),
    firstTask,
    classesPerTask,
    taskSizes?.join(" "),
    classOrder,
    evaluate,
  ];
}

function cellValues(cell: BoardCell) {
  return [
    cell.method,
    cell.tasks,
    cell.accuracyBySeed.size,
    ...figureKeys.flatMap((key) => [cell[key]?.mean, cell[key]?.deviation]),
    cell.failed.join(" "),
    cell.missing.join(" "),
  ];
}

/** The whole leaderboard as CSV. */
export function renderCsv(sections: readonly BoardSection[]): string {
  const columns = [
    ...sectionColumns,
    "method",
    "tasks",
    "n",
    ...figureKeys.flatMap((key) => [`${figures[key]}_mean`, `${figures[key]}_deviation`]),
    "failed_seeds",
    "missing_seeds",
  ];
  const rows = sections.flatMap((section) =>
    section.cells.map((cell) => [...sectionValues(section), ...cellValues(cell)])
  );
  return stringify([columns, ...rows]);
}
