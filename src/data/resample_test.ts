import assert from "node:assert/strict";
import { resample, taps } from "./resample.ts";

Deno.test("taps() reads between pixel centres, clamped at the edges, of the whole or of a part", () => {
  const places = (...args: Parameters<typeof taps>) =>
    taps(...args).map(({ low, high, share }) => [low, high, share]);
  assert.deepEqual(places(3, 3), [[0, 1, 0], [1, 2, 0], [2, 2, 0]]);
  assert.deepEqual(places(2, 4), [[0, 1, 0], [0, 1, 0.25], [0, 1, 0.75], [1, 1, 0]]);
  assert.deepEqual(places(1, 2), [[0, 0, 0], [0, 0, 0]]);
  assert.deepEqual(places(4, 2, 1, 2), [[1, 2, 0], [2, 3, 0]]);
  assert.deepEqual(places(4, 2, 3, 1), [[2, 3, 0.75], [3, 3, 0]]);
});

Deno.test("resample() mixes the four pixels of each target pixel, from an offset on", () => {
  const target = new Float32Array(4).fill(-1);
  const rows = [{ low: 0, high: 1, share: 0.5 }];
  const columns = [{ low: 0, high: 1, share: 0.25 }, { low: 1, high: 2, share: 0 }];
  resample(Float32Array.of(0, 4, 8, 2, 6, 10), 3, { rows, columns }, target, 1);
  assert.deepEqual([...target], [-1, 2, 5, -1]);
});
