import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { hashJson } from "../core/json.ts";
import { numpyPermutation, orderOf } from "./class_order.ts";

/** The order of CIFAR-100's classes in iCaRL, PyCIL and PILOT (seed 1993); written by NumPy 2.4. */
const CIFAR100_1993 = [
  ...[68, 56, 78, 8, 23, 84, 90, 65, 74, 76, 40, 89, 3, 92, 55, 9, 26, 80, 43, 38, 58, 70, 77, 1, 85],
  ...[19, 17, 50, 28, 53, 13, 81, 45, 82, 6, 59, 83, 16, 15, 44, 91, 41, 72, 60, 79, 52, 20, 10, 31, 54],
  ...[37, 95, 14, 71, 96, 98, 97, 2, 64, 66, 42, 22, 35, 86, 24, 34, 87, 21, 99, 0, 88, 27, 18, 94, 11],
  ...[12, 47, 25, 30, 46, 62, 69, 36, 61, 7, 63, 75, 5, 32, 4, 51, 48, 73, 93, 39, 67, 29, 49, 57, 33],
];

Deno.test("numpyPermutation() gives the published order of CIFAR-100 for seed 1993", () => {
  assert.deepEqual(numpyPermutation(100, 1993), CIFAR100_1993);
});

Deno.test("numpyPermutation() equals NumPy for other counts and seeds (written by NumPy 2.4)", () => {
  assert.deepEqual(numpyPermutation(1, 0), [0]);
  assert.deepEqual(numpyPermutation(2, 7), [0, 1]);
  assert.deepEqual(numpyPermutation(10, 0), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
  assert.deepEqual(numpyPermutation(10, 4294967295), [6, 9, 5, 1, 8, 0, 7, 4, 2, 3]);
  assert.deepEqual(numpyPermutation(12, 1993), [4, 2, 6, 7, 8, 0, 3, 5, 10, 11, 9, 1]);
  assert.deepEqual(numpyPermutation(17, 2024), [15, 6, 16, 13, 5, 2, 3, 12, 1, 9, 7, 4, 11, 14, 0, 10, 8]);
  assert.equal(
    hashJson(numpyPermutation(200, 1993)),
    "3b55531a29f4506f5177f744e9f5f42d6cd052fb99fd93b05f022cd701465912",
  );
  assert.equal(
    hashJson(numpyPermutation(1000, 1993)),
    "bae3be47b917b042c8908063d955792ab008966b7c2a5d33fe15b13b2685271c",
  );
  assert.equal(
    hashJson(numpyPermutation(1623, 42)),
    "f6796b9c6a8cc2e879bb2901edd571bfad0cb059d5cf5e1b12b67fea09ebedea",
  );
});

Deno.test("numpyPermutation() refuses seeds that NumPy refuses", () => {
  for (const seed of [-1, 2 ** 32, 0.5, NaN]) {
    assert.throws(() => numpyPermutation(3, seed), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(
        error.message,
        /^Cannot order the classes as NumPy does: found seed .*, wanted an integer/,
      );
      return true;
    });
  }
});

const pets = { name: "pets", classNames: ["ant", "bee", "cat"] };
/** Sorted as text, so that a class's name is not its number. */
const digits = { name: "digits", classNames: ["0", "1", "10", "2"] };

Deno.test("orderOf() reads names and numbers; what could be both is a name", () => {
  assert.deepEqual(orderOf(pets, ["cat", "ant", "bee"]), [2, 0, 1]);
  assert.deepEqual(orderOf(pets, ["2", "0", "1"]), [2, 0, 1]);
  assert.deepEqual(orderOf(digits, ["10", "2", "1", "0"]), [2, 3, 1, 0]);
  assert.deepEqual(orderOf(digits, ["3", "2", "1", "0"]), [3, 2, 1, 0]);
});

Deno.test("orderOf() refuses what is no class, comes twice or is left out", () => {
  const refused = (entries: string[], message: RegExp) =>
    assert.throws(() => orderOf(pets, entries), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, message);
      return true;
    });
  refused(
    ["cat", "dog", "bee"],
    /found "cat", wanted the names of its classes, or their numbers from 0 to 2$/,
  );
  refused(["0", "1", "3"], /found "3", wanted/);
  refused(["cat", "ant", "cat"], /found class 2 \(cat\) twice, wanted every class once$/);
  refused(["cat", "ant"], /found no class 1 \(bee\), wanted every class once$/);
  refused([], /found no class 0 \(ant\)/);
});
