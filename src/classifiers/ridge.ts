/**
 * Ridge regression on random ReLU features, the head of RanPAC (McDonnell et al., arXiv 2307.02251) and, as a
 * recursion, of ACIL (Zhuang et al., arXiv 2205.14922). Sums over images are all that is kept, so the order in which
 * classes came does not matter as long as the features stay where they were.
 *
 * @module
 */
import { CholeskyDecomposition, EigenvalueDecomposition, inverse, Matrix } from "ml-matrix";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { matmul, relu } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { freshRows, linearLogits, rowsOf } from "./linear.ts";
import type { Classifier, ClassifierKit, ClassifierState, Scorer, TaskFeatures } from "./classifier.ts";

const PROJECTION = "head.projection";
const GRAM = "head.gram";
const SUMS = "head.sums";
const SOLUTION = "head.solution";
const INVERSE = "head.inverse";

/** Penalties among which the regression chooses: 10^-8 to 10^8. */
export const penalties: readonly number[] = Array.from({ length: 17 }, (_, i) => 10 ** (i - 8));

/** Images on which a penalty is fitted at most: the choice needs no more, and costs the cube of their number. */
const FIT_IMAGES = 400;
/** Images that the recursion takes in at a time. */
const PART_IMAGES = 256;

/** max(f W, 0) with random W [width, features]. */
function expand(feature: Tensor, projection: Tensor): Tensor {
  return relu(matmul(feature, projection));
}

function base(features: number): Pick<Classifier, "trains" | "logits"> & {
  init(classes: number, width: number, rng: Parameters<Classifier["init"]>[2]): NamedTensors;
} {
  return {
    init(classes, width, rng) {
      const projection = hostTensor([width, features]);
      const stream = rng.stream("projection");
      for (let i = 0; i < projection.data.length; i++) projection.data[i] = stream.normal();
      return { ...freshRows(classes, width, rng), [PROJECTION]: projection };
    },
    trains: rowsOf,
    logits: linearLogits,
  };
}

function scorer(state: ClassifierState): Scorer {
  return {
    fixed: { [PROJECTION]: state[PROJECTION]!, [SOLUTION]: state[SOLUTION]! },
    scores: (feature, fixed) => matmul(expand(feature, fixed[PROJECTION]!), fixed[SOLUTION]!),
  };
}

/** The random features of a task's images: [count, features]. */
async function expanded(state: ClassifierState, task: TaskFeatures, kit: ClassifierKit): Promise<HostTensor> {
  const feature = await task.features();
  return await kit.map({
    fixed: { [PROJECTION]: state[PROJECTION]! },
    output: (env) => expand(env.rows()["feature"]!, env.fixed[PROJECTION]!),
  }, { count: feature.shape[0]!, columns: { feature } });
}

function toMatrix({ shape, data }: HostTensor): Matrix {
  return Matrix.from1DArray(shape[0]!, shape[1]!, data);
}

function toTensor(matrix: Matrix): HostTensor {
  return hostTensor([matrix.rows, matrix.columns], Float32Array.from(matrix.to1DArray()));
}

/** One-hot targets [count, classes]. */
function targets(labels: ArrayLike<number>, classes: number): Matrix {
  const result = Matrix.zeros(labels.length, classes);
  for (let row = 0; row < labels.length; row++) result.set(row, labels[row]!, 1);
  return result;
}

/** Below this, the rounding of the sums that are kept at 32 bits would outweigh the penalty. */
export function leastPenalty(gram: Matrix): number {
  return 1e-5 * gram.trace() / gram.rows + 1e-12;
}

/** (G + λ I)⁻¹ S: [features, classes]. */
export function solveRidge(gram: Matrix, sums: Matrix, penalty: number): Matrix {
  return new CholeskyDecomposition(Matrix.add(gram, Matrix.eye(gram.rows).mul(penalty))).solve(sums);
}

/**
 * The penalty of least squared error on every fifth image when fitted on the others, as RanPAC chooses it on the
 * present task. Images are counted class by class: data sets that go round their classes would else hold out whole
 * classes. By the dual form H Hᵀ, whose size is the number of images.
 */
