/**
 * The safetensors format (github.com/huggingface/safetensors, README "Format"): eight bytes with the length of a
 * JSON header, the header with type, shape and byte range of every tensor, then the bytes. Files come from
 * strangers: nothing is believed before it is checked, and nothing larger than the file is allocated for it.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, type Shape, sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { storedTypes } from "./dtypes.ts";
import { findDuplicateKey } from "./json_keys.ts";

/** A tensor of labels or indices. */
export interface IntegerTensor {
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
  /** Row-major. */
  readonly data: Int32Array;
}

/** What a file holds. */
export interface SafetensorsContent {
  /** F32, F16, BF16 and F64, as float32. */
  readonly tensors: NamedTensors;
  /** BOOL, U8, I8, I16, I32 and I64, as int32. */
  readonly integers: Readonly<Record<string, IntegerTensor>>;
  /** Texts of the file by name, such as `format`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Channels, height and width of the images that a graph takes, if it is for one size. */
  readonly images?: readonly [channels: number, height: number, width: number];
}

/** How to read. */
export interface ReadOptions {
  /** Named in errors. */
  readonly file?: string;
  /** Refuse NaN and infinity. Off by default. */
  readonly finite?: boolean;
}

const LENGTH_BYTES = 8;
const METADATA = "__metadata__";

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function parseHeader(bytes: Uint8Array, fail: (why: string) => never): Readonly<Record<string, unknown>> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    return fail(`the header is not JSON (${(error as Error).message})`);
  }
  if (!isRecord(header)) return fail("the header is not a JSON object");
  const twice = findDuplicateKey(text);
  if (twice !== undefined) return fail(`the header has the key ${JSON.stringify(twice)} twice`);
  return header;
}

function parseMetadata(value: unknown, fail: (why: string) => never): Readonly<Record<string, string>> {
  // Some writers put null where there is none.
  if (value === undefined || value === null) return {};
  if (!isRecord(value) || Object.values(value).some((item) => typeof item !== "string")) {
    return fail(`${METADATA} must map strings to strings`);
  }
  return value as Readonly<Record<string, string>>;
}

/** Fails if a tensor has a value that is no finite number. */
export function checkFinite(of: string, values: Float32Array, fail: (why: string) => never): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) fail(`${of} has ${values[at]} at element ${at}, wanted finite numbers`);
}

/** A value of a file for an error; it may be as long as the file. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function parseEntry(name: string, value: unknown, available: number, fail: (why: string) => never): Entry {
  const of = `tensor ${show(name)}`;
  if (!isRecord(value)) return fail(`${of} is described by ${show(value)}, wanted an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const type = typeof dtype === "string" && Object.hasOwn(storedTypes, dtype)
    ? storedTypes[dtype]
    : undefined;
  if (!type) {
    if (/^(F8|F6|F4|[UI]4|NF4|MX)/.test(String(dtype))) {
      return fail(
        `${of} has the type ${show(dtype)}: found quantised weights, wanted floating-point weights`,
      );
    }
    const known = Object.keys(storedTypes).join(", ");
    return fail(`${of} has the type ${show(dtype)}, wanted one of ${known}`);
  }
  if (!isCountList(shape)) {
    return fail(`${of} has the shape ${show(shape)}, wanted a list of sizes`);
  }
  if (!isCountList(offsets) || offsets.length !== 2) {
    return fail(`${of} has the offsets ${show(offsets)}, wanted [begin, end]`);
  }
  const [begin, end] = offsets as readonly [number, number];
  if (begin > end || end > available) {
    return fail(`${of} lies at bytes ${begin} to ${end}, wanted a range within ${available} bytes`);
  }
  if (sizeOf(shape) * type.bytes !== end - begin) {
    return fail(
      `${of} takes ${end - begin} bytes, wanted ${sizeOf(shape) * type.bytes} for ${dtype}${
        formatShape(shape)
      }`,
    );
  }
  return { name, dtype: dtype as string, shape, begin, end };
}

/** The byte ranges must follow one another from the first byte to the last. */
function checkCoverage(entries: readonly Entry[], available: number, fail: (why: string) => never): void {
  let reached = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) {
      fail(
        `tensor ${JSON.stringify(name)} begins at byte ${begin}, wanted ${reached}, where the last one ends`,
      );
    }
    reached = end;
  }
  if (reached !== available) fail(`tensors end at byte ${reached}, wanted ${available}, the end of the file`);
}

