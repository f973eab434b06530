/**
 * Families that fill the image and whose class is a statistic of it: stripes, noise, cells, and the spots and
 * labyrinths of reaction-diffusion.
 *
 * @module
 */
import { defineFamily, type Family } from "../family.ts";
import { clamp01, fraction, TURN, wave, WAVES } from "../shapes.ts";
import { bandNoise, valueNoise } from "../tables.ts";

const TEXTURE_PLACEMENT = { turn: 0.14, shift: 0, zoom: [0.86, 1.16] } as const;
const EIGHTHS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Stripes of a direction, width and profile, bent or crossed by a second set. */
export const stripes: Family = defineFamily({
  name: "stripes",
  placement: TEXTURE_PLACEMENT,
  genes: {
    direction: EIGHTHS,
    cycles: [0.9, 1.35, 2, 2.9, 4.1],
    profile: WAVES.map((_, kind) => kind),
    /** None, product at a right angle, product of twice the width, half-strength sum at 60 degrees, chirp. */
    second: [0, 1, 2, 3, 4],
    bend: [0, 0.3, 0.6],
  },
  paint({ direction, cycles, profile, second, bend }, draw) {
    const angle = direction * TURN / 16;
    const c = Math.cos(angle), s = Math.sin(angle);
    const phase = draw.unit(), otherPhase = draw.unit(), bendPhase = draw.between(0, TURN);
    const half = TURN / 6, c60 = Math.cos(angle + half), s60 = Math.sin(angle + half);
    return (x, y) => {
      const u = x * c + y * s, v = y * c - x * s;
      const bent = u + bend / cycles * Math.sin(v * 3.5 + bendPhase);
      switch (second) {
        case 1:
          return wave(profile, cycles * bent + phase) * wave(profile, cycles * v + otherPhase);
        case 2:
          return wave(profile, cycles * bent + phase) * wave(1, 0.5 * cycles * v + otherPhase);
        case 3:
          return 0.6 * wave(profile, cycles * bent + phase) +
            0.4 * wave(0, cycles * (x * c60 + y * s60) + otherPhase);
        case 4:
          return wave(profile, cycles * (bent + 0.35 * u * Math.abs(u)) + phase);
        default:
          return wave(profile, cycles * bent + phase);
      }
    };
  },
});

/** Sums of value noise in octaves: scale, roughness, stretch and direction, tone curve, warp. */
export const noise: Family = defineFamily({
  name: "noise",
  placement: TEXTURE_PLACEMENT,
  genes: {
    scale: [1.2, 1.8, 2.6, 3.6, 5],
    gain: [0.3, 0.55, 0.8],
    stretch: [1.5, 2.6, 4.2],
    direction: [0, 2, 4, 6],
    /** Plain, ridges, two tones, contour lines. */
    tone: [0, 1, 2, 3],
    warp: [0, 0.5, 1.1],
  },
  paint({ scale, gain, stretch, direction, tone, warp }, draw) {
    const angle = direction * TURN / 16;
    const c = Math.cos(angle) * scale, s = Math.sin(angle) * scale;
    const at = valueNoise(draw);
    const total = 1 + gain + gain * gain;
    return (x, y) => {
      let u = (x * c + y * s) / stretch, v = y * c - x * s;
      if (warp > 0) {
        const shift = warp * (at(0.7 * x * scale + 9.3, 0.7 * y * scale + 4.1) - 0.5);
        u += shift;
        v += 2 * shift;
      }
      const sum = at(u, v) + gain * at(2 * u + 5.2, 2 * v + 1.3) + gain * gain * at(4 * u + 2.8, 4 * v + 7.7);
      const value = sum / total;
      switch (tone) {
        case 1:
          return clamp01(1 - 5 * Math.abs(value - 0.5));
        case 2:
          return value > 0.52 ? 1 : 0;
        case 3:
          return fraction(value * 5) < 0.45 ? 1 : 0;
        default:
          return clamp01(0.5 + 1.9 * (value - 0.5));
      }
    };
  },
});

/** Cells around scattered points (S. Worley, "A Cellular Texture Basis Function", 1996). */
export const cells: Family = defineFamily({
  name: "cells",
  placement: TEXTURE_PLACEMENT,
  genes: {
    density: [1.2, 1.7, 2.4, 3.3],
    /** Euclidean, city-block, chessboard distance. */
    metric: [0, 1, 2],
    /** Spots, borders, shades, rings. */
    feature: [0, 1, 2, 3],
    /** Share of disorder: 0 is a square lattice. */
    disorder: [0.25, 0.6, 1],
    stretch: [1, 1.7, 2.6],
    direction: [0, 2, 4, 6],
    weight: [0.65, 1.25],
  },
  paint({ density, metric, feature, disorder, stretch, direction, weight }, draw) {
    const angle = direction * TURN / 16;
    const c = Math.cos(angle) * density, s = Math.sin(angle) * density;
    const side = 16, mask = side - 1;
    const offset = () => 0.5 + disorder * (draw.unit() - 0.5);
    const points = Array.from({ length: side * side }, () => [offset(), offset(), draw.unit()] as const);
    const startX = draw.between(0, side), startY = draw.between(0, side);
    return (x, y) => {
      const u = (x * c + y * s) / stretch + startX, v = y * c - x * s + startY;
      const cellX = Math.floor(u), cellY = Math.floor(v);
      let first = 9, next = 9, shade = 0;
      for (let j = cellY - 1; j <= cellY + 1; j++) {
        for (let i = cellX - 1; i <= cellX + 1; i++) {
          const point = points[(j & mask) * side + (i & mask)]!;
          const dx = Math.abs(i + point[0] - u), dy = Math.abs(j + point[1] - v);
          const distance = metric === 0
            ? Math.sqrt(dx * dx + dy * dy)
            : metric === 1
            ? dx + dy
            : Math.max(dx, dy);
          if (distance < first) {
            next = first;
            first = distance;
            shade = point[2];
          } else if (distance < next) next = distance;
        }
      }
      switch (feature) {
        case 1:
          return next - first < 0.22 * weight ? 1 : 0;
        case 2:
          return clamp01(0.5 + (shade - 0.5) * (0.6 + weight) - (next - first < 0.1 ? 0.3 : 0));
        case 3:
          return wave(1, first * 2.4 * weight);
        default:
          return clamp01(4 * (0.42 * weight - first) + 0.5);
      }
    };
  },
});

/** Patterns as left by reaction and diffusion: one wavelength, from spots over labyrinths to holes. */
export const turing: Family = defineFamily({
  name: "turing",
  placement: TEXTURE_PLACEMENT,
  genes: {
    cycles: [5, 6.5, 8.5, 11, 14],
    bias: [-0.75, -0.35, 0, 0.35, 0.75],
    spread: [1.4, 0.6, 0.2],
    direction: EIGHTHS,
    edge: [0.25, 1.6],
    coarse: [0, 0.8],
  },
  paint({ cycles, bias, spread, direction, edge, coarse }, draw) {
    const angle = direction * TURN / 16;
    const fine = bandNoise(draw, cycles, angle, spread);
    const other = coarse > 0 ? bandNoise(draw, 3, angle, TURN / 4) : () => 0;
    return (x, y) => clamp01(0.5 + (fine(x / 4, y / 4) + coarse * other(x / 4, y / 4) + bias) / edge);
  },
});
