/**
 * Isotropic merging, Iso-C (Marczak et al., arXiv 2502.04959): the sum of the updates with all its singular values
 * replaced by their mean.
 *
 * @module
 */
import { type Spectrum } from "./spectrum.ts";

/** The same directions, each as long as the mean; directions in which the update is zero stay zero. */
export function isotropic(spectrum: Spectrum): Spectrum {
  const { s } = spectrum;
  const mean = s.reduce((total, value) => total + value, 0) / Math.max(1, s.length);
  return { ...spectrum, s: s.map(() => mean) };
}
