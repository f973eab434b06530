/**
 * Inner products of updates from their factors, ⟨B A, D C⟩ = Σ (BᵀD) ∘ (A Cᵀ), in float64 without forming any ΔW.
 *
 * @module
 */
import type { HostTensor } from "../core/tensors.ts";
import type { Adapter } from "../nn/adapter.ts";
import { gainOf, rankOf } from "./delta.ts";

/** ⟨ΔW, ΔW'⟩ of two adapters at one site. */
export function innerProduct(one: Adapter, other: Adapter, site: string): number {
  const [x, y] = [one.pairs[site]!, other.pairs[site]!];
  let total = 0;
  for (let r = 0; r < rankOf(x); r++) {
    for (let s = 0; s < rankOf(y); s++) total += rows(x.a, r, y.a, s) * columns(x.b, r, y.b, s);
  }
  return total * gainOf(one) * gainOf(other);
}

function rows(x: HostTensor, r: number, y: HostTensor, s: number): number {
  const inputs = x.shape[1]!;
  let total = 0;
  for (let i = 0; i < inputs; i++) total += x.data[r * inputs + i]! * y.data[s * inputs + i]!;
  return total;
}

function columns(x: HostTensor, r: number, y: HostTensor, s: number): number {
  const [outputs, own] = x.shape as [number, number];
  const others = y.shape[1]!;
  let total = 0;
  for (let o = 0; o < outputs; o++) total += x.data[o * own + r]! * y.data[o * others + s]!;
  return total;
}
