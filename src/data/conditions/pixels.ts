/**
 * What conditions do to the pixels of one image. Integer arithmetic only, and noise from a counter-based hash, so that
 * every machine gets the same bytes. All divisions are of small integers and rounded down.
 *
 * @module
 */

/** Of an image `[channels, height, width]`. */
export interface ImageShape {
  /** 1 or 3. */
  readonly channels: number;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/** 32 random bits for a place; other images have others. */
export type Bits = (place: number) => number;

/** Writes the changed image into `target`, of the same size; reads `source` alone. */
export type Change = (source: Uint8Array, target: Uint8Array, shape: ImageShape, bits: Bits) => void;

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Every value by itself, whatever its place and channel. */
export function tone(of: (value: number) => number): Change {
  const table = Uint8Array.from({ length: 256 }, (_, value) => clamp(of(value)));
  return (source, target) => source.forEach((value, i) => target[i] = table[value]!);
}

/** Every pixel of an image of three channels by itself. */
export function colours(
  of: (red: number, green: number, blue: number) => readonly [number, number, number],
): Change {
  return (source, target, { height, width }) => {
    const plane = height * width;
    for (let i = 0; i < plane; i++) {
      const pixel = of(source[i]!, source[plane + i]!, source[2 * plane + i]!);
      pixel.forEach((value, c) => target[c * plane + i] = clamp(value));
    }
  };
}

/** Brightness of a pixel, ITU-R BT.601 in parts of 256. */
export function luma(red: number, green: number, blue: number): number {
  return (77 * red + 150 * green + 29 * blue + 128) >> 8;
}

/** A function of the value and its place. */
export function placed(
  of: (value: number, y: number, x: number, shape: ImageShape) => number,
): Change {
  return (source, target, shape) => {
    const { channels, height, width } = shape;
    let i = 0;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) target[i] = clamp(of(source[i]!, y, x, shape));
      }
    }
  };
}

/** Every pixel from another place of the image, or black where there is none. */
export function moved(
  from: (y: number, x: number, shape: ImageShape) => readonly [y: number, x: number] | undefined,
): Change {
  return (source, target, shape) => {
    const { channels, height, width } = shape;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const place = from(y, x, shape);
        for (let c = 0; c < channels; c++) {
          const first = c * height * width;
          target[first + y * width + x] = place ? source[first + place[0] * width + place[1]]! : 0;
        }
      }
    }
  };
}

/** A normal number of a deviation added to every value: four random bytes summed, whose deviation is 148. */
export function noise(deviation: number): Change {
  return (source, target, _shape, bits) =>
    source.forEach((value, i) => {
      const drawn = bits(i);
      const sum = (drawn & 255) + (drawn >>> 8 & 255) + (drawn >>> 16 & 255) + (drawn >>> 24);
      target[i] = clamp(value + Math.floor(((sum - 510) * deviation + 74) / 148));
    });
}

/** Of 64 pixels so many black or white. */
export function specks(share: number): Change {
  return (source, target, { height, width }, bits) => {
    const plane = height * width;
    source.forEach((value, i) => {
      const drawn = bits(i % plane);
      target[i] = (drawn & 63) >= share ? value : drawn >>> 6 & 1 ? 255 : 0;
    });
  };
}

/** The mean over a box around every pixel; beyond the edge lies the edge. */
export function boxMean(down: number, across: number): Change {
  const count = (2 * down + 1) * (2 * across + 1);
  return (source, target, { channels, height, width }) => {
    const plane = height * width;
    const rows = new Int32Array(plane);
    for (let first = 0; first < channels * plane; first += plane) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let d = -across; d <= across; d++) {
            sum += source[first + y * width + Math.min(width - 1, Math.max(0, x + d))]!;
          }
          rows[y * width + x] = sum;
        }
      }
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let d = -down; d <= down; d++) {
            sum += rows[Math.min(height - 1, Math.max(0, y + d)) * width + x]!;
          }
          target[first + y * width + x] = Math.floor((2 * sum + count) / (2 * count));
        }
      }
    }
  };
}

/** Each square of so many pixels a side as its mean. */
export function pixelate(side: number): Change {
  return (source, target, { channels, height, width }) => {
    const plane = height * width;
    for (let first = 0; first < channels * plane; first += plane) {
      for (let top = 0; top < height; top += side) {
        for (let left = 0; left < width; left += side) {
          const [bottom, right] = [Math.min(height, top + side), Math.min(width, left + side)];
          const count = (bottom - top) * (right - left);
          let sum = 0;
          for (let y = top; y < bottom; y++) {
            for (let x = left; x < right; x++) sum += source[first + y * width + x]!;
          }
          const mean = Math.floor((2 * sum + count) / (2 * count));
          for (let y = top; y < bottom; y++) {
            target.fill(mean, first + y * width + left, first + y * width + right);
          }
        }
      }
    }
  };
}

const BLOCK = 8;
/** Sign changes of the rows of the Hadamard matrix of 8 in its natural order. */
const SEQUENCY = [0, 7, 3, 4, 1, 6, 2, 5] as const;

/** The Hadamard transform of eight numbers with a stride, in place; twice is times 8. */
function hadamard(values: Int32Array, first: number, stride: number): void {
  for (let half = 1; half < BLOCK; half *= 2) {
    for (let i = 0; i < BLOCK; i++) {
      if (i & half) continue;
      const [a, b] = [first + i * stride, first + (i + half) * stride];
      const [x, y] = [values[a]!, values[b]!];
      values[a] = x + y;
      values[b] = x - y;
    }
  }
}

function transformBlock(block: Int32Array): void {
  for (let i = 0; i < BLOCK; i++) hadamard(block, i * BLOCK, 1);
  for (let i = 0; i < BLOCK; i++) hadamard(block, i, BLOCK);
}

/**
 * What is left of an image after coarse coding, as JPEG codes: blocks of 8 by 8, transformed, their coefficients rounded
 * to multiples of a step that grows with the frequency. With the Hadamard transform, which is exact in integers, in place
 * of cosines.
 */
export function coded(step: number): Change {
  return (source, target, { channels, height, width }) => {
    const plane = height * width;
    const block = new Int32Array(BLOCK * BLOCK);
    for (let first = 0; first < channels * plane; first += plane) {
      for (let top = 0; top < height; top += BLOCK) {
        for (let left = 0; left < width; left += BLOCK) {
          for (let i = 0; i < block.length; i++) {
            const y = Math.min(height - 1, top + (i >> 3)), x = Math.min(width - 1, left + (i & 7));
            block[i] = source[first + y * width + x]! - 128;
          }
          transformBlock(block);
          for (let i = 0; i < block.length; i++) {
            const size = BLOCK * step * (1 + SEQUENCY[i >> 3]! + SEQUENCY[i & 7]!);
            block[i] = Math.floor((2 * block[i]! + size) / (2 * size)) * size;
          }
          transformBlock(block);
          for (let i = 0; i < block.length; i++) {
            const y = top + (i >> 3), x = left + (i & 7);
            if (y >= height || x >= width) continue;
            target[first + y * width + x] = clamp(128 + Math.floor((block[i]! + 32) / 64));
          }
        }
      }
    }
  };
}
