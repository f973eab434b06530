/**
 * Taking a JPEG file of four components apart into four gray ones: the decoder knows no colours of four components, but
 * decodes each alone as libjpeg does. Coded coefficients are copied bit by bit; only the first of each block, which is
 * stored as a difference, is coded anew.
 *
 * Source: ITU-T T.81, annexes A (order of blocks), B (segments), F and G (codes of sequential and progressive scans).
 *
 * @module
 */
import { concatBytes } from "../files/bytes.ts";
import {
  BitReader,
  BitWriter,
  HuffmanTable,
  readDifference,
  skipCoefficients,
  writeDifference,
} from "./jpeg_huffman.ts";
import { isFrame, readHuffman, readQuantisation, segment, segments } from "./jpeg_segments.ts";

/** One component as a gray file. */
export interface JpegPlane {
  readonly file: Uint8Array;
  /** Samples in the file: the image's size divided by the factors and rounded up. */
  readonly width: number;
  readonly height: number;
  /** How many pixels of the image a sample stands for. */
  readonly across: number;
  readonly down: number;
}

/** A file taken apart. */
export interface JpegPlanes {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly JpegPlane[];
  /** The transform that Adobe's mark tells: 2 for YCCK. */
  readonly transform: number;
}

interface Component {
  readonly id: number;
  readonly h: number;
  readonly v: number;
  readonly table: number;
  readonly width: number;
  readonly height: number;
  /** Segments of the gray file so far. */
  readonly parts: Uint8Array[];
}

interface Frame {
  readonly marker: number;
  readonly width: number;
  readonly height: number;
  readonly hMax: number;
  readonly vMax: number;
  readonly components: readonly Component[];
}

/** Component of a scan with its tables. */
interface ScanPart {
  readonly component: Component;
  readonly dc: number;
  readonly ac: number;
}

/** The code lengths of differences that encoders use by default: every category has one. */
const DC_TABLE = Uint8Array.of(
  0,
  1,
  5,
  1,
  1,
  1,
  1,
  1,
  1,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
);
const BLOCK = 8;

/**
 * Takes a file of four components apart.
 *
 * @throws {RangeError} If it is damaged or of a kind that is not taken apart
 */
export function splitJpeg(bytes: Uint8Array): JpegPlanes {
  const quantisation = new Map<number, Uint8Array>(), huffman = new Map<number, Uint8Array>();
  let frame: Frame | undefined, transform = 0, interval = 0;
  for (const { marker, body, coded } of segments(bytes)) {
    if (marker === 0xdb) readQuantisation(body, quantisation);
    else if (marker === 0xc4) readHuffman(body, huffman);
    else if (marker === 0xdd) interval = body[0]! << 8 | body[1]!;
    else if (marker === 0xee && String.fromCharCode(...body.subarray(0, 5)) === "Adobe") {
      transform = body[11] ?? 0;
    } else if (isFrame(marker)) {
      if (marker > 0xc2) throw new RangeError("it has an arithmetic or lossless coding");
      frame = readFrame(marker, body, quantisation);
    } else if (marker === 0xda && coded) {
      if (!frame) throw new RangeError("a scan comes before the frame");
      splitScan(frame, body, coded, huffman, interval);
    }
  }
  if (!frame) throw new RangeError("it has no frame");
  const { width, height, hMax, vMax } = frame;
  const planes = frame.components.map(({ parts, h, v, ...own }) => ({
    file: concatBytes([...parts, Uint8Array.of(0xff, 0xd9)]),
    width: own.width,
    height: own.height,
    across: hMax / h,
    down: vMax / v,
  }));
  return { width, height, planes, transform };
}

function readFrame(marker: number, body: Uint8Array, quantisation: ReadonlyMap<number, Uint8Array>): Frame {
  const [precision, h1, h0, w1, w0, count] = body as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const height = h1 << 8 | h0, width = w1 << 8 | w0;
  const described = Array.from({ length: count }, (_, i) => {
    const [id = 0, factors = 0, table = 0] = body.subarray(6 + 3 * i, 9 + 3 * i);
    return { id, h: factors >> 4, v: factors & 15, table };
  });
  const hMax = Math.max(...described.map(({ h }) => h)), vMax = Math.max(...described.map(({ v }) => v));
  if (
    precision !== 8 || count !== 4 ||
    described.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4 || hMax % h > 0 || vMax % v > 0)
  ) throw new RangeError("it has a frame that is not read");
  const components = described.map((one): Component => {
    const own = { width: Math.ceil(width * one.h / hMax), height: Math.ceil(height * one.v / vMax) };
    const table = quantisation.get(one.table);
    if (!table) throw new RangeError("a quantisation table is missing");
    const plain = Uint8Array.of(table[0]! & 0xf0, ...table.subarray(1));
    const sof = Uint8Array.of(8, own.height >> 8, own.height, own.width >> 8, own.width, 1, 1, 0x11, 0);
    return { ...one, ...own, parts: [Uint8Array.of(0xff, 0xd8), segment(0xdb, plain), segment(marker, sof)] };
  });
  return { marker, width, height, hMax, vMax, components };
}

