/**
 * What a family of procedural classes is. A family has named genes, each with a few levels; a class is one choice
 * of levels (its genotype), and every gene shows in every image of it. Levels are far enough apart to be seen.
 *
 * Genotypes whose levels add up to an even number belong to the benchmark, odd ones to pretraining. So the two
 * parts share no class, whatever the seeds, and any two classes of one part differ by two levels or more.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import type { Draw } from "./draw.ts";

/** Which half of all classes: those to measure on, or those to pretrain a backbone with. */
export type Part = "benchmark" | "pretrain";

/** How much of the foreground is at a point, 0 to 1. The image spans -1 to 1 in both directions, y downwards. */
export type Field = (x: number, y: number) => number;

/** How far images of one class may differ in placement. */
export interface Placement {
  /** Largest rotation either way, in radians. */
  readonly turn: number;
  /** Largest shift either way, in half image widths. */
  readonly shift: number;
  /** Smallest and largest magnification. */
  readonly zoom: readonly [number, number];
}

/** A family: genes, and how to paint an instance of them. */
export interface Family<Gene extends string = string> {
  readonly name: string;
  readonly placement: Placement;
  /** The values a gene takes, by level. */
  readonly genes: Readonly<Record<Gene, readonly number[]>>;
  /** The hue of a class, 0 to 1, where colour is one of its genes: all its images keep to it. */
  hue?(genes: Readonly<Record<Gene, number>>): number;
  /** Makes the field of one image; what `draw` decides varies from image to image. */
  paint(genes: Readonly<Record<Gene, number>>, draw: Draw): Field;
}

/** One class: a family and a level for each of its genes. */
export interface ProceduralClass {
  readonly family: Family;
  readonly levels: readonly number[];
}

/** Declares a family; exists so that gene names are inferred. */
export function defineFamily<Gene extends string>(family: Family<Gene>): Family {
  return family;
}

/** The name of a class, such as `polygon/2-0-1-0-3`: its family and levels. */
export function className({ family, levels }: ProceduralClass): string {
  return `${family.name}/${levels.join("-")}`;
}

/** The gene values of a class, by name. */
export function geneValues({ family, levels }: ProceduralClass): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(family.genes).map(([gene, values], i) => [gene, values[levels[i]!]!]),
  );
}

/** Number of classes a family has in a part. */
export function capacity(family: Family, part: Part): number {
  // Even minus odd genotypes factorises: a gene with an even number of levels contributes 0, an odd one 1.
  const sizes = Object.values(family.genes).map((values) => values.length);
  const all = sizes.reduce((product, size) => product * size, 1);
  const surplus = sizes.every((size) => size % 2 === 1) ? 1 : 0;
  return (all + (part === "benchmark" ? surplus : -surplus)) / 2;
}

/**
 * Draws classes of a part, taking the families in turn. The first classes are the same however many are drawn.
 *
 * @param rngOf The random numbers of a family, by its name
 * @throws {InputError} If the families have not that many classes
 */
export function drawClasses(
  families: readonly Family[],
  part: Part,
  count: number,
  rngOf: (family: string) => Rng,
): ProceduralClass[] {
  const most = families.length * Math.min(...families.map((family) => capacity(family, part)));
  if (!Number.isInteger(count) || count < 1 || count > most) {
    throw new InputError(
      `Cannot draw procedural classes: found ${count} classes, wanted an integer from 1 to ${most}`,
    );
  }
  const sources = families.map((family) => ({ family, next: genotypes(family, part, rngOf(family.name)) }));
  return Array.from({ length: count }, (_, c) => {
    const { family, next } = sources[c % sources.length]!;
    return { family, levels: next() };
  });
}

/** Draws genotypes of a part without repetition. */
function genotypes(family: Family, part: Part, rng: Rng): () => number[] {
  const sizes = Object.values(family.genes).map((values) => values.length);
  const parity = part === "benchmark" ? 0 : 1;
  const seen = new Set<string>();
  return () => {
    while (true) {
      const levels = sizes.map((size) => rng.integer(size));
      const key = levels.join();
      if (levels.reduce((sum, level) => sum + level, 0) % 2 !== parity || seen.has(key)) continue;
      seen.add(key);
      return levels;
    }
  };
}
