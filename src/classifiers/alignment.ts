/**
 * Gaussian classifier alignment (SLCA, Zhang et al., arXiv 2303.05118): every class seen is remembered as a Gaussian
 * of its features. After a task, features are drawn from all of them and the linear classifier is trained on the
 * draws, so that classes which never met in one task's loss are told apart.
 *
 * @module
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Rng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { add, div, matmul, mul, sqrt, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { HEAD_WEIGHT } from "../nn/classifier.ts";
import { cosineHead } from "../nn/heads.ts";
import { maskedLoss } from "../nn/losses.ts";
import type { Named, Table } from "../train/table.ts";
import type { Classifier, ClassifierKit } from "./classifier.ts";
import { type DriftKind, transported } from "./drift.ts";
import { freshRows, headOf, linearLogits, linearScorer, rowsOf, widthOf } from "./linear.ts";
import {
  covarianceOf,
  emptyStatistics,
  knownClasses,
  MEAN,
  shrunk,
  type Statistics,
  statisticsBytes,
  withTask,
} from "./statistics.ts";

/** Its options. */
export interface AlignmentOptions {
  /** Whether each class has a covariance of its own, or all have one. */
  readonly covariance: "class" | "shared";
  /** Where earlier statistics go when the features move. */
  readonly drift: DriftKind;
  /** Features drawn of each class. */
  readonly samples: number;
  /** Passes over the draws. */
  readonly epochs: number;
  /** Present if logits are this times a cosine; otherwise they are inner products. */
  readonly cosine?: number;
  /**
   * Present if logits are divided by the mean over tasks of the length of the task's logits, and by this temperature
   * (SLCA): only directions are trained then.
   */
  readonly logitNorm?: number;
  /** How much nearer to 0 the oldest means are taken than the newest, 0 by default; 0.1 in SLCA. */
  readonly fading?: number;
}

/** Place in the order of tasks of each class [classes], from 1; 0 for those not seen. */
export const TASK = "head.task";

/** A little of the identity, so that classes of few images have a covariance that can be drawn from. */
const SHRINKAGE = 0.05;

/** Features of every known class, drawn from its Gaussian, with their labels: [classes · samples, width]. */
export function drawFeatures(statistics: Statistics, samples: number, rng: Rng, fading = 0): Table {
  const tasks = statistics[TASK]?.data;
  const newest = tasks ? Math.max(...tasks) : 1;
  const known = knownClasses(statistics);
  const width = statistics[MEAN]!.shape[1]!;
  const feature = hostTensor([known.length * samples, width]);
  const labels = new Int32Array(known.length * samples);
  const isShared = statistics["head.scatter"]!.shape.length === 2;
  let root: Matrix | undefined;
  for (const [place, label] of known.entries()) {
    if (!root || !isShared) root = rootOf(covarianceOf(statistics, label), width);
    const mean = statistics[MEAN]!.data.subarray(label * width, (label + 1) * width);
    const noise = new Matrix(samples, width);
    for (let row = 0; row < samples; row++) {
      for (let i = 0; i < width; i++) noise.set(row, i, rng.normal());
    }
    const factor = tasks ? 1 - fading * (1 - tasks[label]! / newest) : 1;
    const drawn = noise.mmul(root.transpose()).addRowVector(Array.from(mean, (value) => factor * value));
    feature.data.set(drawn.to1DArray(), place * samples * width);
    labels.fill(label, place * samples, (place + 1) * samples);
  }
  return { count: labels.length, columns: { feature, label: labels } };
}

function rootOf(covariance: Float64Array, width: number): Matrix {
  const square = Matrix.from1DArray(width, width, shrunk(covariance, width, SHRINKAGE));
  return new CholeskyDecomposition(square).lowerTriangularMatrix;
}

