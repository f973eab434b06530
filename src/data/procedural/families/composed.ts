/**
 * Classes that are compositions: a shape, filled with a texture, in a colour. Each shape is a family, so that classes of
 * different families share textures and colours, and every part of a class is known from others.
 *
 * @module
 */
import { defineFamily, type Family } from "../family.ts";
import { inShape, outline, polarLine, SHAPES, TURN, wave } from "../shapes.ts";

type Inside = (x: number, y: number) => boolean;

/** A star of five points. */
const star = outline((angle) => {
  const sector = TURN / 5, at = (angle + TURN / 4) % sector;
  return at < sector / 2
    ? polarLine([0, 1], [sector / 2, 0.42], at)
    : polarLine([sector / 2, 0.42], [sector, 1], at);
});

const FURTHER: Readonly<Record<string, Inside>> = {
  frame: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.86 && Math.max(Math.abs(x), Math.abs(y)) > 0.46,
  star: (x, y) => Math.sqrt(x * x + y * y) < star(x, y),
  saltire: (x, y) =>
    Math.min(Math.abs(x - y), Math.abs(x + y)) < 0.42 && Math.max(Math.abs(x), Math.abs(y)) < 0.9,
  corner: (x, y) =>
    (Math.abs(x + 0.5) < 0.36 && Math.abs(y) < 0.9) || (Math.abs(y - 0.54) < 0.36 && Math.abs(x) < 0.86),
  tee: (x, y) =>
    (Math.abs(y + 0.56) < 0.32 && Math.abs(x) < 0.92) || (Math.abs(x) < 0.32 && Math.abs(y) < 0.88),
  dome: (x, y) => y < 0.45 && x * x + (y - 0.45) * (y - 0.45) < 1.1,
  hourglass: (x, y) => Math.abs(y) < 0.92 && Math.abs(x) < 0.16 + 0.78 * Math.abs(y),
  arrow: (x, y) =>
    (y < 0 && y > -0.95 && Math.abs(x) < y + 0.95) || (y >= 0 && y < 0.9 && Math.abs(x) < 0.34),
};

/** Density of a texture, 0 to 1, at a point of a shape; the phases vary from image to image. */
type Texture = (x: number, y: number, phase: number, other: number) => number;

const bars = (cycles: number, dx: number, dy: number): Texture => (x, y, phase) =>
  wave(1, cycles * (x * dx + y * dy) + phase);
const checks = (cycles: number): Texture => (x, y, phase, other) =>
  wave(1, cycles * x + phase) === wave(1, cycles * y + other) ? 1 : 0;
const DIAGONAL = Math.SQRT1_2;

/** Their order is part of what a level means. */
const TEXTURES: readonly Texture[] = [
  () => 1,
  bars(1.5, 0, 1),
  bars(3.2, 0, 1),
  bars(1.5, 1, 0),
  bars(3.2, 1, 0),
  bars(2.2, DIAGONAL, DIAGONAL),
  bars(2.2, DIAGONAL, -DIAGONAL),
  checks(1.3),
  checks(2.6),
  (x, y, phase, other) => {
    const u = 2.4 * x + phase, v = 2.4 * y + other;
    const dx = u - Math.floor(u) - 0.5, dy = v - Math.floor(v) - 0.5;
    return dx * dx + dy * dy < 0.1 ? 1 : 0;
  },
  (x, y, phase) => wave(1, 2.6 * Math.sqrt(x * x + y * y) + 0.2 * phase),
  (x, y, phase, other) => Math.max(wave(2, 2.2 * x + phase), wave(2, 2.2 * y + other)),
];

const HUES = 12;

function composed(name: string, inside: Inside): Family {
  return defineFamily({
    name,
    placement: { turn: 0.16, shift: 0.2, zoom: [0.8, 1.1] },
    genes: {
      texture: TEXTURES.map((_, level) => level),
      colour: Array.from({ length: HUES }, (_, level) => level / HUES),
    },
    hue: ({ colour }) => colour,
    paint({ texture }, draw) {
      const fill = TEXTURES[texture]!;
      const phase = draw.unit(), other = draw.unit();
      // What a texture leaves out is still of the shape.
      return (x, y) => inside(x / 0.8, y / 0.8) ? 0.3 + 0.7 * fill(x, y, phase, other) : 0;
    },
  });
}

/** One family for each shape. The order is part of what a seed means, as in `FAMILIES`. */
export const COMPOSED_FAMILIES: readonly Family[] = [
  ...SHAPES.map((name, shape) => composed(name, (x, y) => inShape(shape, x, y))),
  ...Object.entries(FURTHER).map(([name, inside]) => composed(name, inside)),
];
