import assert from "node:assert/strict";
import { SingularValueDecomposition } from "ml-matrix";
import { createRng } from "../core/rng.ts";
import { product, rankOf } from "./delta.ts";
import { factorise } from "./factorise.ts";
import { norm } from "./test_adapters.ts";

const ROWS = 60;
const COLUMNS = 44;

function difference(values: ArrayLike<number>, rank: number): number {
  const pair = factorise(values, ROWS, COLUMNS, rank);
  assert.equal(rankOf(pair), rank);
  return norm(product(pair).map((value, i) => value - values[i]!));
}

/** A random matrix of rank `rank`, most of whose entries may be pruned away. */
function matrix(rank: number, keep = 1): Float64Array {
  const rng = createRng(3, `factorise ${rank}`);
  const draw = (size: number) => Array.from({ length: size }, () => rng.normal());
  const [b, a] = [draw(ROWS * rank), draw(rank * COLUMNS)];
  const values = Float64Array.from({ length: ROWS * COLUMNS }, (_, k) => {
    const [o, i] = [Math.floor(k / COLUMNS), k % COLUMNS];
    let total = 0;
    for (let r = 0; r < rank; r++) total += b[o * rank + r]! * a[r * COLUMNS + i]!;
    return total;
  });
  const least = [...values].map(Math.abs).sort((x, y) => y - x)[Math.round(keep * values.length) - 1]!;
  return values.map((value) => Math.abs(value) >= least ? value : 0);
}

Deno.test("factorise() is exact up to rounding for a matrix within the rank", () => {
  for (const rank of [1, 4, 6]) {
    const values = matrix(rank);
    assert.ok(difference(values, 6) / norm(values) < 1e-6);
  }
  assert.equal(difference(new Float64Array(ROWS * COLUMNS), 6), 0);
});

Deno.test("factorise() loses at most 1 % more than the best fit, on pruned products and on noise", () => {
  for (const [values, what] of [[matrix(4, 0.2), "pruned product"], [matrix(60), "noise"]] as const) {
    const rows = Array.from({ length: ROWS }, (_, o) => [...values.slice(o * COLUMNS, (o + 1) * COLUMNS)]);
    const best = norm(new SingularValueDecomposition(rows).diagonal.slice(6));
    const lost = difference(values, 6);
    assert.ok(lost / best < 1.01, `${what}: lost ${lost}, best ${best}`);
    assert.ok(lost / best > 1 - 1e-6);
  }
});

Deno.test("factorise() gives equal factors for equal matrices", () => {
  const values = matrix(4, 0.2);
  assert.deepEqual(factorise(values, ROWS, COLUMNS, 5), factorise(values, ROWS, COLUMNS, 5));
});
