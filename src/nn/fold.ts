/**
 * Folding an adapter into the weights it adapts, W + scale · importance · B A, so that a deployed model costs
 * nothing extra. Sums are float64, the result is rounded once.
 *
 * @module
 */
import { formatShape, sameShape } from "../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { Adapter } from "./adapter.ts";
import type { ViTConfig } from "./config.ts";
import { type LoraSite, loraSites, loraTargets, sitePlace } from "./sites.ts";

/** Every site that a backbone has, fused and separate alike. */
function allSites(config: ViTConfig): ReadonlyMap<string, LoraSite> {
  const sites = loraTargets.flatMap((target) => loraSites(config, [target]));
  return new Map(sites.map((site) => [site.name, site]));
}

function siteOf(sites: ReadonlyMap<string, LoraSite>, name: string): LoraSite {
  const site = sites.get(name);
  if (!site) throw new RangeError(`Cannot fold adapter: the backbone has no site "${name}"`);
  return site;
}

/** Names of the weights that an adapter changes. */
export function foldedNames(config: ViTConfig, adapter: Adapter): string[] {
  const sites = allSites(config);
  const names = Object.keys(adapter.pairs).map((name) => sitePlace(config, siteOf(sites, name)).weight);
  return [...new Set(names)];
}

/** Adds gain · B A to rows [row, row + out) of a matrix [.., in]. */
function addProduct(target: Float64Array, a: HostTensor, b: HostTensor, row: number, gain: number): void {
  const [rank, inputs] = a.shape as [number, number];
  const outputs = b.shape[0]!;
  for (let o = 0; o < outputs; o++) {
    const start = (row + o) * inputs;
    for (let r = 0; r < rank; r++) {
      const factor = gain * b.data[o * rank + r]!;
      if (factor === 0) continue;
      for (let i = 0; i < inputs; i++) target[start + i]! += factor * a.data[r * inputs + i]!;
    }
  }
}

/**
 * The weights with an adapter folded in. Only adapted tensors are new; the others are shared with the input.
 *
 * @throws {RangeError} If the adapter has a site or a shape that the backbone lacks
 */
export function foldAdapter(config: ViTConfig, weights: NamedTensors, adapter: Adapter): NamedTensors {
  const sites = allSites(config);
  const sums = new Map<string, Float64Array>();
  const gain = adapter.scale * adapter.importance;
  for (const [name, { a, b }] of Object.entries(adapter.pairs)) {
    const site = siteOf(sites, name);
    const rank = a.shape[0]!;
    if (!sameShape(a.shape, [rank, site.inputs]) || !sameShape(b.shape, [site.outputs, rank])) {
      throw new RangeError(
        `Cannot fold adapter at ${name}: found A ${formatShape(a.shape)} and B ${formatShape(b.shape)}, ` +
          `wanted [rank,${site.inputs}] and [${site.outputs},rank]`,
      );
    }
    const place = sitePlace(config, site);
    const weight = weights[place.weight];
    if (!weight) throw new RangeError(`Cannot fold adapter at ${name}: the weights lack "${place.weight}"`);
    const total = sums.get(place.weight) ?? Float64Array.from(weight.data);
    sums.set(place.weight, total);
    addProduct(total, a, b, place.row, gain);
  }
  const folded = [...sums].map(([name, total]) =>
    [name, hostTensor(weights[name]!.shape, Float32Array.from(total))] as const
  );
  return { ...weights, ...Object.fromEntries(folded) };
}
