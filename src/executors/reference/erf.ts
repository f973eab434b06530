/**
 * The error function in double precision.
 *
 * @module
 */

/**
 * erf(x) = 2/√π e^{-x²} Σ_n 2^n x^{2n+1} / (2n+1)!!  (NIST DLMF 7.6.2). All terms have the sign of x, so nothing
 * cancels and the sum is accurate to a few units in the last place. Beyond 6 the result rounds to ±1.
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= 2 * x * x / (2 * n + 1);
    total += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * total;
}
