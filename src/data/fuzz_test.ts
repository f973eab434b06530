/**
 * Readers under damage: whatever happens to a file, the outcome is a data set or an `InputError`, never another
 * error and never more memory than the file can account for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { InputError } from "../core/errors.ts";
import { createRng, type Rng } from "../core/rng.ts";
import { parseCifar100 } from "./cifar.ts";
import type { Dataset } from "./dataset.ts";
import { parseIdxDataset } from "./idx.ts";

const MUTATIONS = 2000;

const CIFAR = Uint8Array.from({ length: 2 * 3074 }, (_, i) => i % 3074 < 2 ? i % 7 : i * 31);
const IMAGES = Uint8Array.from([
  0,
  0,
  8,
  3,
  0,
  0,
  0,
  6,
  0,
  0,
  0,
  2,
  0,
  0,
  0,
  2,
  ...Array.from({ length: 24 }, (_, i) => i),
]);
const LABELS = Uint8Array.of(0, 0, 11, 1, 0, 0, 0, 6, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 2);
const PACKED = new Uint8Array(gzipSync(IMAGES));

/** Flips bits, sets bytes to extremes, cuts, extends or repeats a part. Headers are hit more often than bodies. */
function mutate(bytes: Uint8Array, rng: Rng): Uint8Array {
  let copy = Uint8Array.from(bytes);
  for (let n = 1 + rng.integer(3); n > 0; n--) {
    const at = rng.integer(rng.uniform() < 0.5 ? Math.min(copy.length, 20) || 1 : copy.length || 1);
    switch (rng.integer(5)) {
      case 0:
        copy[at]! ^= 1 << rng.integer(8);
        break;
      case 1:
        copy[at] = [0, 1, 0x7f, 0x80, 0xff][rng.integer(5)]!;
        break;
      case 2:
        copy = copy.slice(0, at);
        break;
      case 3:
        copy = Uint8Array.from([...copy, ...copy.subarray(at, at + 9)]);
        break;
      default:
        copy = Uint8Array.from([...copy.subarray(0, at), rng.integer(256), ...copy.subarray(at)]);
    }
  }
  return copy;
}

/** Counts the two allowed outcomes; both must occur, or the test has tested nothing. */
async function fuzz(name: string, read: (rng: Rng) => Dataset | Promise<Dataset>): Promise<void> {
  const rng = createRng(1, `fuzz ${name}`);
  let accepted = 0, refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    try {
      const dataset = await read(rng);
      assert.ok(dataset.train.images.length < 100_000);
      accepted++;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      assert.match(error.message, /^Cannot .+: found .+/);
      refused++;
    }
  }
  assert.ok(accepted > 20 && refused > 20, `${accepted} read, ${refused} refused`);
}

Deno.test("parseCifar100() reads or refuses 2,000 damaged files", async () => {
  await fuzz("cifar", (rng) => parseCifar100(mutate(CIFAR, rng), CIFAR));
});

Deno.test("parseIdxDataset() reads or refuses 2,000 damaged files", async () => {
  await fuzz("idx", (rng) => {
    const images = rng.integer(2) ? IMAGES : mutate(IMAGES, rng);
    const labels = rng.integer(2) ? LABELS : mutate(LABELS, rng);
    return parseIdxDataset("fuzz", { train: { images, labels } });
  });
});

Deno.test("parseIdxDataset() reads or refuses 2,000 damaged gzip files", async () => {
  await fuzz("gzip", (rng) => {
    const images = rng.integer(3) ? mutate(PACKED, rng) : gzipSync(mutate(IMAGES, rng));
    return parseIdxDataset("fuzz", { train: { images, labels: LABELS } });
  });
});
