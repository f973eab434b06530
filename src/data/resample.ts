/**
 * Bilinear resampling of a plane with half-pixel centres, clamped at the edges and without antialiasing.
 *
 * @module
 */

/** The two source positions that a target position reads, and the share of the higher one. */
export interface Tap {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/**
 * Where each of `to` target positions reads among `from` source positions.
 *
 * @param start First source position that the target spans
 * @param length Source positions that the target spans; all of them if left out
 */
export function taps(from: number, to: number, start = 0, length: number = from): Tap[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(start + (i + 0.5) * length / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: at - low };
  });
}

/**
 * Resamples a plane of rows of `width`, as its rows and columns are tapped.
 *
 * @param offset First element of `target`
 */
export function resample(
  source: Float32Array,
  width: number,
  { rows, columns }: { readonly rows: readonly Tap[]; readonly columns: readonly Tap[] },
  target: Float32Array,
  offset = 0,
): void {
  for (const row of rows) {
    const low = row.low * width, high = row.high * width;
    for (const column of columns) {
      const top = source[low + column.low]! * (1 - column.share) +
        source[low + column.high]! * column.share;
      const bottom = source[high + column.low]! * (1 - column.share) +
        source[high + column.high]! * column.share;
      target[offset++] = top * (1 - row.share) + bottom * row.share;
    }
  }
}
