import assert from "node:assert/strict";
import { sha256 } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { createDataset, selectImages } from "../dataset.ts";
import { conditionOf, conditionsFor, drawConditions, underCondition } from "./conditions.ts";
import type { ImageShape } from "./pixels.ts";
import { imagesOf } from "./task_images.ts";

interface Case {
  readonly shape: readonly [number, number, number];
  readonly image: readonly number[];
  readonly ids: readonly number[];
  readonly digests: Readonly<Record<string, string>>;
}

/** Made by `fixtures/make/conditions.py`. */
const cases: readonly Case[] = JSON.parse(
  Deno.readTextFileSync(new URL("../../../fixtures/data/conditions.json", import.meta.url)),
);

const shapeOf = ([channels, height, width]: Case["shape"]): ImageShape => ({ channels, height, width });

Deno.test("underCondition() gives the bytes that NumPy gives, for every condition and shape", () => {
  for (const { shape, image, ids, digests } of cases) {
    const all = conditionsFor(shapeOf(shape)).flat();
    assert.deepEqual(all.map(({ name }) => name).sort(), Object.keys(digests).sort());
    const source = Uint8Array.from(image);
    const wrong = all.filter((condition) => {
      const seen = ids.map((id) => underCondition(condition, source, shapeOf(shape), id));
      return sha256(...seen).slice(0, 16) !== digests[condition.name];
    });
    assert.deepEqual(wrong.map(({ name }) => name), []);
    assert.deepEqual([...source], image);
  }
});

Deno.test("conditionsFor() has more than 250 conditions, all different on an image of any shape", () => {
  for (const { shape, digests } of cases) {
    const all = conditionsFor(shapeOf(shape)).flat();
    assert.ok(all.length > 250, `${all.length}`);
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    assert.equal(new Set(Object.values(digests)).size, all.length);
  }
  const kinds = conditionsFor({ channels: 3, height: 8, width: 8 }).flat();
  assert.ok([...new Set(kinds.map(({ kind }) => kind))].length >= 20);
});

Deno.test("underCondition() takes images of one pixel", () => {
  const shape = { channels: 3, height: 1, width: 1 };
  for (const condition of conditionsFor(shape).flat()) {
    assert.equal(underCondition(condition, Uint8Array.of(1, 2, 3), shape, 0).length, 3);
  }
});

Deno.test("drawConditions() has all once, kinds in rounds, single ones first; another seed has another order", () => {
  const shape = { channels: 3, height: 8, width: 8 };
  const drawn = drawConditions(shape, createRng(1, "x"));
  const [single, turned] = conditionsFor(shape);
  assert.equal(new Set(drawn.map(({ name }) => name)).size, single!.length + turned!.length);
  assert.ok(drawn.slice(0, single!.length).every(({ turn }) => turn === undefined));
  const kinds = new Set(single!.map(({ kind }) => kind)).size;
  assert.equal(new Set(drawn.slice(0, kinds).map(({ kind }) => kind)).size, kinds);
  const names = (seed: number) => drawConditions(shape, createRng(seed, "x")).map(({ name }) => name);
  assert.deepEqual(names(1), drawn.map(({ name }) => name));
  assert.notDeepEqual(names(2).slice(0, 5), names(1).slice(0, 5));
});

Deno.test("conditionOf() finds a condition by its name, and says if there is none", () => {
  const shape = { channels: 1, height: 4, width: 6 };
  assert.equal(conditionOf("blur 2, mirrored", shape).family, "sharpness");
  assert.throws(() => conditionOf("turn 90", shape), /none of this name/);
});

Deno.test("imagesOf() copies images as they are, or under the condition of their task", () => {
  const [channels, side, count] = [1, 4, 6] as const;
  const split = {
    images: Uint8Array.from({ length: count * side * side }, (_, i) => (i * 7) % 256),
    labels: Int32Array.of(0, 1, 2, 0, 1, 2),
    count,
  };
  const dataset = createDataset({
    name: "six",
    channels,
    height: side,
    width: side,
    classNames: ["a", "b", "c"],
    train: split,
    test: split,
  });
  const task = (train: number[], condition?: string) => ({
    train: Int32Array.from(train),
    test: Int32Array.from(train),
    ...(condition !== undefined && { condition }),
  });
  const before = split.images.slice();
  const found = imagesOf(dataset, [task([0, 3]), task([1, 2], "invert"), task([5], "noise 24")], "train");
  assert.deepEqual([...found.labels], [0, 0, 1, 2, 2]);
  const size = side * side;
  const image = (i: number) => split.images.subarray(i * size, (i + 1) * size);
  const row = (i: number) => found.images.slice(i * size, (i + 1) * size);
  assert.deepEqual(row(1), image(3).slice());
  assert.deepEqual(row(2), image(1).map((value) => 255 - value));
  assert.deepEqual(row(4), underCondition(conditionOf("noise 24", dataset), image(5), dataset, 10));
  // A test image has other noise than a training image at its place.
  const held = imagesOf(dataset, [task([5], "noise 24")], "test");
  assert.notDeepEqual(held.images, row(4));
  assert.deepEqual(imagesOf(dataset, [task([4, 5])], "test"), selectImages(split, [4, 5], size));
  assert.deepEqual(split.images, before);
});
