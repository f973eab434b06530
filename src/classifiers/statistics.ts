/**
 * What Gaussian classifiers keep of each class: the mean of its features, and how they scatter around it, for each
 * class or pooled over all. Sums are float64 in sample order, so they do not depend on a backend's reductions. What is
 * kept of a class that comes back is merged with its new images by their numbers, as if all had come at once (Chan,
 * Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { type ClassMeans, classMeans } from "../nn/heads.ts";

/** Names of the tensors. */
export const MEAN = "head.mean";
export const SCATTER = "head.scatter";
export const COUNT = "head.count";

/** Which covariances are kept: none, one pooled over all classes, or one for each class. */
export type CovarianceKind = "none" | "shared" | "class";

/**
 * `head.mean` [classes, width]; `head.count` [classes]: images of each class; `head.scatter`: sums of squares around
 * the class means, [width, width] over all classes or [classes, width, width].
 */
export type Statistics = NamedTensors;

/** Before the first task. */
export function emptyStatistics(classes: number, width: number, covariance: CovarianceKind): Statistics {
  return {
    [MEAN]: hostTensor([classes, width]),
    [COUNT]: hostTensor([classes]),
    ...(covariance === "shared" && { [SCATTER]: hostTensor([width, width]) }),
    ...(covariance === "class" && { [SCATTER]: hostTensor([classes, width, width]) }),
  };
}

/** Classes that have a mean. */
export function knownClasses(statistics: Statistics): number[] {
  return [...statistics[COUNT]!.data.keys()].filter((label) => statistics[COUNT]!.data[label]! > 0);
}

/** Adds the images of a task's classes, as features [count, width]. */
export function withTask(
  statistics: Statistics,
  features: Float32Array,
  labels: ArrayLike<number>,
  classes: readonly number[],
): Statistics {
  const [total, width] = statistics[MEAN]!.shape as [number, number];
  const { means, counts } = classMeans(features, labels, total);
  const { mean, count } = mergedMeans(statistics[MEAN]!, statistics[COUNT]!, { means, counts }, classes);
  const scatter = statistics[SCATTER];
  const apart = gapsOf(statistics, { means, counts }, classes);
  return {
    ...statistics,
    [MEAN]: mean,
    [COUNT]: count,
    ...(scatter && {
      [SCATTER]: hostTensor(
        scatter.shape,
        addScatter(scatter.data, scatter.shape.length === 3, features, labels, means, width, apart),
      ),
    }),
  };
}

/** Means [classes, width] in float64 and numbers of images, as `classMeans` gives them. */
type Found = Pick<ClassMeans, "means" | "counts">;

/**
 * Means [classes, width] and numbers of images [classes] with those of a task: set for new classes, and for those that
 * come back the mean over all images, earlier ones included. A class of the task without images stays.
 */
export function mergedMeans(
  mean: HostTensor,
  count: HostTensor,
  { means, counts }: Found,
  classes: readonly number[],
): { readonly mean: HostTensor; readonly count: HostTensor } {
  const width = mean.shape[1]!;
  const [nextMean, nextCount] = [Float32Array.from(mean.data), Float32Array.from(count.data)];
  for (const label of classes) {
    const [before, fresh] = [count.data[label]!, counts[label]!];
    if (before > 0 && fresh === 0) continue;
    const share = before > 0 ? fresh / (before + fresh) : 1;
    for (let i = label * width; i < (label + 1) * width; i++) {
      nextMean[i] = before > 0 ? mean.data[i]! + share * (means[i]! - mean.data[i]!) : means[i]!;
    }
    nextCount[label] = before + fresh;
  }
  return { mean: hostTensor(mean.shape, nextMean), count: hostTensor(count.shape, nextCount) };
}

