/**
 * Two one-sided tests (Schuirmann, 1987): whether a mean difference lies within a margin. That a difference was not found
 * is no sign that there is none; this is.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { studentBelow } from "./distributions.ts";

/** Far below one image in a million. */
const ROUNDING = 1e-12;

/** p of "the mean difference is as large as the margin, or larger", by paired t tests; 1 of fewer than two pairs. */
export function equivalenceP(differences: readonly number[], margin: number): number {
  const n = differences.length;
  if (n < 2) return 1;
  const values = [...differences];
  const distance = margin - Math.abs(mean(values));
  const error = sampleStandardDeviation(values) / Math.sqrt(n);
  // Equal differences differ by what floating point makes of them.
  if (error < ROUNDING) return distance > ROUNDING ? 0 : 1;
  return studentBelow(-distance / error, n - 1);
}
