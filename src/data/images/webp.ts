/**
 * Decoding WebP by libwebp compiled to WebAssembly, the same library that Pillow uses. Of an animation the first frame is
 * taken, on its canvas.
 *
 * Source: RFC 9649, section 2 (container).
 *
 * @module
 */
import createWebp from "@jsquash/webp/codec/dec/webp_dec.js";
import { InputError } from "../../core/errors.ts";
import { concatBytes } from "../files/bytes.ts";
import type { RgbaImage } from "./rgba_image.ts";

/** What is used of the Emscripten module. */
interface Webp {
  decode(data: Uint8Array): RgbaImage | null;
}
type WebpFactory = (options: {
  readonly noInitialRun: true;
  readonly print: (text: string) => void;
  readonly printErr: (text: string) => void;
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): unknown;
}) => Promise<Webp>;

/** A failed decoding may leak the module's memory; after so many a fresh one takes its place. */
const FAILURES_PER_MODULE = 16;

/** A part of the container. */
interface Chunk {
  readonly name: string;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
}

/** Decodes one WebP file. */
export type WebpDecoder = (source: string, bytes: Uint8Array) => Promise<RgbaImage>;

/** Width and height of a WebP file; `undefined` if it is none. */
export function webpSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const name = (from: number) => String.fromCharCode(...bytes.subarray(from, from + 4));
  if (bytes.length < 30 || name(0) !== "RIFF" || name(8) !== "WEBP") return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const three = (at: number) => view.getUint16(at, true) + 65536 * bytes[at + 2]!;
  switch (name(12)) {
    case "VP8X":
      return { width: 1 + three(24), height: 1 + three(27) };
    case "VP8L": {
      const packed = view.getUint32(21, true);
      return { width: 1 + (packed & 0x3fff), height: 1 + (packed >>> 14 & 0x3fff) };
    }
    case "VP8 ":
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  return undefined;
}

/** Loads the decoder; needs permission to read Deno's package cache. */
export async function createWebpDecoder(): Promise<WebpDecoder> {
  const url = new URL(import.meta.resolve("@jsquash/webp/codec/dec/webp_dec.wasm"));
  const wasm = await WebAssembly.compile(await Deno.readFile(url));
  const instantiate = () =>
    (createWebp as unknown as WebpFactory)({
      noInitialRun: true,
      print: () => {},
      printErr: () => {},
      instantiateWasm(imports, done) {
        const instance = new WebAssembly.Instance(wasm, imports);
        done(instance);
        return instance.exports;
      },
    });
  let module = await instantiate();
  let failures = 0;
  return async (source, bytes) => {
    const size = webpSize(bytes)!;
    const frame = firstFrame(bytes);
    let image: RgbaImage | null = null;
    try {
      image = frame && frame.isInside(size) ? module.decode(frame.file) : null;
    } catch {
      if (++failures >= FAILURES_PER_MODULE) {
        module = await instantiate();
        failures = 0;
      }
    }
    if (!image || !frame) {
      throw new InputError(`Cannot decode ${source}: found damage, wanted a whole WebP file`);
    }
    if (image.width === size.width && image.height === size.height) return image;
    const data = new Uint8Array(4 * size.width * size.height);
    const width = Math.min(image.width, size.width - frame.left);
    for (let row = 0; row < image.height && frame.top + row < size.height; row++) {
      const from = 4 * row * image.width;
      data.set(
        image.data.subarray(from, from + 4 * width),
        4 * ((frame.top + row) * size.width + frame.left),
      );
    }
    return { ...size, data };
  };
}

/** A file of the first frame alone, and its place on the canvas. */
function firstFrame(bytes: Uint8Array) {
  const chunks = chunksOf(bytes.subarray(12));
  const frame = chunks.find(({ name }) => name === "ANMF");
  if (!frame) {
    const isInside = () => chunks.some(({ name }) => name === "VP8 " || name === "VP8L");
    return { left: 0, top: 0, file: bytes, isInside };
  }
  const three = (at: number) => frame.body[at]! + 256 * frame.body[at + 1]! + 65536 * frame.body[at + 2]!;
  const picture = chunksOf(frame.body.subarray(16)).find(({ name }) => name === "VP8 " || name === "VP8L");
  if (frame.body.length < 16 || !picture) return undefined;
  const [left, top, width, height] = [2 * three(0), 2 * three(3), 1 + three(6), 1 + three(9)];
  const file = concatBytes([new TextEncoder().encode("RIFF\0\0\0\0WEBP"), picture.whole]);
  new DataView(file.buffer).setUint32(4, file.length - 8, true);
  const own = webpSize(concatBytes([file, new Uint8Array(30)]));
  return {
    left,
    top,
    file,
    isInside: (canvas: { readonly width: number; readonly height: number }) =>
      own?.width === width && own.height === height && left + width <= canvas.width &&
      top + height <= canvas.height,
  };
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: Chunk[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    const end = Math.min(bytes.length, at + 8 + size + size % 2);
    chunks.push({
      name: String.fromCharCode(...bytes.subarray(at, at + 4)),
      body: bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + size)),
      whole: bytes.subarray(at, end),
    });
    at = end;
  }
  return chunks;
}
