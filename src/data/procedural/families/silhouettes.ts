/**
 * Families whose class is an outline: polygons and stars, smooth blobs, and two simple shapes in a relation.
 *
 * @module
 */
import { defineFamily, type Family, type Field } from "../family.ts";
import { inShape, type Outline, outline, polarLine, TURN } from "../shapes.ts";

/** Filled outlines with something inside, by level of the gene `inside`. */
const INSIDES: readonly ((share: number, x: number, y: number) => number)[] = [
  () => 1,
  (share) => share > 0.68 ? 1 : 0,
  (_share, x, y) => x * x + y * y > 0.07 ? 1 : 0,
  (_share, _x, y) => Math.abs(y) > 0.11 ? 1 : 0,
  (share) => share > 0.72 || share < 0.4 ? 1 : 0,
  (_share, x) => x < 0 ? 1 : 0.45,
];
const INSIDE_LEVELS: readonly number[] = INSIDES.map((_, level) => level);

function filled(edge: Outline, inside: number, aspect: number): Field {
  const wide = Math.sqrt(aspect);
  const fill = INSIDES[inside]!;
  return (x, y) => {
    const u = x / wide, v = y * wide;
    const share = Math.sqrt(u * u + v * v) / edge(u, v);
    return share < 1 ? fill(share, u, v) : 0;
  };
}

/** Regular polygons (no notch) to deep stars; the twist leans the points to one side. */
export const polygon: Family = defineFamily({
  name: "polygon",
  placement: { turn: 0.35, shift: 0.22, zoom: [0.75, 1.1] },
  genes: {
    sides: [3, 4, 5, 6, 7, 8, 10],
    notch: [0, 0.25, 0.42, 0.58, 0.72],
    twist: [0, 0.4, 0.8],
    aspect: [1, 1.4, 1.9, 2.5],
    inside: INSIDE_LEVELS,
  },
  paint({ sides, notch, twist, aspect, inside }) {
    const radius = 0.78, sector = TURN / sides;
    const valley = (0.5 + 0.5 * twist) * sector;
    const inner = radius * Math.cos(sector / 2) * (1 - notch);
    const edge = outline((angle) => {
      const at = (angle + TURN / 4) % sector; // first point upwards
      return at < valley
        ? polarLine([0, radius], [valley, inner], at)
        : polarLine([valley, inner], [sector, radius], at);
    });
    return filled(edge, inside, aspect);
  },
});

/** Blobs: a circle with harmonics added to its radius (Fourier descriptors of the outline). */
export const blob: Family = defineFamily({
  name: "blob",
  placement: { turn: 0.35, shift: 0.22, zoom: [0.75, 1.1] },
  genes: {
    second: [0.06, 0.22, 0.38],
    third: [0.07, 0.2, 0.33],
    thirdPhase: [0, 1.6, 3.2, 4.8],
    fifth: [0.05, 0.16, 0.27],
    fifthPhase: [0, 1.6, 3.2, 4.8],
    seventh: [0, 0.15],
    inside: INSIDE_LEVELS.slice(0, 5),
  },
  paint({ second, third, thirdPhase, fifth, fifthPhase, seventh, inside }) {
    const edge = outline((angle) =>
      Math.max(
        0.14,
        0.58 * (1 + second * Math.cos(2 * angle) + third * Math.cos(3 * angle + thirdPhase) +
          fifth * Math.cos(5 * angle + fifthPhase) + seventh * Math.cos(7 * angle)),
      )
    );
    return filled(edge, inside, 1);
  },
});

/** Where the second shape of a composition is: position, and how many copies around the first. */
const RELATIONS: readonly { readonly x: number; readonly y: number; readonly copies: number }[] = [
  { x: 0.95, y: 0, copies: 1 },
  { x: 0, y: -0.95, copies: 1 },
  { x: 0, y: 0, copies: 1 },
  { x: 0.65, y: 0.65, copies: 1 },
  { x: 0, y: -1, copies: 3 },
  { x: 1, y: 0, copies: 2 },
];

/** Two shapes in a relation: beside, above, inside, at the corner, thrice around, at both sides. */
export const composition: Family = defineFamily({
  name: "composition",
  placement: { turn: 0.3, shift: 0.18, zoom: [0.75, 1.05] },
  genes: {
    first: [0, 1, 2, 3, 4, 5, 6, 7],
    second: [0, 1, 2, 3, 4, 5, 6, 7],
    relation: RELATIONS.map((_, level) => level),
    ratio: [0.45, 0.65, 0.95],
    tone: [1, 0.5],
  },
  paint({ first, second, relation, ratio, tone }, draw) {
    const { x, y, copies } = RELATIONS[relation]!;
    const inside = x === 0 && y === 0;
    const firstSize = inside ? 0.75 : 0.44;
    const secondSize = firstSize * (inside ? 0.25 + 0.45 * ratio : ratio);
    const spread = firstSize * (1 + ratio) * draw.between(0.88, 1.02);
    const middle = copies === 1 && !inside ? 0.5 : 0;
    const seats = Array.from({ length: copies }, (_, copy) => {
      const turn = TURN * copy / copies;
      const seatX = x * Math.cos(turn) - y * Math.sin(turn), seatY = x * Math.sin(turn) + y * Math.cos(turn);
      return [(seatX - x * middle) * spread, (seatY - y * middle) * spread] as const;
    });
    const offX = -x * middle * spread, offY = -y * middle * spread;
    return (px, py) => {
      const inFirst = inShape(first, (px - offX) / firstSize, (py - offY) / firstSize);
      for (const [seatX, seatY] of seats) {
        if (inShape(second, (px - seatX) / secondSize, (py - seatY) / secondSize)) {
          return inside && inFirst ? 1 - tone : tone;
        }
      }
      return inFirst ? 1 : 0;
    };
  },
});
