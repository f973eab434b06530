/**
 * Image files, folders and archives for tests.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32, deflateSync, gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { packTar, type TarHeader } from "modern-tar";

/** JPEG files made by libjpeg-turbo's cjpeg, with the SHA-256 of the pixels that its djpeg (-dct int) gives. */
export const JPEGS = {
  /** 17x13, 4:2:0, baseline. */
  baseline: {
    base64:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAANABEDASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAABwAGCP/EACgQAAECBAMIAwAAAAAAAAAAAAEAAgMEBhEFElEHExUWI0Gh0VOSo//EABYBAQEBAAAAAAAAAAAAAAAAAAUEB//EACYRAAECAwYHAAAAAAAAAAAAAAECAwARMQQGEhYhUQVBU5GS0uH/2gAMAwEAAhEDEQA/ABCnKH3mXo+EjYFs/htY18WGGt1ISVRtOyLslx4W7p3AJKKDMxRmLWk2tYWHYIRniDIszbi0YlLnKdAEgTJ5mo0Fd4iuZfd3EACdIGuRpHT83elLoHhUt8UH6H2pB5vsPTR4K942XOb+57/I/9k=",
    pixels: "03978519a810b45d2d2dab4e1c9051aa211bc4dacbdf33a1967b4a0833dfce3a",
  },
  /** The same in scans. */
  progressive: {
    base64:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESUM8SDc9Pjv/2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozv/wgARCAANABEDASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAABQAEBv/EABUBAQEAAAAAAAAAAAAAAAAAAAMF/9oADAMBAAIQAxAAAAENJLeBjXQQWv/EABoQAAIDAQEAAAAAAAAAAAAAAAABAgMEEhT/2gAIAQEAAQUChnIZjzoqrRCtHCP/xAAXEQADAQAAAAAAAAAAAAAAAAAAAQQU/9oACAEDAQE/AZLGa2f/xAAcEQEAAgEFAAAAAAAAAAAAAAABAAISFDFRkeH/2gAIAQIBAT8BLmIpvNVTg69n/8QAFhAAAwAAAAAAAAAAAAAAAAAAEBEg/9oACAEBAAY/AoY//8QAGxAAAwACAwAAAAAAAAAAAAAAAAERIUFhkfD/2gAIAQEAAT8htoRK0eYYY/kcC6P/2gAMAwEAAgADAAAAEIwv/8QAGBEAAgMAAAAAAAAAAAAAAAAAAAERIWH/2gAIAQMBAT8Qnqzdn//EABoRAAICAwAAAAAAAAAAAAAAAAABEfEhMXH/2gAIAQIBAT8QXmDlzG6LwP/EAB0QAQABAwUAAAAAAAAAAAAAAAEAESFhocHR4fD/2gAIAQEAAT8QtNsAABmY9Uf0hLfQrSk8Lmf/2Q==",
    pixels: "425e558ff69729838e9848edc3bb66e79184459b0bfcb4d1b16bb46f195df982",
  },
  /** 12x9. */
  gray: {
    base64:
      "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/wAALCAAJAAwBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABwb/xAAoEAAABAQDCQEAAAAAAAAAAAABAgMGAAQFEQcUIQgiMTM3Q1GBhLT/2gAIAQEAAD8AksJKLyd3xD/UXyzmQErTXRVsjOqohMETyqyt0xESgNyEEOJTaXvpBVhJ2fUGe0B1gcPzflRj/9k=",
    pixels: "999f895ddb3b200f269c3882665000e6195c8d91e6e71b5a5bf3ea3bfe982eff",
  },
} as const;

/** The bytes of one of them. */
export function jpegFile(name: keyof typeof JPEGS): Uint8Array {
  return new Uint8Array(Buffer.from(JPEGS[name].base64, "base64"));
}

/** A PNG file to be made. */
export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced?: boolean;
  /** Rows with their filter bytes. */
  readonly rows: Uint8Array;
  readonly palette?: readonly number[];
  /** Chunks before the pixels. */
  readonly extra?: readonly (readonly [name: string, content: Uint8Array])[];
}

/** Writes a PNG file by the book, for kinds that no encoder at hand writes. */
export function pngFile(
  { width, height, depth, colour, interlaced, rows, palette, extra = [] }: PngParts,
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  const chunks: (readonly [string, Uint8Array])[] = [
    ["IHDR", header],
    ...extra,
    ...palette ? [["PLTE", Uint8Array.from(palette)] as const] : [],
    ["IDAT", new Uint8Array(deflateSync(rows))],
    ["IEND", new Uint8Array()],
  ];
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...chunks.flatMap(chunk)]);
}

function chunk([name, content]: readonly [string, Uint8Array]): number[] {
  const body = Uint8Array.from([...new TextEncoder().encode(name), ...content]);
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, content.length);
  numbers.setUint32(4, crc32(body));
  const bytes = new Uint8Array(numbers.buffer);
  return [...bytes.subarray(0, 4), ...body, ...bytes.subarray(4)];
}

/** An 8-bit PNG of one colour: one value for gray, three for red, green, blue. */
export function plainPng(width: number, height: number, colour: readonly number[]): Uint8Array {
  const row = [0, ...Array.from({ length: width }, () => colour).flat()];
  const rows = Uint8Array.from(Array.from({ length: height }, () => row).flat());
  return pngFile({ width, height, depth: 8, colour: colour.length === 1 ? 0 : 2, rows });
}

/** Files by path. */
export type Files = Readonly<Record<string, Uint8Array | string>>;

/** A tar archive. */
export async function tarFile(files: Files, extra: readonly TarHeader[] = []): Promise<Uint8Array> {
  return await packTar([
    ...Object.entries(files).map(([name, content]) => {
      const bytes = bytesOf(content);
      return { header: { name, size: bytes.length, mtime: new Date(0) }, body: bytes };
    }),
    ...extra.map((header) => ({ header })),
  ]);
}

/** A gzipped tar archive. */
export async function tarGzFile(files: Files): Promise<Uint8Array> {
  return new Uint8Array(gzipSync(await tarFile(files)));
}

/** A zip archive. */
export function zipFile(files: Files): Uint8Array {
  return zipSync(
    Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytesOf(content)])),
  );
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(path, bytesOf(content));
  }
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
