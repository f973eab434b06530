/**
 * Position embeddings at another resolution, as timm does it (`resample_abs_pos_embed`): the class token's position
 * stays, the grid is resized by PyTorch's bicubic interpolation with antialiasing. That filter is Pillow's: Keys'
 * cubic with a = -0.5 (PyTorch's a = -0.75 belongs to the interpolation without antialiasing), stretched when
 * shrinking, cut off at the edges and normalised.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../core/tensors.ts";

const A = -0.5;
const SUPPORT = 2;

/** Keys' cubic convolution kernel. */
function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}

/** The weights [to][from] with which each new place reads the old ones; every row sums to 1. */
function resamplingWeights(from: number, to: number): number[][] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = scale * (i + 0.5);
    const first = Math.max(Math.trunc(centre - SUPPORT * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + SUPPORT * stretch + 0.5), from);
    const row = Array.from(
      { length: from },
      (_, j) => j >= first && j < end ? cubic((j - centre + 0.5) / stretch) : 0,
    );
    const total = row.reduce((sum, weight) => sum + weight, 0);
    return row.map((weight) => weight / total);
  });
}

/**
 * Positions [1, 1 + side², width], the class token's first, for a grid of another side.
 *
 * @param front Positions before the grid's: 1, or 0 without a class token
 * @throws {RangeError} If the positions are not those of a square grid and a class token
 */
export function resamplePositions({ shape, data }: HostTensor, side: number, front: 0 | 1 = 1): HostTensor {
  const [, tokens = 0, width = 0] = shape;
  const old = Math.sqrt(tokens - front);
  if (shape.length !== 3 || shape[0] !== 1 || !Number.isInteger(old) || old < 1) {
    throw new RangeError(`Cannot resample positions: found [${shape}], wanted [1,${front}+side²,width]`);
  }
  if (old === side) return { shape, data };
  const weights = resamplingWeights(old, side);
  const columns = new Float64Array(old * side * width);
  for (let row = 0; row < old; row++) {
    for (let x = 0; x < side; x++) {
      for (let from = 0; from < old; from++) {
        const weight = weights[x]![from]!;
        if (weight === 0) continue;
        const source = (front + row * old + from) * width;
        const target = (row * side + x) * width;
        for (let i = 0; i < width; i++) columns[target + i]! += weight * data[source + i]!;
      }
    }
  }
  const grid = new Float64Array(side * side * width);
  for (let y = 0; y < side; y++) {
    for (let from = 0; from < old; from++) {
      const weight = weights[y]![from]!;
      if (weight === 0) continue;
      const source = from * side * width;
      const target = y * side * width;
      for (let i = 0; i < side * width; i++) grid[target + i]! += weight * columns[source + i]!;
    }
  }
  const result = hostTensor([1, front + side * side, width]);
  result.data.set(data.subarray(0, front * width));
  result.data.set(grid, front * width);
  return result;
}