/**
 * Reads a file.
 *
 * @throws {InputError} If it is not a sound safetensors file, names the file and, where there is one, the tensor
 */
export function readSafetensors(bytes: Uint8Array, options: ReadOptions = {}): SafetensorsContent {
  const fail = (why: string): never => {
    throw new InputError(`Cannot read ${options.file ?? "safetensors"}: ${why}`);
  };
  if (bytes.length < LENGTH_BYTES) {
    return fail(`found ${bytes.length} bytes, wanted at least the ${LENGTH_BYTES} of the header's length`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const available = bytes.length - LENGTH_BYTES;
  if (length > BigInt(available)) return fail(`the header claims ${length} bytes, the file has ${available}`);
  const dataStart = LENGTH_BYTES + Number(length);
  const { [METADATA]: metadata, ...described } = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), fail);
  const data = bytes.subarray(dataStart);
  const entries = Object.entries(described).map(([name, value]) =>
    parseEntry(name, value, data.length, fail)
  );
  checkCoverage(entries, data.length, fail);

  const tensors: [string, HostTensor][] = [];
  const integers: [string, IntegerTensor][] = [];
  for (const { name, dtype, shape, begin, end } of entries) {
    const values = decode(name, dtype, data.subarray(begin, end), fail);
    if (values instanceof Int32Array) integers.push([name, { shape, data: values }]);
    else {
      if (options.finite) checkFinite(`tensor ${JSON.stringify(name)}`, values, fail);
      tensors.push([name, hostTensor(shape, values)]);
    }
  }
  return {
    tensors: Object.fromEntries(tensors),
    integers: Object.fromEntries(integers),
    metadata: parseMetadata(metadata, fail),
  };
}

function decode(
  name: string,
  dtype: string,
  bytes: Uint8Array,
  fail: (why: string) => never,
): Float32Array | Int32Array {
  try {
    return storedTypes[dtype]!.decode(bytes);
  } catch (error) {
    if (error instanceof InputError) return fail(`tensor ${JSON.stringify(name)}: ${error.message}`);
    throw error;
  }
}

function byName<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

/**
 * Writes a file. Names are sorted and nothing else enters, so equal content gives equal bytes.
 *
 * @throws {RangeError} If a name is used twice or is reserved
 */
export function writeSafetensors(content: Partial<SafetensorsContent>): Uint8Array {
  const { tensors = {}, integers = {}, metadata = {} } = content;
  const all = byName<HostTensor | IntegerTensor>({ ...tensors, ...integers });
  if (all.length !== Object.keys(tensors).length + Object.keys(integers).length) {
    throw new RangeError("Cannot write safetensors: a name is used for a float and an integer tensor");
  }
  let offset = 0;
  const described = all.map(([name, { shape, data }]) => {
    if (name === METADATA) throw new RangeError(`Cannot write safetensors: the name ${METADATA} is reserved`);
    const dtype = data instanceof Int32Array ? "I32" : "F32";
    const begin = offset;
    offset += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const facts = Object.keys(metadata).length > 0
    ? [[METADATA, Object.fromEntries(byName(metadata))] as const]
    : [];
  const header = Object.fromEntries<unknown>([...facts, ...described]);
  const unpadded = new TextEncoder().encode(JSON.stringify(header));
  // Spaces up to a multiple of eight keep the data aligned, as the format's own writer does.
  const headerLength = Math.ceil(unpadded.length / 8) * 8;
  const dataStart = LENGTH_BYTES + headerLength;
  const file = new Uint8Array(dataStart + offset).fill(0x20, LENGTH_BYTES, dataStart);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(unpadded, LENGTH_BYTES);
  let position = dataStart;
  for (const [, { data }] of all) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}