/** Of each class that comes back: n m / (n + m) and how far its new mean is from the earlier one. */
function gapsOf(
  statistics: Statistics,
  { means, counts }: Found,
  classes: readonly number[],
): ReadonlyMap<number, { readonly weight: number; readonly gap: Float64Array }> {
  const { shape, data } = statistics[MEAN]!;
  const width = shape[1]!;
  const back = classes.filter((label) => statistics[COUNT]!.data[label]! > 0 && counts[label]! > 0);
  return new Map(back.map((label) => {
    const [before, fresh] = [statistics[COUNT]!.data[label]!, counts[label]!];
    const gap = Float64Array.from(
      { length: width },
      (_, i) => means[label * width + i]! - data[label * width + i]!,
    );
    return [label, { weight: before * fresh / (before + fresh), gap }];
  }));
}

/**
 * Scatter with Σ (f - mean)(f - mean)ᵀ added for each class, in one matrix or in that of the class; for those that come
 * back also what their two means are apart.
 */
function addScatter(
  before: Float32Array,
  byClass: boolean,
  features: Float32Array,
  labels: ArrayLike<number>,
  means: Float64Array,
  width: number,
  apart: ReturnType<typeof gapsOf>,
): Float32Array {
  const sums = Float64Array.from(before);
  const gap = new Float64Array(width);
  for (let sample = 0; sample < labels.length; sample++) {
    const label = labels[sample]!;
    for (let i = 0; i < width; i++) gap[i] = features[sample * width + i]! - means[label * width + i]!;
    const first = byClass ? label * width * width : 0;
    for (let i = 0; i < width; i++) {
      const value = gap[i]!;
      for (let j = 0; j < width; j++) sums[first + i * width + j]! += value * gap[j]!;
    }
  }
  for (const [label, { weight, gap }] of apart) {
    const first = byClass ? label * width * width : 0;
    for (let i = 0; i < width; i++) {
      const value = weight * gap[i]!;
      for (let j = 0; j < width; j++) sums[first + i * width + j]! += value * gap[j]!;
    }
  }
  return Float32Array.from(sums);
}

/** Covariance [width, width] of a class: its own, or the pooled one. Zero where there are too few images. */
export function covarianceOf(statistics: Statistics, label: number): Float64Array {
  const { shape, data } = statistics[SCATTER]!;
  const counts = statistics[COUNT]!.data;
  if (shape.length === 3) {
    const size = shape[1]! * shape[2]!;
    const freedom = Math.max(1, counts[label]! - 1);
    return Float64Array.from(data.subarray(label * size, (label + 1) * size), (value) => value / freedom);
  }
  const images = counts.reduce((total, count) => total + count, 0);
  const freedom = Math.max(1, images - knownClasses(statistics).length);
  return Float64Array.from(data, (value) => value / freedom);
}

/** What a covariance is shrunk towards; see `shrunk`. */
export const shrinkTargets = ["identity", "diagonal"] as const;
/** One of them. */
export type ShrinkTarget = typeof shrinkTargets[number];

/**
 * Shrinks a covariance towards a multiple of the identity, (1 - share) Σ + share · tr Σ / width · I, or towards its own
 * diagonal, (1 - share) Σ + share · diag Σ, which suits features that are put together from parts of different size.
 * A floor keeps it invertible where all images of a class are one.
 */
export function shrunk(
  covariance: Float64Array,
  width: number,
  share: number,
  target: ShrinkTarget = "identity",
): Float64Array {
  let trace = 0;
  for (let i = 0; i < width; i++) trace += covariance[i * width + i]!;
  const result = covariance.map((value) => (1 - share) * value);
  for (let i = 0; i < width; i++) {
    const at = i * width + i;
    result[at]! += share * (target === "identity" ? trace / width : covariance[at]!) + 1e-6;
  }
  return result;
}

/** Bytes of the statistics of `seen` classes, at 32 bits a number. */
export function statisticsBytes(statistics: Statistics, seen: number): number {
  const [, width] = statistics[MEAN]!.shape as [number, number];
  const scatter = statistics[SCATTER]?.shape.length;
  const squares = scatter === 3 ? seen : scatter === 2 ? 1 : 0;
  return 4 * (seen * (width + 1) + squares * width * width);
}
