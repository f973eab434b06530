/**
 * Orthogonal projection-based continual merging, OPCM (Tang et al., arXiv 2501.09522): a new update is cleaned of what
 * lies along the directions of the merged one, added to it, and the whole is brought back to the mean length of the
 * updates seen so far.
 *
 * There are two forms. The dense one holds τ [out, in]. The other holds its singular triplets and only ever decomposes
 * matrices as large as the ranks: with U and V of the merged update, UᵀΔV comes from the factors of Δ, and the sum has
 * the stacked factors [U, B] and [V; A]. Both are exact, so they agree up to rounding.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import {
  below,
  besides,
  denseSpectrum,
  type Factors,
  factorsOfSpectrum,
  type Spectrum,
  spectrumOf,
  toArray,
  toMatrix,
  uOf,
  vOf,
} from "./spectrum.ts";

/** A merged update: a matrix, or its triplets. A state value. */
export type MergedUpdate =
  | { readonly dense: Float64Array; readonly outputs: number; readonly inputs: number }
  | Spectrum;

/** In which form updates are merged. */
export type MergeSpace = "core" | "dense";

/** What was merged, and how: all that the next step needs. A state value. */
export type OpcmState = {
  readonly sites: { readonly [site: string]: MergedUpdate };
  /** By how much the last sum was longer than the mean update (λ). */
  readonly stretch: number;
  /** Mean Frobenius norm, over all sites together, of the updates. */
  readonly meanNorm: number;
  /** Updates merged. */
  readonly count: number;
};

/** Which directions of the merged update are protected. */
export interface Protection {
  /** Share α of the sum of all singular values. */
  readonly share: number;
  /** Whether the value at which the sum of the leading ones passes the share is protected, too. */
  readonly boundary: "open" | "protected";
}

/** How many leading singular values are protected. */
export function protectedCount(s: ArrayLike<number>, { share, boundary }: Protection): number {
  const values = Array.from(s);
  const total = values.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  const first = values.findIndex((value) => (sum += value) / total > share);
  if (first < 0) return values.length;
  return boundary === "open" ? first : first + 1;
}

/** What is taken from P = UᵀΔV: its diagonal and its leading block, one row and column per protected value. */
export function removedPart(projected: Matrix, count: number): Matrix {
  const removed = Matrix.zeros(projected.rows, projected.columns);
  for (let i = 0; i < projected.rows; i++) {
    for (let j = 0; j < projected.columns; j++) {
      if (i === j || (i < count && j < count)) removed.set(i, j, projected.get(i, j));
    }
  }
  return removed;
}

/** Merges the next update into a state; `undefined` is the state before the first. */
export function opcmStep(
  state: OpcmState | undefined,
  update: Readonly<Record<string, Factors>>,
  { space, ...protection }: Protection & { readonly space: MergeSpace },
): OpcmState {
  const sites = Object.keys(update);
  const norm = Math.sqrt(sites.reduce((total, site) => total + squares(wrap(update[site]!, space)), 0));
  if (!state) {
    const first = sites.map((site) => [site, wrap(update[site]!, space)] as const);
    return { sites: Object.fromEntries(first), stretch: 1, meanNorm: norm, count: 1 };
  }
  const count = state.count + 1;
  const meanNorm = (state.meanNorm * state.count + norm) / count;
  const sums = sites.map((site) => {
    const merged = state.sites[site]!;
    const next = "dense" in merged
      ? denseStep(merged, state.stretch, update[site]!, protection)
      : coreStep(merged, state.stretch, update[site]!, protection);
    return [site, next] as const;
  });
  const length = Math.sqrt(sums.reduce((total, [, sum]) => total + squares(sum), 0));
  const factor = length > 0 ? meanNorm / length : 0;
  return {
    sites: Object.fromEntries(sums.map(([site, sum]) => [site, times(sum, factor)])),
    stretch: meanNorm > 0 ? length / meanNorm : 1,
    meanNorm,
    count,
  };
}

/** λ τ + Δ', by triplets. */
function coreStep(
  merged: Spectrum,
  stretch: number,
  { left, right }: Factors,
  protection: Protection,
): Spectrum {
  if (merged.s.length === 0) return spectrumOf({ left, right });
  const [u, v] = [uOf(merged), vOf(merged)];
  const projected = u.transpose().mmul(left).mmul(right.mmul(v));
  const middle = Matrix.diag([...merged.s].map((value) => stretch * value))
    .sub(removedPart(projected, protectedCount(merged.s, protection)));
  return spectrumOf({
    left: besides([u.mmul(middle), left]),
    right: below([v.transpose(), right]),
  });
}

/** λ τ + Δ', by matrices. */
function denseStep(
  merged: MergedUpdate & { readonly dense: Float64Array },
  stretch: number,
  { left, right }: Factors,
  protection: Protection,
): MergedUpdate {
  const { outputs, inputs } = merged;
  const tau = toMatrix(merged.dense, outputs, inputs);
  const delta = left.mmul(right);
  const { s, ...spectrum } = denseSpectrum(tau);
  const sum = Matrix.mul(tau, stretch).add(delta);
  if (s.length > 0) {
    const [u, v] = [uOf({ s, ...spectrum }), vOf({ s, ...spectrum })];
    const removed = removedPart(u.transpose().mmul(delta).mmul(v), protectedCount(s, protection));
    sum.sub(u.mmul(removed).mmul(v.transpose()));
  }
  return { dense: toArray(sum), outputs, inputs };
}

function wrap(factors: Factors, space: MergeSpace): MergedUpdate {
  if (space === "core") return spectrumOf(factors);
  const { left, right } = factors;
  return { dense: toArray(left.mmul(right)), outputs: left.rows, inputs: right.columns };
}

function squares(update: MergedUpdate): number {
  const values = "dense" in update ? update.dense : update.s;
  return values.reduce((total, value) => total + value * value, 0);
}

function times(update: MergedUpdate, factor: number): MergedUpdate {
  return "dense" in update
    ? { ...update, dense: update.dense.map((value) => value * factor) }
    : { ...update, s: update.s.map((value) => value * factor) };
}

/** Factors of a merged update. */
export function mergedFactors(update: MergedUpdate): Factors {
  return factorsOfSpectrum(
    "dense" in update ? denseSpectrum(toMatrix(update.dense, update.outputs, update.inputs)) : update,
  );
}
