import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { InputError } from "../core/errors.ts";
import { parseIdx, parseIdxDataset, unpackIdx } from "./idx.ts";

function idx(type: number, dims: readonly number[], body: readonly number[]): Uint8Array {
  const sizes = dims.flatMap((dim) => [dim >>> 24, dim >>> 16 & 255, dim >>> 8 & 255, dim & 255]);
  return Uint8Array.from([0, 0, type, dims.length, ...sizes, ...body]);
}

/** `count` images of 1x2 bytes (i, i + 100). */
function images(count: number): Uint8Array {
  return idx(8, [count, 1, 2], Array.from({ length: count }, (_, i) => [i, i + 100]).flat());
}

Deno.test("parseIdx() reads bytes and big-endian 16-bit integers", () => {
  assert.deepEqual(parseIdx("x", idx(8, [2, 2], [1, 2, 3, 255])), {
    dims: [2, 2],
    values: Uint8Array.of(1, 2, 3, 255),
  });
  assert.deepEqual(parseIdx("x", idx(11, [3], [6, 86, 0, 1, 255, 255])).values, Int16Array.of(1622, 1, -1));
});

Deno.test("parseIdx() says what is wrong with a file", () => {
  const fails = (bytes: Uint8Array, message: string) =>
    assert.throws(() => parseIdx("x", bytes), {
      name: "InputError",
      message: `Cannot read x: found ${message}`,
    });
  fails(idx(8, [2, 2], [1, 2, 3]), "15 bytes, wanted 16 for [2,2] values of 1 bytes");
  fails(idx(8, [2, 2], [1, 2, 3, 4, 5]), "17 bytes, wanted 16 for [2,2] values of 1 bytes");
  fails(idx(8, [0xffffffff], []), "8 bytes, wanted 4294967303 for [4294967295] values of 1 bytes");
  fails(idx(13, [1], [0]), "type code 0x0d, wanted 0x08 (unsigned bytes) or 0x0b (16-bit integers)");
  fails(idx(8, [], [1]), "0 dimensions, wanted 1 to 4");
  fails(idx(8, [0], []), "sizes [0], wanted positive sizes");
  fails(Uint8Array.of(0x89, 0x50, 8, 1), "magic bytes 0x89 0x50, wanted 0x00 0x00 of an IDX file");
  fails(Uint8Array.of(0, 0, 8, 2, 0), "5 bytes, wanted a header of 12 for 2 dimensions");
  fails(new Uint8Array(), "0 bytes, wanted an IDX header");
});

Deno.test("unpackIdx() unpacks gzip and leaves plain bytes", async () => {
  const plain = idx(8, [20], Array.from({ length: 20 }, (_, i) => i));
  assert.deepEqual(await unpackIdx("x", plain), plain);
  assert.deepEqual(await unpackIdx("x", gzipSync(plain)), plain);
  const short = idx(8, [1], [5]); // shorter than the longest header
  assert.deepEqual(await unpackIdx("x", gzipSync(short)), short);
});

Deno.test("unpackIdx() stops at what the header declares", async () => {
  const bomb = gzipSync(idx(8, [10], new Array<number>(1_000_000).fill(0)));
  await assert.rejects(unpackIdx("x", bomb), {
    name: "InputError",
    message: "Cannot unpack x: found more than the 18 bytes its header declares",
  });
  const greedy = gzipSync(idx(8, [0xffffffff, 28], new Array<number>(64).fill(0)));
  await assert.rejects(unpackIdx("x", greedy), {
    message: "Cannot unpack x: found 120259084272 bytes declared, wanted at most 1073741824",
  });
});

Deno.test("unpackIdx() reports damaged gzip", async () => {
  const packed = gzipSync(images(50));
  const message = "Cannot unpack x: found damaged or truncated gzip data";
  await assert.rejects(unpackIdx("x", packed.subarray(0, packed.length - 9)), {
    name: "InputError",
    message,
  });
  packed[packed.length - 6]! ^= 1; // checksum
  await assert.rejects(unpackIdx("x", packed), { name: "InputError", message });
});

Deno.test("parseIdxDataset() joins images and labels of two pairs", async () => {
  const dataset = await parseIdxDataset("toy", {
    train: { images: gzipSync(images(3)), labels: idx(8, [3], [0, 2, 1]) },
    test: { images: images(1), labels: idx(11, [1], [0, 3]) },
  });
  assert.deepEqual([...dataset.train.labels], [0, 2, 1]);
  assert.deepEqual([...dataset.train.images], [0, 100, 1, 101, 2, 102]);
  assert.deepEqual([...dataset.test.labels], [3]);
  assert.deepEqual(dataset.classNames, ["0", "1", "2", "3"]);
  assert.deepEqual([dataset.channels, dataset.height, dataset.width], [1, 1, 2]);
});

Deno.test("parseIdxDataset() splits a single pair by record order within each class", async () => {
  const labels = [1, 0, 1, 1, 0, 1, 1]; // class 1: five images, class 0: two
  const dataset = await parseIdxDataset("toy", { train: { images: images(7), labels: idx(8, [7], labels) } });
  assert.deepEqual([...dataset.train.images].filter((_, i) => i % 2 === 0), [0, 1, 2, 3, 5]);
  assert.deepEqual([...dataset.test.images].filter((_, i) => i % 2 === 0), [4, 6]);
  assert.deepEqual([...dataset.test.labels], [0, 1]);
});

Deno.test("parseIdxDataset() refuses parts that do not fit together", async () => {
  const fails = (pairs: Parameters<typeof parseIdxDataset>[1], message: string, names?: string[]) =>
    assert.rejects(parseIdxDataset("toy", pairs, names && { classNames: names }), {
      name: "InputError",
      message,
    });
  const train = { images: images(2), labels: idx(8, [2], [0, 1]) };
  await fails(
    { train: { ...train, labels: idx(8, [3], [0, 1, 0]) } },
    "Cannot read the training labels: found labels [3], wanted [2], one an image",
  );
  await fails(
    { train: { ...train, images: idx(8, [4], [0, 0, 0, 0]) } },
    "Cannot read the training images: found [4] bytes, wanted [count,height,width] bytes",
  );
  await fails(
    { train, test: { images: idx(8, [1, 2, 1], [0, 0]), labels: idx(8, [1], [0]) } },
    "Cannot read the test images: found 2x1, wanted 1x2 as in training",
  );
  await fails(
    { train: { ...train, labels: idx(11, [2], [255, 255, 0, 1]) }, test: train },
    "Cannot use the training split of toy: found label -1 at image 0, wanted a class number from 0 to 1",
  );
  await assert.rejects(parseIdxDataset("toy", { train, test: train }, { classNames: ["only"] }), InputError);
});
