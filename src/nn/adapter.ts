/**
 * LoRA adapters on the host (Hu et al., arXiv 2106.09685): per adapted projection a pair A [rank, in] and
 * B [out, rank], and one importance scalar for the whole adapter. The update of a projection's weight is
 * ΔW = scale · importance · B A.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors, type TensorSpec } from "../core/tensors.ts";
import type { ViTConfig } from "./config.ts";
import { compareSites, factorName, loraSites, type LoraTarget, parseFactor } from "./sites.ts";

/** What an adapter looks like before training: the same for all methods of a run. */
export interface LoraSpec {
  /** Rank of every pair. */
  readonly rank: number;
  /** Usually alpha / rank. */
  readonly scale: number;
  /** Projections that are adapted in every block. */
  readonly targets: readonly LoraTarget[];
}

/** The factors of one site. */
export type LoraPair = {
  /** [rank, in] */
  readonly a: HostTensor;
  /** [out, rank] */
  readonly b: HostTensor;
};

/** A trained, merged or freshly made adapter. Pairs of one adapter may differ in rank. */
export type Adapter = {
  readonly scale: number;
  readonly importance: number;
  readonly pairs: Readonly<Record<string, LoraPair>>;
};

/** Name of the importance scalar among named tensors. */
export const IMPORTANCE = "lora.importance";

/** Names and shapes of a trainable adapter: A and B of every site, then the importance scalar. */
export function adapterTensors(config: ViTConfig, spec: LoraSpec): TensorSpec[] {
  const pairs = loraSites(config, spec.targets).flatMap(({ name, inputs, outputs }) => [
    { name: factorName(name, "A"), shape: [spec.rank, inputs] },
    { name: factorName(name, "B"), shape: [outputs, spec.rank] },
  ]);
  return [...pairs, { name: IMPORTANCE, shape: [1] }];
}

/** A fresh adapter: A uniform in ±1/√in (PEFT's Kaiming start with a = √5), B zero, importance 1, so ΔW = 0. */
export function createAdapter(config: ViTConfig, spec: LoraSpec, rng: Rng): Adapter {
  const pairs = loraSites(config, spec.targets).map(({ name, inputs, outputs }) => {
    const bound = 1 / Math.sqrt(inputs);
    const a = hostTensor([spec.rank, inputs]);
    for (let i = 0; i < a.data.length; i++) a.data[i] = (2 * rng.uniform() - 1) * bound;
    return [name, { a, b: hostTensor([outputs, spec.rank]) }] as const;
  });
  return { scale: spec.scale, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** The adapter with its sites in model order, which states and files sorted by name do not keep. */
export function orderSites(adapter: Adapter): Adapter {
  const sorted = Object.entries(adapter.pairs).sort(([x], [y]) => compareSites(x, y));
  return { ...adapter, pairs: Object.fromEntries(sorted) };
}

/** An adapter as named tensors, in the order of `adapterTensors`. */
export function adapterToTensors(adapter: Adapter): NamedTensors {
  const pairs = Object.entries(orderSites(adapter).pairs).flatMap(([site, { a, b }]) => [
    [factorName(site, "A"), a] as const,
    [factorName(site, "B"), b] as const,
  ]);
  return {
    ...Object.fromEntries(pairs),
    [IMPORTANCE]: hostTensor([1], Float32Array.of(adapter.importance)),
  };
}

/**
 * An adapter from named tensors; names that are not an adapter's are ignored.
 *
 * @throws {RangeError} If a factor lacks its partner or their ranks differ
 */
export function adapterFromTensors(tensors: NamedTensors, scale: number): Adapter {
  const pairs: Record<string, LoraPair> = {};
  for (const [name, a] of Object.entries(tensors)) {
    const { site, factor } = parseFactor(name) ?? {};
    if (site === undefined || factor !== "A") continue;
    const b = tensors[factorName(site, "B")];
    if (!b || a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== b.shape[1]) {
      throw new RangeError(
        `Cannot read adapter: A of ${site} is [${a.shape}], B is ${b ? `[${b.shape}]` : "missing"}, ` +
          "wanted [rank,in] and [out,rank]",
      );
    }
    pairs[site] = { a, b };
  }
  return { scale, importance: tensors[IMPORTANCE]?.data[0] ?? 1, pairs };
}
