import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { resamplePositions } from "./positions.ts";

/** Positions of one number each: the class token's, then a grid. */
function positions(token: number, grid: readonly number[]) {
  return hostTensor([1, 1 + grid.length, 1], Float32Array.of(token, ...grid));
}

function near(found: ArrayLike<number>, wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(found[i]! - value) < 2e-6, `${i}: ${found[i]}, wanted ${value}`)
  );
}

// From timm 1.0.29's resample_abs_pos_embed on PyTorch 2.13, for the grid k² / 10, k = 0 … 8.
const grid = Array.from({ length: 9 }, (_, k) => k * k / 10);
const timm: Readonly<Record<number, readonly number[]>> = {
  2: [0.2871166, 0.8197849, 3.028453, 4.704453],
  4: [
    -0.05060147,
    -0.02283275,
    0.1267338,
    0.3043328,
    0.3519798,
    0.6021557,
    1.075674,
    1.47568,
    1.920442,
    2.49457,
    3.439948,
    4.163906,
    3.671497,
    4.468031,
    5.737362,
    6.683727,
  ],
  5: [
    -0.07205408,
    -0.06013796,
    -0.0132075,
    0.1546185,
    0.2607334,
    0.1733737,
    0.2725885,
    0.4783581,
    0.8050234,
    0.998437,
    0.8471698,
    1.105224,
    1.6,
    2.215672,
    2.567924,
    2.609026,
    3.025919,
    3.809702,
    4.71438,
    5.225472,
    3.702243,
    4.206435,
    5.149056,
    6.212574,
    6.810964,
  ],
};

for (const [side, wanted] of Object.entries(timm)) {
  Deno.test(`resamplePositions() gives timm's numbers from a side of 3 to ${side}`, () => {
    const { shape, data } = resamplePositions(positions(7, grid), Number(side));
    assert.deepEqual(shape, [1, 1 + Number(side) ** 2, 1]);
    assert.equal(data[0], 7);
    near(data.subarray(1), wanted);
  });
}

Deno.test("resamplePositions() keeps a flat grid flat, and treats every component alike", () => {
  const flat = resamplePositions(positions(0, Array(16).fill(0.5)), 7);
  near(flat.data.subarray(1), Array(49).fill(0.5));
  const rng = createRng(0, "positions");
  const grids = [0, 1].map(() => Array.from({ length: 16 }, () => rng.normal()));
  const both = hostTensor(
    [1, 17, 2],
    Float32Array.from([8, 9, ...grids[0]!.flatMap((v, i) => [v, grids[1]![i]!])]),
  );
  const { data } = resamplePositions(both, 6);
  for (const component of [0, 1]) {
    const alone = resamplePositions(positions(8 + component, grids[component]!), 6).data;
    assert.deepEqual(data.filter((_, i) => i % 2 === component), alone);
  }
});

Deno.test("resamplePositions() leaves its own size alone and refuses what is no grid", () => {
  const own = positions(1, grid);
  assert.equal(resamplePositions(own, 3).data, own.data);
  for (const shape of [[1, 9, 2], [10, 2], [2, 10, 2], [1, 1, 2]]) {
    assert.throws(() => resamplePositions(hostTensor(shape), 2), RangeError, `${shape}`);
  }
});
