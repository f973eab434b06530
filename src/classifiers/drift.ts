/**
 * Drift maps: where the statistics of earlier classes go when an adapter moves the features under them. The only
 * evidence is the present task's images, seen by the model deployed before the task and by the one after it.
 *
 * - `mean-shift` (semantic drift compensation, Yu et al., arXiv 2004.00440, as SSIAT uses it): a mean moves by the
 *   average shift of the images, weighted by exp(-|f_old - μ|² / 2σ²). Published σ (0.3, 4) belong to one scale of
 *   features; here σ is 0.2 of the root mean square of |f_old - μ|, which is near SSIAT's at its scale.
 * - `identity-ridge`: W minimises Σ |W f_old - f_new|² + λ |W - I|²; μ ← W μ, Σ ← W Σ Wᵀ. λ is 0.02 of the mean
 *   eigenvalue of Σ f_old f_oldᵀ: the published 10 to 100, at the scale of a ViT-B's features and tasks.
 *
 * @module
 */
import { Matrix, solve } from "ml-matrix";
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import { knownClasses, MEAN, SCATTER, type Statistics } from "./statistics.ts";

/** Names of the maps. */
export const driftKinds = ["none", "mean-shift", "identity-ridge"] as const;
/** Name of a map. */
export type DriftKind = typeof driftKinds[number];

/** σ of the mean shift, in units of the images' distance from the mean. */
export const SHIFT_WIDTH = 0.2;
/** λ of the ridge, in units of the mean eigenvalue. */
export const RIDGE_SHARE = 0.02;

/**
 * The statistics of known classes under the present model.
 *
 * @param before Features [count, width] of the present images under the model that the statistics belong to
 * @param after Of the same images under the present model
 */
export function transported(
  statistics: Statistics,
  kind: Exclude<DriftKind, "none">,
  before: HostTensor,
  after: HostTensor,
): Statistics {
  return kind === "mean-shift" ? shifted(statistics, before, after) : mapped(statistics, before, after);
}

/** The shift of one mean. */
export function meanShift(mean: ArrayLike<number>, before: HostTensor, after: HostTensor): Float64Array {
  const [count, width] = before.shape as [number, number];
  const distances = Float64Array.from({ length: count }, (_, row) => {
    let total = 0;
    for (let i = 0; i < width; i++) total += (before.data[row * width + i]! - mean[i]!) ** 2;
    return total;
  });
  const scale = 2 * SHIFT_WIDTH ** 2 * distances.reduce((total, value) => total + value, 0) / count;
  // The nearest image has weight 1, however far away all of them are.
  const nearest = distances.reduce((least, value) => Math.min(least, value), Infinity);
  const weights = distances.map((value) => scale > 0 ? Math.exp((nearest - value) / scale) : 1);
  const whole = weights.reduce((total, value) => total + value, 0);
  const shift = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < width; i++) {
      shift[i]! += weights[row]! / whole * (after.data[row * width + i]! - before.data[row * width + i]!);
    }
  }
  return shift;
}

function shifted(statistics: Statistics, before: HostTensor, after: HostTensor): Statistics {
  const { shape, data } = statistics[MEAN]!;
  const width = shape[1]!;
  const mean = Float32Array.from(data);
  for (const label of knownClasses(statistics)) {
    const own = data.subarray(label * width, (label + 1) * width);
    const shift = meanShift(own, before, after);
    for (let i = 0; i < width; i++) mean[label * width + i] = own[i]! + shift[i]!;
  }
  return { ...statistics, [MEAN]: hostTensor(shape, mean) };
}

/** A map W of features, as it acts on statistics. */
interface FeatureMap {
  /** Rows μ [count, width] as W μ. */
  means(rows: Matrix): Matrix;
  /** W Σ Wᵀ of Σ [width, width]. */
  scatter(square: Matrix): Matrix;
}

/** λ of the ridge. */
function penaltyOf(squares: number, width: number): number {
  return RIDGE_SHARE * squares / width || 1;
}

/** The map W [width, width] of the ridge. */
export function identityRidge(before: HostTensor, after: HostTensor): Matrix {
  const [count, width] = before.shape as [number, number];
  const old = Matrix.from1DArray(count, width, before.data);
  const now = Matrix.from1DArray(count, width, after.data);
  const gram = old.transpose().mmul(old);
  const anchor = Matrix.eye(width).mul(penaltyOf(gram.trace(), width));
  // W (G + λ I) = Σ f_new f_oldᵀ + λ I, and G is symmetric.
  return solve(gram.add(anchor), old.transpose().mmul(now).add(anchor)).transpose();
}

function dense(map: Matrix): FeatureMap {
  return {
    means: (rows) => rows.mmul(map.transpose()),
    scatter: (square) => map.mmul(square).mmul(map.transpose()),
  };
}

/**
 * The same map where images are fewer than features: W = I + Δᵀ P with Δ = f_new - f_old and P = (K + λ I)⁻¹ f_old, for
 * the kernel K = f_old f_oldᵀ [count, count]. It is never written out, and costs count · width² in place of width³.
 */
export function factoredRidge(before: HostTensor, after: HostTensor): FeatureMap {
  const [count, width] = before.shape as [number, number];
  const old = Matrix.from1DArray(count, width, before.data);
  const shift = Matrix.from1DArray(count, width, after.data).sub(old);
  const kernel = old.mmul(old.transpose());
  const anchor = Matrix.eye(count).mul(penaltyOf(kernel.trace(), width));
  const reading = solve(kernel.add(anchor), old);
  const across = shift.transpose();
  return {
    means: (rows) => rows.mmul(reading.transpose()).mmul(shift).add(rows),
    scatter(square) {
      const half = across.mmul(reading.mmul(square)).add(square);
      return half.mmul(reading.transpose()).mmul(shift).add(half);
    },
  };
}

/** The map of the ridge, by the cheaper of two ways. */
function ridge(before: HostTensor, after: HostTensor): FeatureMap {
  const [count, width] = before.shape as [number, number];
  return count < width ? factoredRidge(before, after) : dense(identityRidge(before, after));
}

function mapped(statistics: Statistics, before: HostTensor, after: HostTensor): Statistics {
  const { shape: [classes, width], data } = statistics[MEAN]!;
  const map = ridge(before, after);
  const mean = map.means(Matrix.from1DArray(classes!, width!, data));
  const scatter = statistics[SCATTER];
  return {
    ...statistics,
    [MEAN]: hostTensor([classes!, width!], Float32Array.from(mean.to1DArray())),
    ...(scatter && { [SCATTER]: hostTensor(scatter.shape, mappedScatter(scatter, map)) }),
  };
}

function mappedScatter({ shape, data }: HostTensor, map: FeatureMap): Float32Array {
  const width = shape.at(-1)!;
  const result = new Float32Array(data.length);
  for (let first = 0; first < data.length; first += width * width) {
    const square = Matrix.from1DArray(width, width, data.subarray(first, first + width * width));
    result.set(map.scatter(square).to1DArray(), first);
  }
  return result;
}
