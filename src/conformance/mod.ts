/**
 * Golden cases: what independent implementations computed, and how far a backend is from it.
 *
 * @module
 */
export { checkGolden, type TensorError } from "./golden.ts";
export { type GoldenCase, type GoldenOptimiser, loadGoldenCase } from "./golden_case.ts";
