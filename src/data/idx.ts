/**
 * The IDX format of MNIST (Y. LeCun, C. Cortes, C. Burges): two zero bytes, a type code, the number of dimensions,
 * big-endian 32-bit sizes, then the values, big-endian, first dimension outermost. Read here: unsigned bytes (0x08)
 * and 16-bit integers (0x0B), plain or gzipped.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shape.ts";
import { createDataset, type Dataset, selectImages, type Split } from "./dataset.ts";
import { gunzip, isGzip } from "./files/gzip.ts";

/** The content of an IDX file. */
export interface IdxArray {
  readonly dims: readonly number[];
  readonly values: Uint8Array | Int16Array;
}

/** Contents of an image file and its label file. */
export interface IdxPair {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** What a file does not say about itself. */
export interface IdxConventions {
  /** One name a class; without them the classes are the numbers up to the largest label. */
  readonly classNames?: readonly string[];
  /** The label of each class, where labels do not count from 0. */
  readonly labels?: readonly number[];
  /** Whether images are stored column by column. */
  readonly transposed?: boolean;
}

/** Type codes that are read, and bytes a value takes. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 0x08: 1, 0x0b: 2 };
/** More dimensions than any image file has. */
const MAX_DIMS = 4;
const LONGEST_HEADER = 4 + 4 * MAX_DIMS;
/** Largest size a gzipped file may declare: no small file should claim all memory. */
const MAX_UNPACKED = 2 ** 30;

/** Share of each class that goes to the training split when a folder holds only one pair of files. */
const TRAIN_SHARE = 0.8;

/**
 * Reads an unpacked IDX file.
 *
 * @param source What is read, for messages
 * @throws {InputError} If the header is not understood or the length does not fit it
 */
export function parseIdx(source: string, bytes: Uint8Array): IdxArray {
  const { dims, valueBytes, headerBytes } = parseHeader(source, bytes);
  const count = sizeOf(dims);
  const wanted = headerBytes + count * valueBytes;
  if (bytes.length !== wanted) {
    throw new InputError(
      `Cannot read ${source}: found ${bytes.length} bytes, wanted ${wanted} for ${
        formatShape(dims)
      } values of ` +
        `${valueBytes} bytes`,
    );
  }
  if (valueBytes === 1) return { dims, values: bytes.slice(headerBytes) };
  const view = new DataView(bytes.buffer, bytes.byteOffset + headerBytes);
  return { dims, values: Int16Array.from({ length: count }, (_, i) => view.getInt16(2 * i)) };
}

/**
 * Unpacks an IDX file if it is gzipped, but to no more than its own header declares.
 *
 * @throws {InputError} If the gzip data is damaged or longer than declared, or the header is not understood
 */
export async function unpackIdx(source: string, bytes: Uint8Array): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  return await gunzip(source, bytes, LONGEST_HEADER, (head) => {
    const { dims, valueBytes, headerBytes } = parseHeader(source, head);
    const size = headerBytes + sizeOf(dims) * valueBytes;
    if (size > MAX_UNPACKED) {
      throw new InputError(
        `Cannot unpack ${source}: found ${size} bytes declared, wanted at most ${MAX_UNPACKED}`,
      );
    }
    return size;
  });
}

/**
 * Makes a data set of gray images from one or two pairs of IDX files, gzipped or not. With one pair, the first 80 %
 * of each class in record order (rounded down, at least one image) are the training split, the rest the test split.
 *
 * @throws {InputError} If a file is damaged, images and labels differ in number, or a label has no name
 */
