/**
 * Families of drawn and ordered figures: strokes like letters, motifs on a lattice, rays and spirals.
 *
 * @module
 */
import { defineFamily, type Family } from "../family.ts";
import { inShape, segmentDistance, SHAPES, TURN, wave } from "../shapes.ts";

const STROKE_STEPS = 6;
const STROKE_GENES = { reach: [1, 2, 3, 4, 5, 6, 7, 8], bend: [-0.55, 0, 0.55] } as const;

/** Three pen strokes between the points of a 3x3 grid; a later stroke starts at the end or middle of the one before. */
export const glyph: Family = defineFamily({
  name: "glyph",
  placement: { turn: 0.22, shift: 0.18, zoom: [0.75, 1.1] },
  genes: {
    start: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    reach1: STROKE_GENES.reach,
    bend1: STROKE_GENES.bend,
    from2: [0.5, 1],
    reach2: STROKE_GENES.reach,
    bend2: STROKE_GENES.bend,
    from3: [0.5, 1],
    reach3: STROKE_GENES.reach,
    bend3: STROKE_GENES.bend,
  },
  paint(genes, draw) {
    const wobble = () => 0.06 * draw.bell();
    const thickness = draw.between(0.07, 0.14);
    const segments: number[] = [];
    let cell = genes.start;
    let startX = (cell % 3 - 1) * 0.62 + wobble(), startY = (Math.floor(cell / 3) - 1) * 0.68 + wobble();
    const stroke = (reach: number, bend: number, nextFrom: number) => {
      cell = (cell + reach) % 9;
      const endX = (cell % 3 - 1) * 0.62 + wobble(), endY = (Math.floor(cell / 3) - 1) * 0.68 + wobble();
      const controlX = (startX + endX) / 2 - bend * (endY - startY) * 1.5 + wobble();
      const controlY = (startY + endY) / 2 + bend * (endX - startX) * 1.5 + wobble();
      const point = (t: number): [number, number] => {
        const a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
        return [a * startX + b * controlX + c * endX, a * startY + b * controlY + c * endY];
      };
      for (let i = 0; i < STROKE_STEPS; i++) {
        segments.push(...point(i / STROKE_STEPS), ...point((i + 1) / STROKE_STEPS));
      }
      [startX, startY] = point(nextFrom);
    };
    stroke(genes.reach1, genes.bend1, genes.from2);
    stroke(genes.reach2, genes.bend2, genes.from3);
    stroke(genes.reach3, genes.bend3, 1);
    return (x, y) => {
      for (let i = 0; i < segments.length; i += 4) {
        const distance = segmentDistance(
          x,
          y,
          segments[i]!,
          segments[i + 1]!,
          segments[i + 2]!,
          segments[i + 3]!,
        );
        if (distance < thickness) return 1;
      }
      return 0;
    };
  },
});

/** A motif repeated on a lattice: angle and ratio of its vectors, motif, size, pitch, direction. */
export const lattice: Family = defineFamily({
  name: "lattice",
  placement: { turn: 0.14, shift: 0, zoom: [0.86, 1.16] },
  genes: {
    angle: [1, 1.25, 1.57],
    ratio: [1, 1.45, 2],
    motif: SHAPES.map((_, shape) => shape),
    fill: [0.3, 0.42, 0.54],
    pitch: [0.36, 0.5, 0.68, 0.9],
    direction: [0, 0.4, 0.8],
  },
  paint({ angle, ratio, motif, fill, pitch, direction }, draw) {
    const dc = Math.cos(direction), ds = Math.sin(direction);
    const bx = ratio * Math.cos(angle), by = ratio * Math.sin(angle);
    const startU = draw.unit(), startV = draw.unit();
    return (x, y) => {
      const px = (x * dc + y * ds) / pitch, py = (y * dc - x * ds) / pitch;
      const v = py / by, u = px - v * bx;
      const cellU = u + startU - Math.floor(u + startU) - 0.5,
        cellV = v + startV - Math.floor(v + startV) - 0.5;
      return inShape(motif, (cellU + cellV * bx) / fill, cellV * by / fill) ? 1 : 0;
    };
  },
});

/** Rays, spirals and rings around a centre. */
export const radial: Family = defineFamily({
  name: "radial",
  placement: { turn: TURN / 2, shift: 0.25, zoom: [0.8, 1.15] },
  genes: {
    arms: [1, 2, 3, 4, 5, 6, 8],
    /** Turns of an arm over the radius. */
    twist: [-0.75, -0.35, 0, 0.35, 0.75],
    rings: [0, 1.4, 2.4],
    duty: [0.3, 0.5, 0.7],
    /** Hole, nothing, or disc in the middle. */
    core: [-0.3, 0, 0.3],
    reach: [0.85, 1.8],
  },
  paint({ arms, twist, rings, duty, core, reach }, draw) {
    const ringPhase = draw.between(-0.12, 0.12);
    return (x, y) => {
      const radius = Math.sqrt(x * x + y * y);
      if (radius > reach) return 0;
      if (radius < Math.abs(core)) return core > 0 ? 1 : 0;
      const phase = arms * (Math.atan2(y, x) / TURN + twist * radius);
      const ray = phase - Math.floor(phase) < duty ? 1 : 0;
      if (rings === 0) return ray;
      const ring = wave(1, rings * radius + ringPhase);
      return ray === ring ? 1 : 0;
    };
  },
});
