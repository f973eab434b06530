/**
 * Seeded randomness, tensors on the host, canonical JSON, states as bytes, and the errors that all parts throw.
 *
 * @module
 */
export { BackendUnavailableError, DivergenceError, InputError } from "./errors.ts";
export { ifThere, replaceFile, systemReason } from "./files.ts";
export { canonicalJson, hashJson, type Json, type JsonObject, sha256 } from "./json.ts";
export { printable, printableJson, printableLines } from "./printable.ts";
export { createRng, type Rng } from "./rng.ts";
export { type Shape, sizeOf } from "./shape.ts";
export { decodeState, encodeState, type StateArray, stateSize, type StateValue } from "./state.ts";
export { type HostTensor, hostTensor, type NamedTensors, type TensorSpec } from "./tensors.ts";
