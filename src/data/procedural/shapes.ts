/**
 * Plane geometry shared by the families: waves, outlines in polar form, and shapes as signed distances.
 *
 * @module
 */

/** A full turn in radians. */
export const TURN = 2 * Math.PI;

/** Limits to the range 0 to 1. */
export function clamp01(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** The part after the decimal point, also of negative numbers. */
export function fraction(value: number): number {
  return value - Math.floor(value);
}

/** Profiles of a periodic pattern. */
export const WAVES = ["sine", "bars", "lines", "saw"] as const;

/** A wave of period 1 in `phase`, with values 0 to 1. */
export function wave(kind: number, phase: number): number {
  const at = fraction(phase);
  switch (WAVES[kind]) {
    case "bars":
      return at < 0.5 ? 1 : 0;
    case "lines":
      return at < 0.22 ? 1 : 0;
    case "saw":
      return at;
    default:
      return 0.5 + 0.5 * Math.sin(TURN * at);
  }
}

/** An outline around the origin: radius by direction. */
export type Outline = (x: number, y: number) => number;

const OUTLINE_STEPS = 256;

/** Tabulates a radius given by angle (radians, from the x axis), so that reading it costs no trigonometry but one. */
export function outline(radius: (angle: number) => number): Outline {
  const table = Float64Array.from({ length: OUTLINE_STEPS }, (_, i) => radius(TURN * i / OUTLINE_STEPS));
  return (x, y) => {
    const at = fraction(Math.atan2(y, x) / TURN) * OUTLINE_STEPS;
    const low = Math.floor(at) & (OUTLINE_STEPS - 1);
    const share = at - Math.floor(at);
    return table[low]! * (1 - share) + table[(low + 1) & (OUTLINE_STEPS - 1)]! * share;
  };
}

/** Radius of the line through two points given in polar form, in the direction `angle`. */
export function polarLine(a: readonly [number, number], b: readonly [number, number], angle: number): number {
  const [angleA, radiusA] = a, [angleB, radiusB] = b;
  return radiusA * radiusB * Math.sin(angleB - angleA) /
    (radiusA * Math.sin(angle - angleA) + radiusB * Math.sin(angleB - angle));
}

/** Distance of a point to the segment from (ax, ay) to (bx, by). */
export function segmentDistance(
  x: number,
  y: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
): number {
  const dx = bx - ax, dy = by - ay;
  const along = clamp01(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy + 1e-12));
  const px = x - ax - along * dx, py = y - ay - along * dy;
  return Math.sqrt(px * px + py * py);
}

/** Names of the simple shapes, in the order of `inShape`'s number. */
export const SHAPES = ["disc", "square", "triangle", "ring", "plus", "bar", "crescent", "diamond"] as const;

/** Whether a point is in a simple shape of radius about 1 around the origin. */
export function inShape(shape: number, x: number, y: number): boolean {
  const ax = Math.abs(x), ay = Math.abs(y);
  switch (SHAPES[shape]) {
    case "square":
      return ax < 0.82 && ay < 0.82;
    case "triangle":
      return y < 0.7 && y > -1 && ax < 0.56 * (y + 1);
    case "ring": {
      const r = x * x + y * y;
      return r < 1 && r > 0.3;
    }
    case "plus":
      return (ax < 0.32 && ay < 1) || (ay < 0.32 && ax < 1);
    case "bar":
      return ax < 1.05 && ay < 0.36;
    case "crescent":
      return x * x + y * y < 1 && (x - 0.5) * (x - 0.5) + y * y > 0.56;
    case "diamond":
      return ax / 0.72 + ay / 1.1 < 1;
    default:
      return x * x + y * y < 0.9;
  }
}