function splitScan(
  frame: Frame,
  body: Uint8Array,
  coded: Uint8Array,
  huffman: ReadonlyMap<number, Uint8Array>,
  interval: number,
): void {
  const count = body[0] ?? 0;
  const parts = Array.from({ length: count }, (_, i): ScanPart => {
    const component = frame.components.find(({ id }) => id === body[1 + 2 * i]);
    if (!component) throw new RangeError("a scan is of a component that is none");
    const tables = body[2 + 2 * i]!;
    return { component, dc: tables >> 4, ac: tables & 15 };
  });
  const spectrum = body.subarray(1 + 2 * count);
  const [first = 0, last = 0, approximation = 0] = spectrum;
  const header = segment(0xda, Uint8Array.of(1, 1, 0, first, last, approximation));
  const table = (kind: number, number: number) => huffman.get(kind << 4 | number);
  if (parts.length === 1) {
    const [{ component, dc, ac }] = parts as [ScanPart];
    component.parts.push(
      segment(0xdd, Uint8Array.of(interval >> 8, interval)),
      ...tableSegments(table(0, dc), table(1, ac)),
      header,
      coded,
    );
    return;
  }
  const isProgressive = frame.marker === 0xc2;
  if (isProgressive && last !== 0) throw new RangeError("a scan mixes components where none may");
  const isRefining = isProgressive && approximation >> 4 > 0;
  const blocks = readBlocks(frame, parts, new BitReader(coded), interval, (reader, { dc, ac }, previous) => {
    if (isRefining) return { dc: reader.bit(), from: reader.at, to: reader.at };
    const dcTable = tableOf(table(0, dc));
    const value = previous + readDifference(reader, dcTable);
    const from = reader.at;
    if (!isProgressive) skipCoefficients(reader, tableOf(table(1, ac)));
    return { dc: value, from, to: reader.at };
  });
  parts.forEach(({ component, ac }, i) => {
    const tables = tableSegments(DC_TABLE, isProgressive ? undefined : table(1, ac));
    const none = segment(0xdd, Uint8Array.of(0, 0));
    component.parts.push(none, ...tables, header, writeBlocks(component, blocks[i]!, isRefining));
  });
}

const parsed = new WeakMap<Uint8Array, HuffmanTable>();

function tableOf(content: Uint8Array | undefined): HuffmanTable {
  if (!content) throw new RangeError("a table of codes is missing");
  const known = parsed.get(content) ?? new HuffmanTable(content);
  parsed.set(content, known);
  return known;
}

function tableSegments(dc: Uint8Array | undefined, ac: Uint8Array | undefined): Uint8Array[] {
  return [[0, dc] as const, [0x10, ac] as const].flatMap(([kind, content]) =>
    content ? [segment(0xc4, concatBytes([Uint8Array.of(kind), content]))] : []
  );
}

/** One block: its first coefficient, or one bit of it, and where its other coefficients are. */
interface Block {
  readonly dc: number;
  readonly from: number;
  readonly to: number;
}

/** The blocks of each component of a scan, row by row of its grid of whole units. */
interface BlockGrid {
  readonly reader: BitReader;
  readonly perRow: number;
  readonly dc: Int32Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
}

function readBlocks(
  { width, height, hMax, vMax }: Frame,
  parts: readonly ScanPart[],
  reader: BitReader,
  interval: number,
  read: (reader: BitReader, part: ScanPart, previous: number) => Block,
): BlockGrid[] {
  const across = Math.ceil(width / (BLOCK * hMax)), down = Math.ceil(height / (BLOCK * vMax));
  const grids = parts.map(({ component: { h, v } }): BlockGrid => {
    const count = across * h * down * v;
    const [dc, from, to] = [new Int32Array(count), new Float64Array(count), new Float64Array(count)];
    return { reader, perRow: across * h, dc, from, to };
  });
  const previous = parts.map(() => 0);
  for (let unit = 0; unit < across * down; unit++) {
    if (interval > 0 && unit > 0 && unit % interval === 0) {
      reader.restart();
      previous.fill(0);
    }
    parts.forEach((part, i) => {
      const { h, v } = part.component, grid = grids[i]!;
      for (let b = 0; b < h * v; b++) {
        const column = unit % across * h + b % h, row = Math.floor(unit / across) * v + Math.floor(b / h);
        const block = read(reader, part, previous[i]!);
        previous[i] = block.dc;
        const place = row * grid.perRow + column;
        grid.dc[place] = block.dc;
        grid.from[place] = block.from;
        grid.to[place] = block.to;
      }
    });
  }
  return grids;
}

/** The blocks that a component alone has, in its own order; padding to whole units falls away. */
function writeBlocks({ width, height }: Component, grid: BlockGrid, isRefining: boolean): Uint8Array {
  const writer = new BitWriter(), table = tableOf(DC_TABLE);
  let previous = 0;
  for (let row = 0; row < Math.ceil(height / BLOCK); row++) {
    for (let column = 0; column < Math.ceil(width / BLOCK); column++) {
      const place = row * grid.perRow + column, dc = grid.dc[place]!;
      if (isRefining) writer.put(dc, 1);
      else {
        writeDifference(dc - previous, writer, table);
        grid.reader.copy(grid.from[place]!, grid.to[place]!, writer);
      }
      previous = dc;
    }
  }
  return writer.finish();
}
