/**
 * From a field to an image: placement, colours, background, occlusion, contrast and noise, all different in every
 * image of a class. Colour says little: a class has a favourite hue, which only some of its images follow, and
 * either side may be the lighter one.
 *
 * @module
 */
import { createDraw, type Draw } from "./draw.ts";
import { type Field, geneValues, type ProceduralClass } from "./family.ts";
import { clamp01, fraction, TURN } from "./shapes.ts";

/** Red, green, blue from 0 to 1. */
type Colour = readonly [number, number, number];

/** Field samples a pixel in each direction, averaged against jagged edges. */
const SAMPLES = 2;

/** Share of a class's images that keep to its hue. */
const HUE_LOYALTY = 0.55;
/** How far hues of one class lie apart. */
const HUE_SPREAD = 0.07;
/** The same where colour is a gene. */
const GENE_HUE_SPREAD = 0.01;
/** Share of images whose foreground is darker than the background. */
const DARK_FOREGROUND = 0.2;
const OCCLUSION = 0.25;

/** Which image of a class. */
export interface Instance {
  /** The class's favourite hue, 0 to 1. */
  readonly hue: number;
  /** 32-bit seed of this image. */
  readonly seed: number;
  /** How much images of a class differ: 0 in what the class leaves open alone, 1 as usual. */
  readonly difficulty: number;
}

/** Paints one image into `target` at byte `offset`: three planes of size x size bytes. */
export function renderImage(
  target: Uint8Array,
  offset: number,
  size: number,
  of: ProceduralClass,
  { hue, seed, difficulty }: Instance,
): void {
  const draw = createDraw(seed);
  const coverage = sampleField(placed(of, draw, difficulty), size);
  const isGene = of.family.hue !== undefined;
  const [foreground, background] = isGene
    ? colours(hue, draw, { loyalty: 1, spread: GENE_HUE_SPREAD, difficulty })
    : colours(hue, draw, { loyalty: HUE_LOYALTY ** difficulty, spread: HUE_SPREAD, difficulty });
  const shade = slope(draw, 0.16 * difficulty), ground = slope(draw, 0.3 * difficulty);
  const patch = draw.chance(OCCLUSION * difficulty) ? occluder(draw) : undefined;
  const contrast = draw.between(1 - 0.25 * difficulty, 1 + 0.1 * difficulty);
  const brightness = draw.between(-0.06 * difficulty, 0.06 * difficulty);
  const noise = difficulty * draw.between(0.01, 0.05);
  const plane = size * size;
  for (let row = 0, pixel = 0; row < size; row++) {
    const y = 2 * (row + 0.5) / size - 1;
    for (let column = 0; column < size; column++, pixel++) {
      const x = 2 * (column + 0.5) / size - 1;
      const share = coverage[pixel]!;
      const front = 1 + shade(x, y), back = 1 + ground(x, y);
      const grain = noise * draw.bell();
      const covered = patch !== undefined && patch.covers(x, y);
      for (let c = 0; c < 3; c++) {
        const mixed = covered
          ? patch.colour[c]!
          : share * front * foreground[c]! + (1 - share) * back * background[c]!;
        const value = 0.5 + contrast * (mixed - 0.5) + brightness + grain;
        target[offset + c * plane + pixel] = Math.floor(255.999 * clamp01(value));
      }
    }
  }
}

/** The class's field as seen in this image: shifted, turned, magnified and slightly stretched. */
function placed(of: ProceduralClass, draw: Draw, difficulty: number): Field {
  const { placement } = of.family;
  const turn = placement.turn * difficulty, shift = placement.shift * difficulty;
  const angle = draw.between(-turn, turn);
  const scale = draw.between(placement.zoom[0] ** difficulty, placement.zoom[1] ** difficulty);
  const stretch = draw.between(1 - 0.08 * difficulty, 1 + 0.08 * difficulty);
  const shiftX = draw.between(-shift, shift), shiftY = draw.between(-shift, shift);
  const c = Math.cos(angle) / scale, s = Math.sin(angle) / scale;
  const field = of.family.paint(geneValues(of), draw);
  return (x, y) => {
    const dx = (x - shiftX) * stretch, dy = (y - shiftY) / stretch;
    return field(c * dx + s * dy, c * dy - s * dx);
  };
}

/** Mean of the field over each pixel. */
function sampleField(field: Field, size: number): Float64Array {
  const coverage = new Float64Array(size * size);
  const fine = size * SAMPLES;
  for (let row = 0; row < fine; row++) {
    const y = 2 * (row + 0.5) / fine - 1;
    const line = Math.floor(row / SAMPLES) * size;
    for (let column = 0; column < fine; column++) {
      const x = 2 * (column + 0.5) / fine - 1;
      coverage[line + Math.floor(column / SAMPLES)]! += field(x, y);
    }
  }
  for (let pixel = 0; pixel < coverage.length; pixel++) coverage[pixel]! /= SAMPLES * SAMPLES;
  return coverage;
}

/** Foreground and background, far enough apart in lightness to be told apart without colour. */
function colours(
  hue: number,
  draw: Draw,
  { loyalty, spread, difficulty }: Record<"loyalty" | "spread" | "difficulty", number>,
): readonly [Colour, Colour] {
  const own = draw.chance(loyalty) ? hue + spread * draw.bell() : draw.unit();
  const dark = draw.between(0.06, 0.34), light = dark + draw.between(0.34, 0.58);
  const [front, back] = draw.chance(1 - DARK_FOREGROUND * difficulty) ? [light, dark] : [dark, light];
  return [
    colour(own, draw.between(0.35, 0.95), front),
    colour(draw.unit(), draw.between(0.05, 0.7), back),
  ];
}

/** Colour of a hue (turns), saturation and lightness (0 to 1): the HSL double cone. */
function colour(hue: number, saturation: number, lightness: number): Colour {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (shift: number) => {
    const sector = fraction(hue + shift) * 12;
    return lightness - chroma * Math.max(-1, Math.min(sector - 3, 9 - sector, 1));
  };
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}

/** A slow change across the image, at most `most` at its edges. */
function slope(draw: Draw, most: number): Field {
  const angle = draw.between(0, TURN), amount = draw.between(0, most);
  const dx = amount * Math.cos(angle), dy = amount * Math.sin(angle);
  return (x, y) => x * dx + y * dy;
}

/** A bar or disc in front of everything, over at most about a tenth of the image. */
function occluder(draw: Draw): { readonly colour: Colour; covers(x: number, y: number): boolean } {
  const centreX = draw.between(-0.9, 0.9), centreY = draw.between(-0.9, 0.9);
  const width = draw.between(0.12, 0.34), height = draw.between(0.12, 0.34);
  const round = draw.chance(0.5);
  return {
    colour: colour(draw.unit(), draw.between(0, 0.8), draw.between(0.1, 0.9)),
    covers(x, y) {
      const dx = Math.abs(x - centreX) / width, dy = Math.abs(y - centreY) / height;
      return round ? dx * dx + dy * dy < 1 : dx < 1 && dy < 1;
    },
  };
}
