/**
 * Proving that a Parquet file declares no more than its bytes can account for, before the library reads it.
 *
 * Source: Apache Parquet, parquet.thrift (FileMetaData, PageHeader) and Encodings.md.
 *
 * @module
 */
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { type Compressors, type FileMetaData, snappyUncompress } from "hyparquet";
import { decompressLz4, decompressLz4Raw, decompressZstd } from "hyparquet-compressors";
import { type ThriftStruct, walkThrift } from "./thrift.ts";

/** Unpacked bytes a packed one may give, beyond some that are free. */
const MAX_RATIO = 1032;
const FREE_BYTES = 2 ** 16;
const MAX_PAGE_BYTES = 2 ** 30;
/** Bytes of the file a row must have on average: an image has more. */
const MIN_ROW_BYTES = 8;
/** Encodings whose size follows from the page's: plain, dictionaries, run lengths. */
const ENCODINGS = [0, 2, 3, 8];
const DATA_PAGE = 0, DICTIONARY_PAGE = 2, DATA_PAGE_V2 = 3;
const FOOTER_BYTES = 8;

/**
 * Walks the footer.
 *
 * @throws {RangeError} If it is no Parquet footer or declares too much
 */
export function checkFooter(bytes: Uint8Array): void {
  const mark = String.fromCharCode(...bytes.subarray(-4));
  if (bytes.length < 12 || mark !== "PAR1") throw new RangeError("it has no footer");
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(
    bytes.length - FOOTER_BYTES,
    true,
  );
  const start = bytes.length - FOOTER_BYTES - length;
  if (start < 4) throw new RangeError("its footer is longer than the file");
  walkThrift(bytes.subarray(start, bytes.length - FOOTER_BYTES), 0);
}

/**
 * Walks the pages of the columns that will be read.
 *
 * @param isWanted Whether a column is read, by its path
 * @throws {RangeError} If rows, pages or values are more than the file can hold, or an encoding is not read
 */
export function checkPages(
  bytes: Uint8Array,
  metadata: FileMetaData,
  isWanted: (path: readonly string[]) => boolean,
): void {
  const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (rows !== Number(metadata.num_rows) || rows * MIN_ROW_BYTES > bytes.length) {
    throw new RangeError(`it declares ${metadata.num_rows} rows in ${bytes.length} bytes`);
  }
  for (const { columns, num_rows } of metadata.row_groups) {
    if (!(Number(num_rows) >= 0)) throw new RangeError(`a group declares ${num_rows} rows`);
    for (const { meta_data: about, file_path } of columns) {
      if (!about || file_path) throw new RangeError("a column lies in another file");
      if (!isWanted(about.path_in_schema)) continue;
      const data = Number(about.data_page_offset), dictionary = Number(about.dictionary_page_offset ?? 0);
      const start = dictionary > 0 ? Math.min(dictionary, data) : data;
      const end = start + Number(about.total_compressed_size);
      if (!(start >= 0) || !(end <= bytes.length) || Number(about.num_values) !== Number(num_rows)) {
        throw new RangeError("a column lies outside of the file");
      }
      checkChunk(bytes.subarray(start, end), Number(num_rows));
    }
  }
}

function checkChunk(chunk: Uint8Array, rows: number): void {
  let values = 0;
  for (let at = 0; at < chunk.length - 1;) {
    const { fields, end } = walkThrift(chunk, at);
    const number = (of: ReadonlyMap<number, number | ThriftStruct>, id: number) => {
      const value = of.get(id);
      return typeof value === "number" ? value : -1;
    };
    const part = (id: number) => {
      const value = fields.get(id);
      return typeof value === "object" ? value.fields : new Map<number, number>();
    };
    const type = number(fields, 1), unpacked = number(fields, 2), packed = number(fields, 3);
    if (packed < 0 || packed > chunk.length - end || unpacked < 0) {
      throw new RangeError("a page is longer than its column");
    }
    checkSize(packed, unpacked);
    if (type === DICTIONARY_PAGE) {
      const count = number(part(7), 1);
      if (count < 0 || count > unpacked) throw new RangeError(`a dictionary declares ${count} values`);
    } else if (type === DATA_PAGE || type === DATA_PAGE_V2) {
      const header = part(type === DATA_PAGE ? 5 : 8);
      const count = number(header, 1), encoding = number(header, type === DATA_PAGE ? 2 : 4);
      values += count;
      if (count < 0 || values > rows) throw new RangeError(`pages declare ${values} values for ${rows} rows`);
      if (!ENCODINGS.includes(encoding)) throw new RangeError(`a column has encoding ${encoding}`);
      if (type === DATA_PAGE_V2) {
        const levels = [5, 6].map((id) => number(header, id));
        if (levels.some((size) => size < 0) || levels[0]! + levels[1]! > Math.min(packed, unpacked)) {
          throw new RangeError("the levels of a page are longer than it");
        }
      }
    } else throw new RangeError(`a page is of type ${type}`);
    at = end + packed;
  }
  if (values !== rows) throw new RangeError(`pages declare ${values} values for ${rows} rows`);
}

function checkSize(packed: number, unpacked: number): void {
  if (unpacked > MAX_PAGE_BYTES || unpacked > FREE_BYTES + MAX_RATIO * packed) {
    throw new RangeError(`a page of ${packed} bytes declares ${unpacked}`);
  }
}

/** Runs an unpacker within the declared size. */
function bounded(unpack: (packed: Uint8Array, size: number) => Uint8Array) {
  return (packed: Uint8Array, size: number): Uint8Array => {
    checkSize(packed.length, size);
    return unpack(packed, size);
  };
}

/** Every packing of Parquet, bounded. */
export const boundedCompressors: Compressors = {
  SNAPPY: bounded((packed, size) => {
    const output = new Uint8Array(size);
    snappyUncompress(packed, output);
    return output;
  }),
  GZIP: bounded((packed, size) => gunzipSync(packed, { maxOutputLength: Math.max(1, size) })),
  BROTLI: bounded((packed, size) => brotliDecompressSync(packed, { maxOutputLength: Math.max(1, size) })),
  ZSTD: bounded((packed, size) => decompressZstd(packed, new Uint8Array(size))),
  LZ4: bounded(decompressLz4),
  LZ4_RAW: bounded(decompressLz4Raw),
};
