/**
 * The families of procedural classes. The order is part of what a seed means: class c is of family c modulo their
 * number.
 *
 * @module
 */
import { ifs, julia } from "./families/fractals.ts";
import { glyph, lattice, radial } from "./families/patterns.ts";
import { blob, composition, polygon } from "./families/silhouettes.ts";
import { cells, noise, stripes, turing } from "./families/textures.ts";
import type { Family } from "./family.ts";

/** All families. */
export const FAMILIES: readonly Family[] = [
  polygon,
  stripes,
  glyph,
  julia,
  cells,
  composition,
  radial,
  turing,
  blob,
  lattice,
  ifs,
  noise,
];
