/**
 * The parts of MoSEs: experts side by side in one pair of factors, masks of their entries, and gates over them.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import {
  abs,
  add,
  broadcast,
  div,
  exp,
  greaterEqual,
  mul,
  reshape,
  sub,
  sum,
  tanh,
  topKThreshold,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";

/** Steepness of a mask while its scores train. */
const STEEPNESS = 20;

/** How many of `size` entries a mask keeps: at least one. */
export function keptEntries(size: number, keep: number): number {
  return Math.max(1, Math.round(keep * size));
}

/** 1 for the entries whose scores are largest by magnitude, more where they tie, else 0. */
export function hardMask(scores: ArrayLike<number>, keep: number): Uint8Array {
  const sizes = Array.from(scores, Math.abs);
  const least = sizes.toSorted((x, y) => y - x)[keptEntries(sizes.length, keep) - 1]!;
  return Uint8Array.from(sizes, (size) => size >= least ? 1 : 0);
}

/**
 * The same while scores train, as a smooth step that they can be moved through: σ(20 (|s| / θ - 1)), where θ is the
 * smallest magnitude that is kept.
 */
export function softMask(scores: Tensor, keep: number): Tensor {
  const size = scores.shape.reduce((product, n) => product * n, 1);
  const threshold = add(topKThreshold(scores, keptEntries(size, keep)), 1e-12);
  const steps = mul(sub(div(abs(scores), threshold), 1), STEEPNESS / 2);
  return mul(add(tanh(steps), 1), 0.5);
}

/** Bits eight to a byte, the first the lowest. */
export function packBits(bits: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => packed[i >> 3]! |= bit << (i & 7));
  return packed;
}

/** The first `length` bits of `packBits`, a byte each. */
export function unpackBits(packed: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => packed[i >> 3]! >> (i & 7) & 1);
}

/** Weights of the experts in a graph: softmax over the `count` largest logits [experts], 0 for the others. */
export function gatesOf(logits: Tensor, count: number): Tensor {
  // Not shifted by the largest logit: they start near 0 and move little. Powers are positive, so magnitudes rank them.
  const powers = exp(logits);
  const chosen = mul(powers, greaterEqual(powers, topKThreshold(powers, count)));
  return div(chosen, sum(chosen));
}

/** The same on the host; exactly `count` are not 0, the first where logits tie. */
export function hostGates(logits: ArrayLike<number>, count: number): number[] {
  const order = Array.from(logits, (_, expert) => expert).sort((i, j) => logits[j]! - logits[i]!);
  const chosen = new Set(order.slice(0, count));
  const powers = Array.from(logits, (logit, expert) => chosen.has(expert) ? Math.exp(logit) : 0);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** A gate for each expert as a gain for each of its ranks. */
export function spreadGates(gates: Tensor, rank: number, scale: number): Tensor {
  const experts = gates.shape[0]!;
  return mul(reshape(broadcast(reshape(gates, [experts, 1]), [experts, rank]), [experts * rank]), scale);
}

/** Entries where a mask is 1 from one tensor, the others from another. */
export function mixed(mask: Uint8Array, there: HostTensor, elsewhere: HostTensor): HostTensor {
  return hostTensor(there.shape, there.data.map((value, i) => mask[i] === 1 ? value : elsewhere.data[i]!));
}
