import assert from "node:assert/strict";
import { erf } from "./erf.ts";

// Values to 16 digits: Abramowitz and Stegun, table 7.1, and NIST DLMF 7.6.1 for the small ones.
const known: readonly (readonly [x: number, erf: number])[] = [
  [0, 0],
  [1e-10, 1.1283791670955126e-10],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2, 0.9953222650189527],
  [3, 0.9999779095030014],
  [5, 0.9999999999984626],
];

Deno.test("erf() agrees with tables to a few units in the last place", () => {
  for (const [x, wanted] of known) {
    assert.ok(Math.abs(erf(x) - wanted) <= 8 * 2 ** -53 * wanted, `erf(${x}) = ${erf(x)}, wanted ${wanted}`);
  }
});

Deno.test("erf() is odd and ends at 1", () => {
  for (const x of [0.3, 1.7, 4, 5.99, 6.01, 100, Infinity]) {
    assert.equal(erf(-x), -erf(x));
    assert.ok(erf(x) <= 1 + 4 * 2 ** -53);
  }
  assert.equal(erf(6.01), 1);
  assert.ok(Number.isNaN(erf(NaN)));
});

Deno.test("erf() has the derivative 2/√π exp(-x²)", () => {
  for (let x = -5; x <= 5; x += 0.37) {
    const slope = (erf(x + 1e-6) - erf(x - 1e-6)) / 2e-6;
    assert.ok(Math.abs(slope - 2 / Math.sqrt(Math.PI) * Math.exp(-x * x)) < 1e-9, `at ${x}`);
  }
});
