/**
 * Random functions on the plane that repeat (a torus), tabulated once an image and then only looked up.
 *
 * @module
 */
import type { Draw } from "./draw.ts";
import { TURN } from "./shapes.ts";

/** A function of the plane with period 1 in both directions. */
export type Torus = (u: number, v: number) => number;

/** Cells a side of value noise. A power of two, so that wrapping is a mask. */
const NOISE_CELLS = 32;

/** Value noise: random values 0 to 1 at integer points, smoothly joined. Repeats after 32. */
export function valueNoise(draw: Draw): (x: number, y: number) => number {
  const mask = NOISE_CELLS - 1;
  const values = Float64Array.from({ length: NOISE_CELLS * NOISE_CELLS }, () => draw.unit());
  return (x, y) => {
    const floorX = Math.floor(x), floorY = Math.floor(y);
    const fx = x - floorX, fy = y - floorY;
    const sx = fx * fx * (3 - 2 * fx), sy = fy * fy * (3 - 2 * fy);
    const left = floorX & mask, right = (floorX + 1) & mask;
    const top = (floorY & mask) * NOISE_CELLS, bottom = ((floorY + 1) & mask) * NOISE_CELLS;
    const upper = values[top + left]! * (1 - sx) + values[top + right]! * sx;
    const lower = values[bottom + left]! * (1 - sx) + values[bottom + right]! * sx;
    return upper * (1 - sy) + lower * sy;
  };
}

/** Reads a square table with bilinear interpolation, repeating it. */
export function readTorus(table: Float64Array, side: number): Torus {
  return (u, v) => {
    const x = (u - Math.floor(u)) * side, y = (v - Math.floor(v)) * side;
    const left = Math.floor(x), top = Math.floor(y);
    const sx = x - left, sy = y - top;
    const a = left % side, b = (left + 1) % side, row = (top % side) * side, next = ((top + 1) % side) * side;
    return (table[row + a]! * (1 - sx) + table[row + b]! * sx) * (1 - sy) +
      (table[next + a]! * (1 - sx) + table[next + b]! * sx) * sy;
  };
}

const WAVE_SIDE = 64;
const WAVES = 14;

/**
 * A sum of random plane waves of one wavelength, of mean 0 and variance 1: `cycles` waves across the period, in
 * directions within `spread` radians of `angle`. Wave vectors are rounded to integers, so that the sum repeats.
 */
export function bandNoise(draw: Draw, cycles: number, angle: number, spread: number): Torus {
  const table = new Float64Array(WAVE_SIDE * WAVE_SIDE);
  const amplitude = Math.sqrt(2 / WAVES);
  for (let w = 0; w < WAVES; w++) {
    const direction = angle + draw.between(-spread, spread);
    const kx = Math.round(cycles * Math.cos(direction)), ky = Math.round(cycles * Math.sin(direction));
    const phase = draw.between(0, TURN);
    const steps = Array.from({ length: WAVE_SIDE }, (_, i) => TURN * i / WAVE_SIDE);
    const cosX = steps.map((s) => Math.cos(kx * s)), sinX = steps.map((s) => Math.sin(kx * s));
    for (let y = 0; y < WAVE_SIDE; y++) {
      const cosY = amplitude * Math.cos(ky * steps[y]! + phase);
      const sinY = amplitude * Math.sin(ky * steps[y]! + phase);
      for (let x = 0; x < WAVE_SIDE; x++) table[y * WAVE_SIDE + x]! += cosX[x]! * cosY - sinX[x]! * sinY;
    }
  }
  return readTorus(table, WAVE_SIDE);
}
