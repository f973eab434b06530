import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { augment, type Augmentation, mixup } from "./augment.ts";

const NONE: Augmentation = { crop: 0, flip: 0, jitter: 0 };
const SHAPE = { channels: 2, size: 3 };

/** Two images of two channels of 3x3 pixels, numbered from 1. */
function images(): Float32Array {
  return Float32Array.from({ length: 36 }, (_, i) => i + 1);
}

function augmented(changes: Partial<Augmentation>, seed = 0): Float32Array {
  const result = images();
  augment(result, SHAPE, { ...NONE, ...changes }, createRng(seed, "augment"));
  return result;
}

/** Rows of one plane of the result. */
function plane(values: Float32Array, index: number): number[][] {
  return [0, 1, 2].map((y) => [...values.subarray(index * 9 + 3 * y, index * 9 + 3 * y + 3)]);
}

Deno.test("augment() with everything off changes nothing", () => {
  assert.deepEqual(augmented({}), images());
});

Deno.test("augment() is decided by its random stream", () => {
  const all = { crop: 1, flip: 0.5, jitter: 0.3 };
  assert.deepEqual(augmented(all, 1), augmented(all, 1));
  assert.notDeepEqual(augmented(all, 1), augmented(all, 2));
  assert.equal(augmented(all, 1).length, 36);
});

Deno.test("augment() zooms into a square part of the image, all channels alike", () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const result = augmented({ zoom: 0.5 }, seed);
    for (const image of [0, 1]) {
      const [first, second] = [0, 1].map((channel) => plane(result, 2 * image + channel));
      const start = 2 * image * 9;
      // The numbers rise by 3 a row and 1 a column, so that the middle ones tell the scale, unless clamped.
      for (const [y, row] of first!.entries()) {
        for (const [x, value] of row.entries()) {
          assert.ok(Math.abs(second![y]![x]! - value - 9) < 1e-5);
          assert.ok(value >= start + 1 && value <= start + 9);
          if (x > 0) assert.ok(value - row[x - 1]! >= -1e-5 && value - row[x - 1]! <= 1 + 1e-5);
        }
      }
      const spread = first![2]![2]! - first![0]![0]!;
      assert.ok(spread >= 0.5 * 8 - 1.01 && spread <= 8 + 1e-5, `${spread}`);
      seen.add(spread);
    }
  }
  assert.ok(seen.size > 30);
  // Half the side at the top left: pixel centres at 0 (clamped), 0.25 + 0.5 · … of the numbers 1 … 9.
  const fixed = images();
  const draws = [0, 0, 0, 1];
  const rng = { ...createRng(0, ""), integer: () => 0, uniform: () => draws.shift() ?? 0 };
  augment(fixed.subarray(0, 9), { channels: 1, size: 3 }, { ...NONE, zoom: 0.5 }, rng);
  assert.deepEqual(plane(fixed, 0), [[1, 1.25, 1.75], [1.75, 2, 2.5], [3.25, 3.5, 4]]);
});

Deno.test("augment() flips rows", () => {
  assert.deepEqual(plane(augmented({ flip: 1 }), 0), [[3, 2, 1], [6, 5, 4], [9, 8, 7]]);
  assert.deepEqual(plane(augmented({ flip: 1 }), 3), [[30, 29, 28], [33, 32, 31], [36, 35, 34]]);
});

Deno.test("augment() shifts all channels of an image alike by at most `crop`, and fills with 0", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const result = augmented({ crop: 1 }, seed);
    for (const image of [0, 1]) {
      // Where the pixel of the middle went tells the shift.
      const first = plane(result, 2 * image).flat();
      const middle = first.indexOf(2 * image * 9 + 5);
      assert.ok(middle >= 0);
      const [down, right] = [Math.floor(middle / 3) - 1, middle % 3 - 1];
      seen.add(`${down},${right}`);
      for (const channel of [0, 1]) {
        plane(result, 2 * image + channel).forEach((row, y) =>
          row.forEach((value, x) => {
            const [fromY, fromX] = [y - down, x - right];
            const inside = fromY >= 0 && fromY < 3 && fromX >= 0 && fromX < 3;
            assert.equal(value, inside ? (2 * image + channel) * 9 + 3 * fromY + fromX + 1 : 0);
          })
        );
      }
    }
  }
  assert.equal(seen.size, 9);
});

Deno.test("augment() jitters contrast per image and brightness per channel, within bounds", () => {
  for (let seed = 0; seed < 20; seed++) {
    const result = augmented({ jitter: 0.5 }, seed);
    for (const image of [0, 1]) {
      const planes = [0, 1].map((channel) => plane(result, 2 * image + channel).flat());
      const contrasts = planes.map((values) => values[1]! - values[0]!);
      assert.ok(Math.abs(contrasts[0]! - contrasts[1]!) < 1e-5);
      assert.ok(contrasts[0]! >= 0.5 && contrasts[0]! <= 1.5);
      const shifts = planes.map((values, c) => values[0]! - contrasts[0]! * ((2 * image + c) * 9 + 1));
      assert.ok(shifts.every((shift) => Math.abs(shift) <= 0.75 + 1e-4), `${shifts}`);
      assert.ok(Math.abs(shifts[0]! - shifts[1]!) <= 0.5 + 1e-4);
    }
  }
});

Deno.test("mixup() mixes each image with its partner by one share", () => {
  const mixed = images();
  const { share, partners } = mixup(mixed, 2, 0.4, createRng(3, "mixup"));
  assert.ok(share > 0 && share < 1);
  assert.deepEqual([...partners].sort(), [0, 1]);
  const original = images();
  mixed.forEach((value, i) => {
    const partner = original[partners[Math.floor(i / 18)]! * 18 + i % 18]!;
    assert.ok(Math.abs(value - (share * original[i]! + (1 - share) * partner)) < 1e-5);
  });
});

Deno.test("mixup() of strength 0 leaves images alone", () => {
  const mixed = images();
  const { share } = mixup(mixed, 2, 0, createRng(0, "mixup"));
  assert.equal(share, 1);
  assert.deepEqual(mixed, images());
});

Deno.test("mixup() draws shares from the Beta distribution", () => {
  // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
  for (const strength of [0.2, 1, 4]) {
    const rng = createRng(0, `beta ${strength}`);
    const shares = Array.from({ length: 2000 }, () => mixup(new Float32Array(2), 2, strength, rng).share);
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
    assert.ok(Math.abs(mean - 0.5) < 0.03, `${strength}: mean ${mean}`);
    assert.ok(Math.abs(variance * 4 * (2 * strength + 1) - 1) < 0.1, `${strength}: variance ${variance}`);
  }
});
