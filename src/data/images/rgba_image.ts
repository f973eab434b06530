/**
 * What decoders produce and resizing works on.
 *
 * @module
 */

/** An image of four bytes a pixel: red, green, blue, alpha. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}
