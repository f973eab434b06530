/**
 * From the bytes of an image file to pixels of one size. Decoders and the resizer are libraries; what stands here is
 * the choice of conventions, those of torchvision: alpha is dropped, the larger side is cropped around its middle,
 * resizing is bilinear with antialiasing on the stored values.
 *
 * @module
 */
import { initSync, resize } from "@jsquash/resize/lib/resize/pkg/squoosh_resize.js";
import { decodeBmp } from "./bmp.ts";
import { decodeGif } from "./gif.ts";
import { readImageHeader } from "./header.ts";
import { createJpegDecoder } from "./jpeg.ts";
import { decodePng } from "./png.ts";
import { decodePnm } from "./pnm.ts";
import type { RgbaImage } from "./rgba_image.ts";
import { decodeTiff } from "./tiff.ts";
import { createWebpDecoder, type WebpDecoder } from "./webp.ts";

/** Height and width in pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Decodes and resizes images. */
export interface ImageCodec {
  /**
   * Decodes a JPEG, PNG, WebP, BMP, GIF (first frame), TIFF or PNM file.
   *
   * @param source Name of the image, for messages
   * @throws {InputError} If it is damaged, of an unknown format or of an absurd size
   */
  decode(source: string, bytes: Uint8Array): Promise<RgbaImage>;
  /** Crops to the proportions of `size` around the middle and resizes. */
  fit(image: RgbaImage, size: ImageSize): RgbaImage;
}

/** Place of the triangle (bilinear) filter among the resizer's methods. */
const TRIANGLE = 0;

/** Loads the codecs; needs permission to read Deno's package cache. */
export async function createImageCodec(): Promise<ImageCodec> {
  const decodeJpeg = await createJpegDecoder();
  const url = new URL(import.meta.resolve("@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm"));
  initSync(await WebAssembly.compile(await Deno.readFile(url)));
  let decodeWebp: Promise<WebpDecoder> | undefined;
  return {
    async decode(source, bytes) {
      const { format } = readImageHeader(source, bytes);
      switch (format) {
        case "jpeg":
          return await decodeJpeg(source, bytes);
        case "png":
          return decodePng(source, bytes);
        case "webp":
          return await (await (decodeWebp ??= createWebpDecoder()))(source, bytes);
        case "bmp":
          return decodeBmp(source, bytes);
        case "gif":
          return decodeGif(source, bytes);
        case "tiff":
          return decodeTiff(source, bytes);
        case "pnm":
          return decodePnm(source, bytes);
      }
    },
    fit(image, size) {
      const { width, height, data } = cropTo(image, size);
      if (width === size.width && height === size.height) return { width, height, data };
      const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
      return {
        ...size,
        data: resize(pixels, width, height, size.width, size.height, TRIANGLE, false, false),
      };
    },
  };
}

/** The largest part around the middle that has the proportions of `size`. */
function cropTo(image: RgbaImage, size: ImageSize): RgbaImage {
  const width = Math.max(1, Math.min(image.width, Math.round(image.height * size.width / size.height)));
  const height = Math.max(1, Math.min(image.height, Math.round(image.width * size.height / size.width)));
  if (width === image.width && height === image.height) return image;
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 4 * ((top + y) * image.width + left);
    data.set(image.data.subarray(start, start + 4 * width), 4 * y * width);
  }
  return { width, height, data };
}
