/**
 * Backends whose results do not depend on the machine.
 *
 * @module
 */

/** WebAssembly without relaxed operations, and float64 loops. */
export const exactBackends = ["onnx-web", "reference"] as const;
