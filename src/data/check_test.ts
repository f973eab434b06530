import assert from "node:assert/strict";
import { checkDataset } from "./check.ts";
import { createDataset, type Split } from "./dataset.ts";
import { guessKind } from "./kinds.ts";
import { loadDataset } from "./load.ts";

/** Images of two bytes, each given by a label and its bytes. */
function split(...images: readonly (readonly [label: number, first: number, second: number])[]): Split {
  return {
    images: Uint8Array.from(images.flatMap(([, ...bytes]) => bytes)),
    labels: Int32Array.from(images, ([label]) => label),
    count: images.length,
  };
}

function check(train: Split, test: Split, classNames = ["a", "b", "c"]) {
  return checkDataset(
    createDataset({ name: "toy", channels: 1, height: 1, width: 2, classNames, train, test }),
  );
}

Deno.test("checkDataset() counts images and finds nothing where nothing is odd", () => {
  const train = split([0, 1, 2], [1, 3, 4], [2, 5, 6], [0, 7, 8]);
  const test = split([2, 9, 10], [1, 11, 12], [0, 13, 14]);
  assert.deepEqual(check(train, test), {
    train: { images: 4, fewest: 1, most: 2 },
    test: { images: 3, fewest: 1, most: 1 },
    oddities: [],
  });
});

Deno.test("checkDataset() finds equal images, constant images, empty classes and names used twice", () => {
  const train = split([0, 1, 2], [1, 1, 2], [0, 1, 2], [0, 5, 5]);
  const test = split([1, 1, 2], [1, 9, 8], [0, 9, 8], [1, 9, 8]);
  const { oddities } = check(train, test, ["a", "b", "a"]);
  assert.deepEqual(oddities, [
    { what: "test images equal to a training image", count: 1, examples: ["test 0 (b) = train 0 (a)"] },
    { what: "of them under another label", count: 1, examples: ["test 0 (b) = train 0 (a)"] },
    {
      what: "training images equal to another of another label",
      count: 1,
      examples: ["train 1 (b) = train 0 (a)"],
    },
    {
      what: "training images equal to another of the same label",
      count: 1,
      examples: ["train 2 (a) = train 0 (a)"],
    },
    {
      what: "test images equal to another of another label",
      count: 1,
      examples: ["test 2 (a) = test 1 (b)"],
    },
    {
      what: "test images equal to another of the same label",
      count: 1,
      examples: ["test 3 (b) = test 1 (b)"],
    },
    { what: "images of one value throughout", count: 1, examples: ["train 3 (a)"] },
    { what: "classes without training images", count: 1, examples: ["a"] },
    { what: "classes without test images", count: 1, examples: ["a"] },
    { what: "class names used more than once", count: 1, examples: ["a"] },
  ]);
});

Deno.test("checkDataset() shows five examples and counts all", () => {
  const train = split([0, 1, 1], [1, 2, 2], [2, 3, 3], [0, 4, 4], [0, 5, 5], [0, 6, 6], [0, 7, 7]);
  const [oddity] = check(train, split([0, 0, 1], [1, 0, 2], [2, 0, 3])).oddities;
  assert.deepEqual([oddity!.count, oddity!.examples.length], [7, 5]);
});

/** Known oddities of the images beside the repository. */
const KNOWN = { "cifar-100-binary": ["cifar100", 4], "omniglot": ["idx", 2], "mnist": ["idx", 0] } as const;

for (const [folder, [kind, leaked]] of Object.entries(KNOWN)) {
  const path = new URL(`../../../shared/data/${folder}`, import.meta.url).pathname;
  const present = await Deno.stat(path).then(() => true, () => false);
  Deno.test({
    name: `checkDataset() finds ${leaked} leaked images in ${folder}${
      present ? "" : " (skipped: not in ../shared/data)"
    }`,
    ignore: !present,
    async fn() {
      assert.equal(await guessKind(path), kind);
      const { oddities } = checkDataset(await loadDataset(`${kind}:${path}`));
      const found = oddities.find(({ what }) => what === "test images equal to a training image");
      assert.equal(found?.count ?? 0, leaked);
    },
  });
}
