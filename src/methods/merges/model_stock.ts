/**
 * Model Stock (Jang et al., arXiv 2403.19522) on LoRA updates, in ΔW space.
 *
 * 1. cos θ at a site: the mean cosine between the updates of two tasks.
 * 2. t = N cos θ / (1 + (N - 1) cos θ), for N tasks: where the line from W0 to the mean comes closest to the centre of a
 *    thin shell on which fine-tuned weights are assumed to lie.
 * 3. Deploy W0 + t · mean ΔW, with a t for every site. There is nothing to tune.
 *
 * Σ_{i<j} cos = Σ_j ⟨Σ_{i<j} u_i, u_j⟩ with u = ΔW / ‖ΔW‖, so that two running sums and one number a site are enough.
 *
 * The paper's: t per layer. It gives one θ for all pairs; the mean of the pairs is the usual reading. Ours too: a
 * negative mean counts as 0 (the formula has a pole below), a zero update has cosine 0 with all, and one task is
 * deployed as it is.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { innerProduct } from "../../merge/inner.ts";
import { absorbGain, scaleAdapter, scaleSites } from "../../merge/scale.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { runningMerge } from "./merge_method.ts";

/** Sums over tasks: of updates, of updates of length 1, and of the cosines of pairs. */
export type Stock = {
  readonly sum: Adapter;
  readonly units: Adapter;
  readonly cosines: Readonly<Record<string, number>>;
};

/** Step 2. `cosines` is the sum over the pairs of `count` updates. */
export function stockRatio(cosines: number, count: number): number {
  if (count === 1) return 1;
  const cosine = Math.max(0, cosines / (count * (count - 1) / 2));
  return count * cosine / (1 + (count - 1) * cosine);
}

/** The same ΔW at length 1 at every site; zero where it is zero. */
function unit(adapter: Adapter): Adapter {
  const absorbed = absorbGain(adapter);
  return scaleSites(absorbed, (site) => {
    const norm = Math.sqrt(innerProduct(absorbed, absorbed, site));
    return norm > 0 ? 1 / norm : 0;
  });
}

function ratios({ cosines }: Stock, count: number): Record<string, number> {
  return Object.fromEntries(Object.entries(cosines).map(([site, sum]) => [site, stockRatio(sum, count)]));
}

/** Model Stock. */
export const modelStock: MethodDefinition = defineMethod({
  name: "model-stock",
  summary: "The mean update, drawn towards the backbone as far as the angles between tasks say",
  source: "Jang et al., arXiv 2403.19522",
  family: "merge",
  year: 2024,
  adapted: "Updates of LoRA adapters of different tasks in place of weights of one task",
  keeps: "The sums of the updates and of the updates at length 1, each up to full rank",
  options: z.strictObject({ start: startOption }),
  create: ({ start }) =>
    runningMerge<Stock>({
      start,
      fold(stock, adapter) {
        const own = unit(adapter);
        if (!stock) {
          const cosines = Object.fromEntries(Object.keys(own.pairs).map((site) => [site, 0]));
          return { sum: adapter, units: own, cosines };
        }
        const { sum, units, cosines } = stock;
        return {
          sum: compress(concat([sum, adapter]), null),
          units: compress(concat([units, own]), null),
          cosines: Object.fromEntries(
            Object.entries(cosines).map(([site, total]) => [site, total + innerProduct(units, own, site)]),
          ),
        };
      },
      read(stock, count) {
        const ratio = ratios(stock, count);
        return scaleAdapter(scaleSites(stock.sum, (site) => ratio[site]!), 1 / count);
      },
      facts: (stock, count) => ({ ratios: ratios(stock, count) }),
    }),
});
