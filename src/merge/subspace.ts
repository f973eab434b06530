/**
 * Whether two updates write into the same directions, whatever they write there: the similarity of LoRA's section 7.2
 * (Hu et al., arXiv 2106.09685, equation 4). With U^k the first k singular vectors of an update,
 *
 *     φ(ΔW_1, ΔW_2, i, j) = ‖U_1^iᵀ U_2^j‖_F² / min(i, j),
 *
 * the mean squared cosine of the principal angles between the two spans: 1 where one holds the other, 0 where they are
 * orthogonal, and max(i, j) / d on average for random ones in d dimensions. It sees neither lengths nor signs, and every
 * singular direction counts alike. The paper takes the right singular vectors, of A, and says that the left ones, of B,
 * can be used as well.
 *
 * @module
 */
import { leadingTriplets, type Spectrum, uOf, vOf } from "./spectrum.ts";

/** Left singular vectors span what an update writes [out], right ones what it reads [in]. */
export type Side = "left" | "right";

/**
 * φ of the first `k` singular vectors of both, or of as many as an update has; 0 if one of them is zero.
 *
 * @throws {RangeError} If the two are of different sizes
 */
export function subspaceSimilarity(one: Spectrum, other: Spectrum, k: number, side: Side): number {
  const vectors = (spectrum: Spectrum) => (side === "left" ? uOf : vOf)(leadingTriplets(spectrum, k));
  const [x, y] = [vectors(one), vectors(other)];
  if (x.rows !== y.rows) {
    throw new RangeError(`Cannot compare subspaces: found vectors of ${x.rows} and ${y.rows} numbers`);
  }
  const least = Math.min(x.columns, y.columns);
  return least === 0 ? 0 : x.transpose().mmul(y).norm() ** 2 / least;
}
