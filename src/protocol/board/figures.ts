/**
 * The figures of one run, each a pure function of its record.
 *
 * @module
 */
import {
  averagePooledAccuracy,
  averageTaskMeanAccuracy,
  backwardTransfer,
  forgetting,
  plasticity,
  pooledAccuracy,
  taskMeanAccuracy,
} from "./metrics.ts";
import { familyAgreement, familyTransfer, groupOfTasks, pairEffects } from "./families.ts";
import type { Reading } from "./reading.ts";

/** Names of the figures, in the order in which files have them. */
export const figureNames = [
  /** Class-incremental, over all test images, in the end; not in records of the first edition. */
  "pooled",
  /** Class-incremental, mean over tasks, in the end. */
  "taskMean",
  /** Class-incremental, over all test images seen, mean over the stages of the run. */
  "averagePooled",
  /** Class-incremental, mean over the tasks seen, mean over the stages of the run. */
  "averageTaskMean",
  /** Of class-incremental accuracy; see `forgetting` of the metrics. */
  "forgetting",
  /** Of class-incremental accuracy; see `backwardTransfer` of the metrics. */
  "backwardTransfer",
  /** Class-incremental accuracy of each task right after its training. */
  "plasticity",
  /** Among the own classes of each task, over all test images, in the end. */
  "taskIncrementalPooled",
  /** Among the own classes of each task, mean over tasks, in the end. */
  "taskIncrementalTaskMean",
  /** Share of all test images whose predicted class belongs to the right task. */
  "taskInference",
  /** Groups of tasks in the end, of methods that tell which task is in which. */
  "groups",
  /** Adjusted Rand index of these groups and the families of the stream; see `familyAgreement`. */
  "familyAgreement",
  /** Of task-incremental accuracy; see `familyTransfer`. */
  "familyTransfer",
  /** Of task-incremental accuracy: what learning a task did to an earlier one of its family; see `pairEffects`. */
  "relatedChange",
  /** Of task-incremental accuracy: what learning a task took from an earlier one of another family. */
  "interference",
  /** Of a whole run: training, the method's own work, evaluation. */
  "seconds",
  /** Kept by the method after the last task, without the classifier. */
  "keptBytes",
  /** Bytes of the classifier after the last task. */
  "classifierBytes",
  /** Floating-point operations of a training step by its images. */
  "flopPerTrainingImage",
  /** Floating-point operations that score one test image in the end. */
  "flopPerTestImage",
  /** Forward passes of the backbone for one test image in the end. */
  "passesPerTestImage",
  /** Bytes that must be there at test time beside the backbone, in the end. */
  "deployedBytes",
  /** Of the task that trained most. */
  "trainedNumbers",
] as const;

/** Name of a figure. */
export type FigureName = typeof figureNames[number];

/** Figures by name; those that a record does not have are absent. */
export type RunFigures = Readonly<Partial<Record<FigureName, number>>>;

/** The figures of a finished run. */
export function figuresOf(reading: Reading): RunFigures {
  const { counts, classIncremental, taskIncremental, cost, keptBytes, seconds, trainedNumbers } = reading;
  const { families, members } = reading;
  const groups = groupOfTasks(members, families.length);
  const effects = pairEffects(taskIncremental, families);
  const figures: Record<FigureName, number | undefined> = {
    pooled: counts && pooledAccuracy(counts.classIncremental),
    taskMean: taskMeanAccuracy(classIncremental),
    averagePooled: counts && averagePooledAccuracy(counts.classIncremental),
    averageTaskMean: averageTaskMeanAccuracy(classIncremental),
    forgetting: forgetting(classIncremental),
    backwardTransfer: backwardTransfer(classIncremental),
    plasticity: plasticity(classIncremental),
    taskIncrementalPooled: counts && pooledAccuracy(counts.taskIncremental),
    taskIncrementalTaskMean: taskMeanAccuracy(taskIncremental),
    taskInference: counts && pooledAccuracy(counts.taskInference),
    groups: groups && new Set(groups).size,
    familyAgreement: familyAgreement(members, families),
    familyTransfer: familyTransfer(taskIncremental, families),
    relatedChange: effects?.related,
    // No minus sign, which makes −0 of 0.
    interference: effects?.unrelated === undefined ? undefined : 0 - effects.unrelated,
    seconds,
    keptBytes: keptBytes?.method,
    classifierBytes: keptBytes?.classifier,
    flopPerTrainingImage: cost?.flopPerTrainingImage,
    flopPerTestImage: cost?.flopPerTestImage,
    passesPerTestImage: cost?.passesPerTestImage,
    deployedBytes: cost?.deployedBytes,
    trainedNumbers,
  };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)));
}
