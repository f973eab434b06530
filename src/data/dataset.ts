/**
 * What a data set is to the rest of the suite: labelled images as bytes in two splits, with a fingerprint that
 * names exactly this content. Readers and generators end in `createDataset`, so no data set exists that was not
 * checked and hashed.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";

/** Images as bytes, `[count, channels, height, width]` row-major; labels are class numbers from 0. */
export interface Split {
  /** `[count, channels, height, width]`, values 0 to 255. */
  readonly images: Uint8Array;
  /** [count], class numbers. */
  readonly labels: Int32Array;
  /** Number of images. */
  readonly count: number;
}

/** A labelled image data set with a training and a test split. */
export interface Dataset {
  /** Name for people and records; no part of the content. */
  readonly name: string;
  /** 1 for gray, 3 for RGB in this order. */
  readonly channels: 1 | 3;
  /** Of every image, in pixels. */
  readonly height: number;
  /** Of every image, in pixels. */
  readonly width: number;
  /** The name of every class, at its number. */
  readonly classNames: readonly string[];
  /** The family of every class, where the data say that classes are related; no part of the content. */
  readonly families?: readonly string[];
  /** The data set that every class comes from, where several make up this one; no part of the content. */
  readonly origins?: readonly string[];
  /** What methods learn from. */
  readonly train: Split;
  /** What methods are scored on. */
  readonly test: Split;
  /** Image files of the source that are not in it, by format, and `undecodable` for those skipped; absent if none. */
  readonly leftOut?: Readonly<Record<string, number>>;
  /**
   * SHA-256 over shape, class names, images and labels of both splits, and what was left out if anything was. The name
   * and what is said of classes beside their names are not part of it.
   */
  readonly fingerprint: string;
}

/** A data set before it is checked and hashed. */
export type DatasetParts = Omit<Dataset, "fingerprint">;

/** Bytes of one image of a data set. */
export function imageSize(dataset: Pick<Dataset, "channels" | "height" | "width">): number {
  return dataset.channels * dataset.height * dataset.width;
}

/**
 * Checks that sizes, counts and labels agree and computes the fingerprint.
 *
 * @throws {InputError} If an array has the wrong length or a label is not a class number
 */
export function createDataset(parts: DatasetParts): Dataset {
  const { name, channels, height, width, classNames, families, origins, train, test, leftOut } = parts;
  for (const [what, size] of [["height", height], ["width", width]] as const) {
    if (!Number.isInteger(size) || size < 1) {
      throw new InputError(`Cannot use data set ${name}: found ${what} ${size}, wanted a positive integer`);
    }
  }
  if (channels !== 1 && channels !== 3) {
    throw new InputError(`Cannot use data set ${name}: found ${channels} channels, wanted 1 or 3`);
  }
  if (classNames.length === 0) {
    throw new InputError(`Cannot use data set ${name}: found no classes, wanted at least one`);
  }
  for (const [what, names] of [["families", families], ["origins", origins]] as const) {
    if (names && names.length !== classNames.length) {
      throw new InputError(
        `Cannot use data set ${name}: found ${names.length} ${what}, wanted one for each of ${classNames.length} classes`,
      );
    }
  }
  checkSplit(train, "training", parts);
  checkSplit(test, "test", parts);
  return {
    name,
    channels,
    height,
    width,
    classNames,
    ...(families && { families }),
    ...(origins && { origins }),
    train,
    test,
    ...(leftOut && { leftOut }),
    fingerprint: sha256(
      canonicalJson({
        channels,
        height,
        width,
        classNames,
        train: train.count,
        test: test.count,
        ...(leftOut && { leftOut }),
      }),
      train.images,
      labelBytes(train.labels),
      test.images,
      labelBytes(test.labels),
    ),
  };
}

/**
 * Keeps the first so many images of each class in stored order; a limit left out keeps all of its split.
 *
 * @throws {InputError} If a limit is not a positive integer
 */
export function limitPerClass(
  dataset: Dataset,
  limits: { readonly train?: number; readonly test?: number },
): Dataset {
  const take = (split: Split, limit: number | undefined, what: string): Split => {
    if (limit === undefined) return split;
    if (!Number.isInteger(limit) || limit < 1) {
      throw new InputError(
        `Cannot limit the ${what} images per class: found ${limit}, wanted a positive integer`,
      );
    }
    const seen = new Int32Array(dataset.classNames.length);
    const kept: number[] = [];
    split.labels.forEach((label, i) => {
      if (seen[label]!++ < limit) kept.push(i);
    });
    return selectImages(split, kept, imageSize(dataset));
  };
  return createDataset({
    ...dataset,
    train: take(dataset.train, limits.train, "training"),
    test: take(dataset.test, limits.test, "test"),
  });
}

/**
 * Keeps the first so many classes and their images.
 *
 * @throws {InputError} If there are fewer classes, or the number is not a positive integer
 */
export function limitClasses(dataset: Dataset, count: number): Dataset {
  const { name, classNames, families, origins } = dataset;
  if (!Number.isInteger(count) || count < 1 || count > classNames.length) {
    throw new InputError(
      `Cannot take classes of ${name}: found ${count}, wanted an integer from 1 to its ${classNames.length}`,
    );
  }
  const take = (split: Split): Split => {
    const kept = [...split.labels.keys()].filter((i) => split.labels[i]! < count);
    return selectImages(split, kept, imageSize(dataset));
  };
  return createDataset({
    ...dataset,
    classNames: classNames.slice(0, count),
    ...(families && { families: families.slice(0, count) }),
    ...(origins && { origins: origins.slice(0, count) }),
    train: take(dataset.train),
    test: take(dataset.test),
  });
}

/** Copies the images at `indices`, in that order, into a new split. */
export function selectImages(split: Split, indices: ArrayLike<number>, size: number): Split {
  const images = new Uint8Array(indices.length * size);
  const labels = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    images.set(split.images.subarray(index * size, (index + 1) * size), i * size);
    labels[i] = split.labels[index]!;
  }
  return { images, labels, count: indices.length };
}

function checkSplit(split: Split, what: string, parts: DatasetParts): void {
  const fail = (found: string, wanted: string) => {
    throw new InputError(`Cannot use the ${what} split of ${parts.name}: found ${found}, wanted ${wanted}`);
  };
  const { images, labels, count } = split;
  const size = imageSize(parts);
  if (!Number.isInteger(count) || count < 0) fail(`count ${count}`, "an integer from 0");
  if (images.length !== count * size) {
    fail(`${images.length} image bytes`, `${count * size} for ${count} images of ${size} bytes`);
  }
  if (labels.length !== count) fail(`${labels.length} labels`, `one for each of ${count} images`);
  const classes = parts.classNames.length;
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) fail(`label ${labels[wrong]} at image ${wrong}`, `a class number from 0 to ${classes - 1}`);
}

/** Bytes of 32-bit integers in one order on every machine, so that fingerprints agree. */
export function labelBytes(values: Int32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setInt32(i * 4, value, true));
  return bytes;
}