export async function parseIdxDataset(
  name: string,
  pairs: { readonly train: IdxPair; readonly test?: IdxPair },
  conventions: IdxConventions = {},
): Promise<Dataset> {
  const first = await parsePair("training", pairs.train, conventions);
  const second = pairs.test && await parsePair("test", pairs.test, conventions);
  const { height, width } = first;
  if (second && (second.height !== height || second.width !== width)) {
    throw new InputError(
      `Cannot read the test images: found ${second.height}x${second.width}, wanted ${height}x${width} as in training`,
    );
  }
  const largest = [first, second].reduce((most, split) => Math.max(most, largestLabel(split?.labels)), 0);
  const [train, test] = second ? [first, second] : splitEachClass(first, largest + 1, height * width);
  return createDataset({
    name,
    channels: 1,
    height,
    width,
    classNames: conventions.classNames ?? Array.from({ length: largest + 1 }, (_, c) => `${c}`),
    train: { images: train.images, labels: train.labels, count: train.count },
    test: { images: test.images, labels: test.labels, count: test.count },
  });
}

function parseHeader(source: string, bytes: Uint8Array) {
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot read ${source}: found ${found}, wanted ${wanted}`);
  };
  if (bytes.length < 4) fail(`${bytes.length} bytes`, "an IDX header");
  const [zero, zeroToo, type, rank] = bytes as unknown as readonly [number, number, number, number];
  if (zero !== 0 || zeroToo !== 0) {
    fail(`magic bytes ${hex(zero)} ${hex(zeroToo)}`, "0x00 0x00 of an IDX file");
  }
  const valueBytes = VALUE_BYTES[type] ??
    fail(`type code ${hex(type)}`, "0x08 (unsigned bytes) or 0x0b (16-bit integers)");
  if (rank < 1 || rank > MAX_DIMS) fail(`${rank} dimensions`, `1 to ${MAX_DIMS}`);
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) {
    fail(`${bytes.length} bytes`, `a header of ${headerBytes} for ${rank} dimensions`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (dims.includes(0)) fail(`sizes ${formatShape(dims)}`, "positive sizes");
  return { dims, valueBytes, headerBytes };
}

async function parsePair(what: string, pair: IdxPair, { labels: known, transposed }: IdxConventions) {
  const source = `the ${what} images`, labelSource = `the ${what} labels`;
  const images = parseIdx(source, await unpackIdx(source, pair.images));
  const labels = parseIdx(labelSource, await unpackIdx(labelSource, pair.labels));
  const [count, height, width] = images.dims;
  if (images.dims.length !== 3 || !(images.values instanceof Uint8Array)) {
    const type = images.values instanceof Uint8Array ? "bytes" : "16-bit integers";
    throw new InputError(
      `Cannot read ${source}: found ${formatShape(images.dims)} ${type}, wanted [count,height,width] bytes`,
    );
  }
  if (labels.dims.length !== 1 || labels.dims[0] !== count) {
    throw new InputError(
      `Cannot read ${labelSource}: found labels ${formatShape(labels.dims)}, wanted [${count}], one an image`,
    );
  }
  const numbers = known && new Map(known.map((label, number) => [label, number]));
  return {
    images: transposed ? transpose(images.values, height!, width!) : images.values,
    labels: Int32Array.from(labels.values, (label) => {
      const number = numbers ? numbers.get(label) : label;
      if (number !== undefined) return number;
      throw new InputError(`Cannot read ${labelSource}: found label ${label}, wanted one of ${known}`);
    }),
    count: count!,
    height: transposed ? width! : height!,
    width: transposed ? height! : width!,
  };
}

function transpose(images: Uint8Array, height: number, width: number): Uint8Array {
  const plane = height * width;
  return Uint8Array.from({ length: images.length }, (_, i) => {
    const at = i % plane;
    return images[i - at + (at % height) * width + Math.floor(at / height)]!;
  });
}

function largestLabel(labels: Int32Array = new Int32Array()): number {
  return labels.reduce((most, label) => Math.max(most, label), 0);
}

function splitEachClass(split: Split, classes: number, size: number): [Split, Split] {
  const total = new Int32Array(classes), seen = new Int32Array(classes);
  split.labels.forEach((label) => total[label]!++);
  const train: number[] = [], test: number[] = [];
  split.labels.forEach((label, i) => {
    const share = Math.max(1, Math.floor(total[label]! * TRAIN_SHARE));
    (seen[label]!++ < share ? train : test).push(i);
  });
  return [selectImages(split, train, size), selectImages(split, test, size)];
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
