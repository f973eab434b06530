/**
 * Decoding JPEG by MozJPEG (libjpeg-turbo's family) compiled to WebAssembly: the same pixels as libjpeg gives, and
 * what a malicious file can reach ends at the module's own memory.
 *
 * @module
 */
import createMozjpeg from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { InputError } from "../../core/errors.ts";
import { cmykToRgba } from "./cmyk.ts";
import { splitJpeg } from "./jpeg_planes.ts";
import { jpegComponents } from "./jpeg_segments.ts";
import type { RgbaImage } from "./rgba_image.ts";

/** What is used of the Emscripten module. */
interface Mozjpeg {
  decode(data: Uint8Array, preserveOrientation: boolean): RgbaImage | null;
}
type MozjpegFactory = (options: {
  readonly noInitialRun: true;
  readonly print: (text: string) => void;
  readonly printErr: (text: string) => void;
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): unknown;
}) => Promise<Mozjpeg>;

/** A failed decoding leaks the module's stack and memory; after so many a fresh one takes its place. */
const FAILURES_PER_MODULE = 16;

/** Decodes one JPEG file. */
export type JpegDecoder = (source: string, bytes: Uint8Array) => Promise<RgbaImage>;

/** Loads the decoder; needs permission to read Deno's package cache. */
export async function createJpegDecoder(): Promise<JpegDecoder> {
  const url = new URL(import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
  const wasm = await WebAssembly.compile(await Deno.readFile(url));
  let messages: string[] = [];
  const instantiate = () =>
    (createMozjpeg as unknown as MozjpegFactory)({
      noInitialRun: true,
      print: (text) => messages.push(text),
      printErr: (text) => messages.push(text),
      instantiateWasm(imports, done) {
        const instance = new WebAssembly.Instance(wasm, imports);
        done(instance);
        return instance.exports;
      },
    });
  let module = await instantiate();
  let failures = 0;
  const decode: JpegDecoder = async (source, bytes) => {
    messages = [];
    let image: RgbaImage | null = null;
    try {
      image = module.decode(bytes, false);
    } catch (error) {
      const isTrap = error instanceof WebAssembly.RuntimeError;
      if (isTrap || ++failures >= FAILURES_PER_MODULE) {
        module = await instantiate();
        failures = 0;
      }
    }
    // libjpeg fills up what is missing with gray and goes on; other damage it mends as viewers do.
    if (!image || messages.some((text) => text.startsWith("Premature end"))) {
      const reason = messages.length > 0 ? ` (${messages.at(-1)})` : "";
      throw new InputError(`Cannot decode ${source}: found a damaged JPEG file${reason}`);
    }
    return image;
  };
  return async (source, bytes) =>
    jpegComponents(bytes) === 4 ? await decodeFour(source, bytes, decode) : await decode(source, bytes);
}

/** CMYK and YCCK: every component is decoded as a gray image. */
async function decodeFour(source: string, bytes: Uint8Array, decode: JpegDecoder): Promise<RgbaImage> {
  try {
    const { planes, transform, ...size } = splitJpeg(bytes);
    const samples: Uint8Array[] = [];
    for (const { file, width, height } of planes) {
      const { data } = await decode(source, file);
      samples.push(Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]!));
    }
    return cmykToRgba(planes.map((plane, i) => ({ ...plane, samples: samples[i]! })), transform, size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `Cannot decode ${source}: found a CMYK JPEG file that is not read (${error.message})`,
      {
        cause: error,
      },
    );
  }
}
