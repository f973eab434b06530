/**
 * The Python version of CIFAR-10 and CIFAR-100, as torchvision and most people have it: pickled dictionaries with the
 * images in an array [count, 3072] and the labels in lists. Each becomes records of the binary version, so that both
 * give the same data set.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { CIFAR_IMAGE_BYTES } from "./cifar.ts";
import { parsePickle } from "./pickle.ts";
import { ByteArray, type Pickled, textsOf } from "./pickle_values.ts";

/**
 * The records of one file: the labels, one byte each, then the image.
 *
 * @param lists Keys of the lists of labels, in the order of a record; those that are missing but the last are 0
 * @throws {InputError} If the file is damaged or holds something else
 */
export function pickledRecords(source: string, bytes: Uint8Array, lists: readonly string[]): Uint8Array {
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot read ${source}: found ${found}, wanted ${wanted}`);
  };
  const batch = dictionaryOf(source, bytes);
  const data = batch.get("data");
  if (!(data instanceof ByteArray) || data.shape.length !== 2 || data.shape[1] !== CIFAR_IMAGE_BYTES) {
    return fail("no images in it", `an array data of [count, ${CIFAR_IMAGE_BYTES}] bytes`);
  }
  const [count] = data.shape as [number];
  const labels = lists.map((key, i) => {
    const list = batch.get(key);
    if (list === undefined && i < lists.length - 1) return new Uint8Array(count);
    const isList = Array.isArray(list) && list.length === count &&
      list.every((label) => Number.isInteger(label) && label as number >= 0 && label as number < 256);
    return isList
      ? Uint8Array.from(list as number[])
      : fail(`no ${key} in it`, `${count} numbers, one an image`);
  });
  const size = lists.length + CIFAR_IMAGE_BYTES;
  const records = new Uint8Array(count * size);
  for (let record = 0; record < count; record++) {
    labels.forEach((list, i) => records[record * size + i] = list[record]!);
    const image = data.values.subarray(record * CIFAR_IMAGE_BYTES, (record + 1) * CIFAR_IMAGE_BYTES);
    records.set(image, record * size + lists.length);
  }
  return records;
}

/**
 * The class names of a file such as `batches.meta`.
 *
 * @throws {InputError} If it is damaged or has none
 */
export function pickledNames(source: string, bytes: Uint8Array, key: string): string[] {
  const names = optionalNames(source, bytes, key);
  if (names) return names;
  throw new InputError(`Cannot read ${source}: found no ${key} in it, wanted a list of names`);
}

/**
 * Names of such a file, if it has them.
 *
 * @throws {InputError} If it is damaged
 */
export function optionalNames(source: string, bytes: Uint8Array, key: string): string[] | undefined {
  return textsOf(dictionaryOf(source, bytes).get(key));
}

function dictionaryOf(source: string, bytes: Uint8Array): ReadonlyMap<string, Pickled> {
  const value = parsePickle(source, bytes);
  if (value instanceof Map) return value as ReadonlyMap<string, Pickled>;
  throw new InputError(`Cannot read ${source}: found a pickle of another value, wanted a dictionary`);
}
