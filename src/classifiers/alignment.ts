/**
 * Gaussian classifier alignment (SLCA, Zhang et al., arXiv 2303.05118): every class seen is remembered as a Gaussian
 * of its features. After a task, features are drawn from all of them and the linear classifier is trained on the
 * draws, so that classes which never met in one task's loss are told apart.
 *
 * @module
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Rng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { maskedLoss } from "../nn/losses.ts";
import type { Table } from "../train/table.ts";
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
}

/** A little of the identity, so that classes of few images have a covariance that can be drawn from. */
const SHRINKAGE = 0.05;

/** Features of every known class, drawn from its Gaussian, with their labels: [classes · samples, width]. */
export function drawFeatures(statistics: Statistics, samples: number, rng: Rng): Table {
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
    const drawn = noise.mmul(root.transpose()).addRowVector([...mean]);
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
export function alignment({ covariance, drift, samples, epochs }: AlignmentOptions): Classifier {
  return {
    kind: "alignment",
    init: (classes, width, rng) => ({
      ...freshRows(classes, width, rng),
      ...emptyStatistics(classes, width, covariance),
    }),
    trains: rowsOf,
    logits: linearLogits,
    async finish(state, task, kit) {
      const features = await task.features();
      const earlier = drift === "none" || knownClasses(state).length === 0
        ? state
        : transported(state, drift, await task.earlier(), features);
      const statistics = withTask(earlier, features.data, task.labels, task.classes);
      const table = drawFeatures(statistics, samples, kit.rng(`alignment/${task.index}`));
      return { ...statistics, ...await align(task.trained, statistics, table, epochs, kit) };
    },
    scorer: (state) => linearScorer({ kind: "linear", ...headOf(state) }),
    bytes: (state, seen) => 4 * seen * (widthOf(state) + 1) + statisticsBytes(state, seen),
  };
}

async function align(
  start: Readonly<Parameters<Classifier["trains"]>[0]>,
  statistics: Statistics,
  table: Table,
  epochs: number,
  kit: ClassifierKit,
) {
  const mask = hostTensor([kit.classes]);
  for (const label of knownClasses(statistics)) mask.data[label] = 1;
  const { values } = await kit.fit({
    purpose: "alignment",
    start: rowsOf(start),
    fixed: { mask },
    tables: { main: table },
    epochs,
    loss(trained, env) {
      const { feature, label, weights } = env.rows();
      return maskedLoss(linearLogits(feature!, trained), label!, env.fixed["mask"]!, weights);
    },
  });
  return rowsOf(values);
}
