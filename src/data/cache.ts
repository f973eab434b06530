/**
 * Decoded data sets kept on the disk. An entry is found by a hash of everything that decides its content and proved
 * by a hash of its header and by the data set's own fingerprint, so a damaged entry is noticed and made again, never
 * used.
 *
 * Layout of an entry: the SHA-256 of what follows up to the images, a 4-byte little-endian header length, the header
 * as JSON, then the images and labels (little-endian int32) of the training split and of the test split.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { InputError } from "../core/errors.ts";
import { replaceFile } from "../core/files.ts";
import { hashJson, type JsonObject, sha256 } from "../core/json.ts";
import { reasonOf } from "./files/reason.ts";
import { createDataset, type Dataset, imageSize, labelBytes, type Split } from "./dataset.ts";

/** Where to keep decoded data, and who is told about it. */
export interface CacheOptions {
  /** Folder; it is created where it is missing. Nothing is kept without it. */
  readonly cache?: string;
  /** Told when an entry is damaged or cannot be kept. */
  readonly onNotice?: (text: string) => void;
}

/** Changes whenever the same input would give other bytes. */
const VERSION = 5;
const HASH_BYTES = 32;
const HEADER_AT = HASH_BYTES + 4;

/**
 * The data set that `identity` names: from the cache, or made and kept.
 *
 * @param identity Everything that decides the content: reader, settings, hash of the source
 * @param make Makes it, given a listener whose notices are kept, so that they are said whenever the entry is used
 */
export async function cached(
  identity: JsonObject,
  { cache, onNotice }: CacheOptions,
  make: (onNotice: (text: string) => void) => Promise<Dataset>,
): Promise<Dataset> {
  const notices: string[] = [];
  const say = (text: string) => {
    notices.push(text);
    onNotice?.(text);
  };
  if (cache === undefined) return await make(say);
  const path = `${cache}/${hashJson({ version: VERSION, ...identity })}.dataset`;
  const bytes = await readEntry(path);
  if (bytes) {
    try {
      const entry = decodeEntry(bytes);
      for (const notice of entry.notices) onNotice?.(notice);
      return entry.dataset;
    } catch (error) {
      onNotice?.(`${path} is damaged and will be made again: ${reasonOf(error)}`);
    }
  }
  const dataset = await make(say);
  try {
    await Deno.mkdir(cache, { recursive: true });
    await replaceFile(path, encodeEntry(dataset, notices));
  } catch (error) {
    onNotice?.(`decoded data cannot be kept in ${cache}: ${reasonOf(error)}`);
  }
  return dataset;
}

/** The bytes of an entry, if it can be read. If it cannot, nor can it be written, which is then said. */
async function readEntry(path: string): Promise<Uint8Array | undefined> {
  return await Deno.readFile(path).catch(() => undefined);
}

function encodeEntry({ train, test, ...about }: Dataset, notices: readonly string[]): Uint8Array[] {
  const text = JSON.stringify({ ...about, notices, train: train.count, test: test.count });
  const header = new TextEncoder().encode(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, header.length, true);
  return [
    hashOf(length, header),
    length,
    header,
    ...[train, test].flatMap(({ images, labels }) => [images, labelBytes(labels)]),
  ];
}

function hashOf(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.from(sha256(...parts), "hex"));
}

/**
 * Reads an entry back.
 *
 * @throws {InputError} If it is not whole or its content is not what its fingerprint says
 */
function decodeEntry(
  bytes: Uint8Array,
): { readonly dataset: Dataset; readonly notices: readonly string[] } {
  if (bytes.length < HEADER_AT) throw new InputError(`Cannot read the entry: found ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HASH_BYTES, true);
  const end = HEADER_AT + length;
  if (hashOf(bytes.subarray(HASH_BYTES, end)).some((byte, i) => byte !== bytes[i])) {
    throw new InputError("Cannot read the entry: its header is not what its hash says");
  }
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_AT, end))) as
    & Omit<Dataset, "train" | "test">
    & { readonly train: number; readonly test: number; readonly notices: readonly string[] };
  const { fingerprint, train, test, notices, ...about } = header;
  const size = imageSize(about);
  let at = end;
  const take = (count: number): Split => {
    const images = bytes.subarray(at, at += count * size);
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const labels = Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
    at += 4 * count;
    return { images, labels, count };
  };
  if (bytes.length !== at + (train + test) * (size + 4)) {
    throw new InputError(`Cannot read the entry: found ${bytes.length} bytes, wanted what its header says`);
  }
  const dataset = createDataset({ ...about, train: take(train), test: take(test) });
  if (dataset.fingerprint !== fingerprint) {
    throw new InputError(
      `Cannot read the entry: found content ${dataset.fingerprint}, wanted ${fingerprint}`,
    );
  }
  return { dataset, notices };
}
