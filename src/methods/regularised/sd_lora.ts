/**
 * SD-LoRA (Wu et al., arXiv 2501.13198): magnitude and direction of an update are learnt apart. Directions of earlier
 * tasks are fixed, how far to go along each is learnt anew with every task.
 *
 * 1. Start a fresh adapter (A_t, B_t). Earlier tasks take part in the forward pass by their directions:
 *    W x + Σ_{i<t} α_i B_i A_i x / (‖B_i‖ ‖A_i‖) + α_t s B_t A_t x, with Frobenius norms; s is the run's scale.
 * 2. Train A_t, B_t and all α. Each α is one number for all sites. Those of earlier tasks start at `magnitude`.
 * 3. Deploy the sum with the last α, which is one adapter.
 *
 * As the published code: the present term is not divided by its norms; after its task it is, and its magnitude starts
 * again at 0.8 instead of what was learnt (`magnitude=0.8`). That constant belongs to the code's scale. With the bench's
 * settings (width 128, rank 8, AdamW) an update is left with s α ‖B‖ ‖A‖ of about 3.3 at each site (`newest` in the
 * facts), so that the next task begins with a quarter of it, which is most of what is forgotten. `magnitude=null` is
 * ours: a task's update goes on as it was left, and α_i is a factor of it that starts at 1, which changes nothing at a
 * task boundary. The α_t of the present task starts at 1 here and at 0.8 there; it only scales the rate of B_t. Left
 * out: the variants that shrink later ranks (RR) or drop redundant directions (KD).
 *
 * Directions stand in `PLACES` places, those without a task zero.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { gainOf, mapPairs, scaled } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { PLACES, placesFor } from "../pieces/frozen_sum.ts";

/** The adapters of all tasks as training left them, and the last α of all but the newest, which has its own. */
export type SdLoraState = { readonly adapters: readonly Adapter[]; readonly magnitudes: readonly number[] };

/** SD-LoRA. */
export const sdLora: MethodDefinition = defineMethod({
  name: "sd-lora",
  summary: "Earlier updates as fixed directions whose magnitudes every task learns anew",
  source: "Wu et al., arXiv 2501.13198",
  family: "regularised",
  year: 2025,
  keeps: "The adapters of all tasks, and a magnitude for each",
  grows: `Training has a term for every earlier task; every ${PLACES} tasks compile another program`,
  options: z.strictObject({
    magnitude: z.number().min(0).nullable().default(0.8)
      .describe("Where the magnitudes of earlier directions start in every task; null keeps what was learnt"),
  }),
  create: ({ magnitude }) => {
    const isUnit = magnitude !== null;
    return adapterMethod({
      trains: "task",
      init: (): SdLoraState => ({ adapters: [], magnitudes: [] }),
      begin: ({ adapters, magnitudes }: SdLoraState, task, kit) => ({
        start: kit.freshAdapter(`task ${task.index}`),
        trainImportance: true,
        frozen: {
          adapters: adapters.map((adapter) => isUnit ? direction(adapter) : adapter),
          slots: placesFor(adapters.length),
          rank: kit.lora.rank,
          gains: adapters.map((_, i) => magnitude ?? magnitudes[i] ?? 1),
          trainGains: true,
        },
      }),
      end: ({ adapters }: SdLoraState, _task, { adapter, gains }): SdLoraState => ({
        adapters: [...adapters, adapter],
        magnitudes: gains,
      }),
      deploy({ adapters, magnitudes }: SdLoraState) {
        if (adapters.length === 0) return undefined;
        const terms = adapters.map((adapter, i) =>
          i < magnitudes.length && isUnit ? direction(adapter) : adapter
        );
        return compress(concat(terms, adapters.map((_, i) => magnitudes[i] ?? 1)), null);
      },
      facts: ({ adapters, magnitudes }: SdLoraState) => ({
        magnitudes,
        // What the newest update would have if it were written like the others.
        newest: adapters.length > 0 ? meanLength(adapters.at(-1)!) : 0,
      }),
    });
  },
});

function lengthOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0));
}

/** B A / (‖B‖ ‖A‖) at every site, with scale and importance 1; a site whose B is zero stays zero. */
export function direction(adapter: Adapter): Adapter {
  const pairs = mapPairs(adapter, ({ a, b }) => {
    const lengths = lengthOf(a.data) * lengthOf(b.data);
    return { a, b: scaled(b, lengths > 0 ? 1 / lengths : 0) };
  });
  return { ...pairs, scale: 1, importance: 1 };
}

/** The mean over sites of s α ‖B‖ ‖A‖. */
function meanLength(adapter: Adapter): number {
  const lengths = Object.values(adapter.pairs).map(({ a, b }) => lengthOf(a.data) * lengthOf(b.data));
  return gainOf(adapter) * lengths.reduce((total, length) => total + length, 0) / lengths.length;
}
