/**
 * Adapters in, adapter out: sums, means, pruning, TIES, DARE, and what they are made of.
 *
 * @module
 */
export { compress } from "./compress.ts";
export { average, concat } from "./concat.ts";
export { composeDelta } from "./delta.ts";
export {
  createMerger,
  type DareOptions,
  type Merger,
  type PruneOptions,
  type Room,
  type TiesOptions,
} from "./merger.ts";
export { resize } from "./resize.ts";
export { absorbGain, balanceFactors, scaleAdapter } from "./scale.ts";