/** Linear rows, aligned after every task. */
export function alignment(options: AlignmentOptions): Classifier {
  const { covariance, drift, samples, cosine, logitNorm, fading } = options;
  const isOrdered = logitNorm !== undefined || fading !== undefined;
  return {
    kind: "alignment",
    keepsRows: true,
    rowsAnswer: true,
    init: (classes, width, rng) => ({
      ...freshRows(classes, width, rng),
      ...emptyStatistics(classes, width, covariance),
      ...(isOrdered && { [TASK]: hostTensor([classes]) }),
    }),
    trains: rowsOf,
    logits: logitsOf(cosine),
    async finish(state, task, kit) {
      const features = await task.features();
      const earlier = drift === "none" || knownClasses(state).length === 0
        ? state
        : transported(state, drift, await task.earlier(), features);
      const known = withTask(earlier, features.data, task.labels, task.classes);
      const statistics = isOrdered ? ordered(known, task.classes) : known;
      const table = drawFeatures(statistics, samples, kit.rng(`alignment/${task.index}`), fading);
      return { ...statistics, ...await align(task.trained, statistics, table, options, kit) };
    },
    scorer: (state) => linearScorer({ kind: cosine === undefined ? "linear" : "cosine", ...headOf(state) }),
    bytes: (state, seen) =>
      4 * seen * (widthOf(state) + 1) + statisticsBytes(state, seen) + (isOrdered ? 4 * seen : 0),
  };
}

function logitsOf(cosine: number | undefined): Classifier["logits"] {
  return cosine === undefined
    ? linearLogits
    : (feature, trained) => cosineHead(feature, trained[HEAD_WEIGHT]!, cosine);
}

/** Notes that some classes came last. */
function ordered(statistics: Statistics, classes: readonly number[]): Statistics {
  const tasks = Float32Array.from(statistics[TASK]!.data);
  const place = Math.max(...tasks) + 1;
  for (const label of classes) tasks[label] = place;
  return { ...statistics, [TASK]: hostTensor([tasks.length], tasks) };
}

/**
 * Which classes came together: [classes, classes] with a row for each task, at the number of its first class, and the
 * share of each row [classes] in a mean over tasks.
 */
export function taskGroups(
  tasks: ArrayLike<number>,
): { readonly groups: HostTensor; readonly shares: HostTensor } {
  const classes = tasks.length;
  const groups = hostTensor([classes, classes]);
  const shares = hostTensor([classes]);
  const firsts = new Map<number, number>();
  for (let label = 0; label < classes; label++) {
    const task = tasks[label]!;
    if (task === 0) continue;
    const first = firsts.get(task) ?? label;
    firsts.set(task, first);
    groups.data[first * classes + label] = 1;
  }
  for (const first of firsts.values()) shares.data[first] = 1 / firsts.size;
  return { groups, shares };
}

/** Logits divided by the mean over tasks of the length of the task's logits, and by a temperature. */
export function normalised(logits: Tensor, { groups, shares }: Named, temperature: number): Tensor {
  const lengths = sqrt(add(matmul(mul(logits, logits), groups!, { transposeB: true }), 1e-14));
  const mean = sum(mul(lengths, shares!), { axes: [1], keepDims: true });
  return div(logits, mul(mean, temperature));
}

async function align(
  start: NamedTensors,
  statistics: Statistics,
  table: Table,
  { epochs, cosine, logitNorm }: AlignmentOptions,
  kit: ClassifierKit,
) {
  const mask = hostTensor([kit.classes]);
  for (const label of knownClasses(statistics)) mask.data[label] = 1;
  const { values } = await kit.fit({
    purpose: "alignment",
    start: rowsOf(start),
    fixed: { mask, ...(logitNorm !== undefined && taskGroups(statistics[TASK]!.data)) },
    tables: { main: table },
    epochs,
    loss(trained, env) {
      const { feature, label, weights } = env.rows();
      const plain = logitsOf(cosine)(feature!, trained);
      const logits = logitNorm === undefined ? plain : normalised(plain, env.fixed, logitNorm);
      return maskedLoss(logits, label!, env.fixed["mask"]!, weights);
    },
  });
  return rowsOf(values);
}
