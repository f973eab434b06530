/**
 * The binary layout of CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
 * Images", 2009): records of one label byte (CIFAR-100: coarse, then fine) and 3,072 image bytes, the red, green
 * and blue planes of 32x32. Any number of records is accepted, so subsets of the official files load.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { createDataset, type Dataset, type Split } from "./dataset.ts";

const SIDE = 32;
/** Bytes of an image: the red, green and blue planes of 32x32. */
export const CIFAR_IMAGE_BYTES = 3 * SIDE * SIDE;

const CIFAR10_NAMES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/** The label bytes of a record in order. The last one is the class. */
type LabelBytes = readonly { readonly what: string; readonly classes: number }[];

const CIFAR10_LABELS: LabelBytes = [{ what: "label", classes: 10 }];
const CIFAR100_LABELS: LabelBytes = [
  { what: "coarse label", classes: 20 },
  { what: "fine label", classes: 100 },
];

/**
 * Reads CIFAR-100 from the contents of `train.bin` and `test.bin`; classes are the fine labels, their families the
 * coarse ones, where every class has one.
 *
 * @param coarseNames Names of the 20 coarse labels
 * @throws {InputError} If a file is truncated or mislabelled, or there are not 100 names
 */
export function parseCifar100(
  train: Uint8Array,
  test: Uint8Array,
  names?: readonly string[],
  coarseNames?: readonly string[],
): Dataset {
  const coarse = checkNames(coarseNames ?? Array.from({ length: 20 }, (_, c) => `family ${c}`), 20);
  const splits = {
    train: parseRecords([["train.bin", train]], CIFAR100_LABELS),
    test: parseRecords([["test.bin", test]], CIFAR100_LABELS),
  };
  const families = coarseLabels([train, test])?.map((label) => coarse[label]!);
  return createDataset({
    name: "cifar100",
    channels: 3,
    height: SIDE,
    width: SIDE,
    classNames: checkNames(names ?? Array.from({ length: 100 }, (_, c) => `class ${c}`), 100),
    ...(families && { families }),
    ...splits,
  });
}

/** The coarse label of every fine one; `undefined` if a class has none or several, or all have the same. */
function coarseLabels(files: readonly Uint8Array[]): number[] | undefined {
  const found = new Map<number, number>();
  for (const bytes of files) {
    for (let at = 0; at < bytes.length; at += 2 + CIFAR_IMAGE_BYTES) {
      const coarse = bytes[at]!, fine = bytes[at + 1]!;
      if ((found.get(fine) ?? coarse) !== coarse) return undefined;
      found.set(fine, coarse);
    }
  }
  if (found.size < 100 || new Set(found.values()).size < 2) return undefined;
  return Array.from({ length: 100 }, (_, fine) => found.get(fine)!);
}

/**
 * Reads CIFAR-10 from the contents of `data_batch_1.bin`, `data_batch_2.bin`, … in order and `test_batch.bin`.
 *
 * @throws {InputError} If a file is truncated or mislabelled, or there are not 10 names
 */
export function parseCifar10(
  train: readonly Uint8Array[],
  test: Uint8Array,
  names: readonly string[] = CIFAR10_NAMES,
): Dataset {
  return createDataset({
    name: "cifar10",
    channels: 3,
    height: SIDE,
    width: SIDE,
    classNames: checkNames(names, 10),
    train: parseRecords(train.map((bytes, i) => [`data_batch_${i + 1}.bin`, bytes]), CIFAR10_LABELS),
    test: parseRecords([["test_batch.bin", test]], CIFAR10_LABELS),
  });
}

function checkNames(names: readonly string[], classes: number): readonly string[] {
  if (names.length !== classes) {
    throw new InputError(`Cannot name the classes: found ${names.length} names, wanted ${classes}`);
  }
  return names;
}

function parseRecords(files: readonly (readonly [string, Uint8Array])[], labelBytes: LabelBytes): Split {
  const recordBytes = labelBytes.length + CIFAR_IMAGE_BYTES;
  for (const [file, bytes] of files) {
    if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
      throw new InputError(
        `Cannot read ${file}: found ${bytes.length} bytes, wanted a positive multiple of ${recordBytes}`,
      );
    }
  }
  const count = files.reduce((sum, [, bytes]) => sum + bytes.length / recordBytes, 0);
  const images = new Uint8Array(count * CIFAR_IMAGE_BYTES);
  const labels = new Int32Array(count);
  let index = 0;
  for (const [file, bytes] of files) {
    for (let record = 0; record < bytes.length / recordBytes; record++, index++) {
      const start = record * recordBytes;
      labelBytes.forEach(({ what, classes }, i) => {
        const label = bytes[start + i]!;
        if (label >= classes) {
          throw new InputError(
            `Cannot read ${file}: found ${what} ${label} in record ${record}, wanted 0 to ${classes - 1}`,
          );
        }
        labels[index] = label;
      });
      images.set(bytes.subarray(start + labelBytes.length, start + recordBytes), index * CIFAR_IMAGE_BYTES);
    }
  }
  return { images, labels, count };
}
