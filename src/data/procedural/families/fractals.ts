/**
 * Families of self-similar figures: filled Julia sets, and attractors of iterated function systems.
 *
 * @module
 */
import { defineFamily, type Family } from "../family.ts";
import { clamp01, fraction, TURN } from "../shapes.ts";
import { readTorus } from "../tables.ts";

const ITERATIONS = 24;

/**
 * Julia sets of z^d + c, with c just outside the main component of the Mandelbrot set of that power. On its
 * boundary c = w - w^d with |w| = d^(-1/(d-1)).
 */
export const julia: Family = defineFamily({
  name: "julia",
  placement: { turn: 0.3, shift: 0.15, zoom: [0.8, 1.15] },
  genes: {
    direction: Array.from({ length: 24 }, (_, i) => TURN * i / 24),
    outside: [0.97, 1.06, 1.16, 1.3],
    power: [2, 3, 4],
    /** Set, glow, bands, contours of the escape time. */
    tone: [0, 1, 2, 3],
    flip: [1, -1],
  },
  paint({ direction, outside, power, tone, flip }) {
    const radius = Math.pow(power, -1 / (power - 1));
    const cx = outside *
      (radius * Math.cos(direction) - Math.pow(radius, power) * Math.cos(power * direction));
    const cy = outside *
      (radius * Math.sin(direction) - Math.pow(radius, power) * Math.sin(power * direction));
    return (x, y) => {
      let zx = 1.55 * x * flip, zy = 1.55 * y;
      let steps = 0, size = zx * zx + zy * zy;
      while (size < 16 && steps < ITERATIONS) {
        let px = zx, py = zy;
        for (let k = 1; k < power; k++) [px, py] = [px * zx - py * zy, px * zy + py * zx];
        zx = px + cx;
        zy = py + cy;
        size = zx * zx + zy * zy;
        steps++;
      }
      switch (tone) {
        case 1:
          return clamp01((steps - 2) / 12);
        case 2:
          return steps < 3 ? 0 : steps % 2;
        case 3:
          return steps < 3 ? 0 : fraction(steps / 5);
        default:
          return steps > 10 ? 1 : 0;
      }
    };
  },
});

const GRID = 48;
const POINTS = 3500;

/**
 * Attractors of a few contractions, by the chaos game (M. Barnsley, "Fractals Everywhere", 1988): maps towards the
 * corners of a polygon, which shrink and turn; one corner may differ, and one map may mirror.
 */
export const ifs: Family = defineFamily({
  name: "ifs",
  placement: { turn: 0.3, shift: 0.18, zoom: [0.8, 1.1] },
  genes: {
    corners: [3, 4, 5, 6],
    shrink: [0.4, 0.47, 0.55],
    turn: [0, 1, 2, 3, 4, 5, 6, 7].map((eighth) => TURN * eighth / 8),
    odd: [0.6, 1, 1.35],
    mirror: [1, -1],
    centre: [0, 1],
    lean: [0, 0.35],
  },
  paint({ corners, shrink, turn, odd, mirror, centre, lean }, draw) {
    const c = Math.cos(turn), s = Math.sin(turn);
    const maps = Array.from({ length: corners + centre }, (_, m) => {
      const scale = shrink * (m === 0 ? odd : 1);
      const away = m < corners ? 0.9 : 0;
      const angle = TURN * m / corners - TURN / 4;
      return {
        scale,
        flip: m === corners - 1 ? mirror : 1,
        x: away * (1 - scale) * Math.cos(angle + (m === 1 ? lean : 0)),
        y: away * (1 - scale) * Math.sin(angle + (m === 1 ? lean : 0)),
      };
    });
    const grid = new Float64Array(GRID * GRID);
    let x = 0, y = 0;
    for (let i = 0; i < POINTS; i++) {
      const map = maps[draw.integer(maps.length)]!;
      const fx = x * map.flip;
      [x, y] = [map.scale * (c * fx - s * y) + map.x, map.scale * (s * fx + c * y) + map.y];
      const column = Math.floor((x + 1.2) / 2.4 * GRID), row = Math.floor((y + 1.2) / 2.4 * GRID);
      if (i > 12 && column >= 0 && column < GRID && row >= 0 && row < GRID) grid[row * GRID + column]! += 0.5;
    }
    for (let i = 0; i < grid.length; i++) grid[i] = Math.min(1, grid[i]!);
    const density = readTorus(grid, GRID);
    return (px, py) => {
      const u = (px + 1.2) / 2.4, v = (py + 1.2) / 2.4;
      return u < 0 || u >= 1 || v < 0 || v >= 1 ? 0 : density(u, v);
    };
  },
});
