/**
 * Holm's correction (1979): of many tests at once, p values that keep the chance of even one false finding below 5 %.
 *
 * @module
 */

/** Corrected p values, in the order given. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const corrected = new Array<number>(values.length);
  let least = 0;
  order.forEach((place, rank) => {
    least = Math.max(least, Math.min(1, (values.length - rank) * values[place]!));
    corrected[place] = least;
  });
  return corrected;
}