export function choosePenalty(features: Matrix, wanted: Matrix): number {
  const classOf = Array.from({ length: wanted.rows }, (_, row) => wanted.maxRowIndex(row)[1]!);
  const rows = all(features.rows).sort((a, b) => classOf[a]! - classOf[b]!);
  const held = rows.filter((_, i) => i % 5 === 4);
  const fitted = rows.filter((_, i) => i % 5 !== 4);
  if (held.length === 0) return 1;
  // A class without images is answered with 0, and adds no error.
  const present = [...new Set(classOf)];
  const step = Math.max(1, Math.ceil(fitted.length / FIT_IMAGES));
  const some = fitted.filter((_, i) => i % step === 0);
  const [h, y] = [
    features.selection(some, all(features.columns)),
    wanted.selection(some, present),
  ];
  const test = features.selection(held, all(features.columns)).mmul(h.transpose());
  const truth = wanted.selection(held, present);
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(
    h.mmul(h.transpose()),
    { assumeSymmetric: true },
  );
  const left = test.mmul(vectors);
  const right = vectors.transpose().mmul(y);
  let [best, least] = [1, Infinity];
  for (const penalty of penalties) {
    const scales = values.map((value) => 1 / (Math.max(value, 0) + penalty));
    const error = Matrix.sub(left.mmul(right.clone().mulColumnVector(scales)), truth).norm("frobenius");
    if (error < least) [best, least] = [penalty, error];
  }
  return best;
}

function all(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Ridge regression whose penalty is chosen anew on each task. */
export function ridge({ features }: { readonly features: number }): Classifier {
  const { init, ...common } = base(features);
  return {
    kind: "ridge",
    ...common,
    init: (classes, width, rng) => ({
      ...init(classes, width, rng),
      [GRAM]: hostTensor([features, features]),
      [SUMS]: hostTensor([features, classes]),
      [SOLUTION]: hostTensor([features, classes]),
    }),
    async finish(state, task, kit) {
      const h = toMatrix(await expanded(state, task, kit));
      const y = targets(task.labels, kit.classes);
      const gram = toMatrix(state[GRAM]!).add(h.transpose().mmul(h));
      const sums = toMatrix(state[SUMS]!).add(h.transpose().mmul(y));
      return {
        ...state,
        [GRAM]: toTensor(gram),
        [SUMS]: toTensor(sums),
        [SOLUTION]: toTensor(solveRidge(gram, sums, Math.max(choosePenalty(h, y), leastPenalty(gram)))),
      };
    },
    scorer,
    bytes: (state, seen) => 4 * (state[PROJECTION]!.data.length + features * (features + 2 * seen)),
  };
}

/**
 * The same regression at one penalty as recursive least squares: R = (G + λ I)⁻¹ and the solution are brought up to
 * date with each task's images alone, and no sums are kept.
 */
export function recursiveRidge(
  { features, penalty }: { readonly features: number; readonly penalty: number },
): Classifier {
  const { init, ...common } = base(features);
  return {
    kind: "acil",
    ...common,
    init: (classes, width, rng) => ({
      ...init(classes, width, rng),
      [INVERSE]: toTensor(Matrix.eye(features).mul(1 / penalty)),
      [SOLUTION]: hostTensor([features, classes]),
    }),
    async finish(state, task, kit) {
      const h = toMatrix(await expanded(state, task, kit));
      const y = targets(task.labels, kit.classes);
      let [r, w] = [toMatrix(state[INVERSE]!), toMatrix(state[SOLUTION]!)];
      // Part by part, because each costs the cube of its images.
      for (let first = 0; first < h.rows; first += PART_IMAGES) {
        const last = Math.min(h.rows, first + PART_IMAGES) - 1;
        const part = (of: Matrix) => of.subMatrix(first, last, 0, of.columns - 1);
        ({ r, w } = recursion(r, w, part(h), part(y)));
      }
      return { ...state, [INVERSE]: toTensor(r), [SOLUTION]: toTensor(w) };
    },
    scorer,
    bytes: (state, seen) => 4 * (state[PROJECTION]!.data.length + features * (features + seen)),
  };
}

/** R ← R - R Hᵀ (I + H R Hᵀ)⁻¹ H R, then W ← W + R Hᵀ (Y - H W). */
export function recursion(
  r: Matrix,
  w: Matrix,
  h: Matrix,
  y: Matrix,
): { readonly r: Matrix; readonly w: Matrix } {
  const spread = r.mmul(h.transpose());
  const inner = inverse(Matrix.add(Matrix.eye(h.rows), h.mmul(spread)));
  const next = Matrix.sub(r, spread.mmul(inner).mmul(spread.transpose()));
  return { r: next, w: Matrix.add(w, next.mmul(h.transpose()).mmul(Matrix.sub(y, h.mmul(w)))) };
}
