/**
 * CoMA and CoFiMA (Marouf et al., arXiv 2312.08977): after each task the model moves only part of the way to what
 * training found.
 *
 * 1. Train the adapter on, from the merged one: θ_1. It was θ_0.
 * 2. CoMA: θ ← (1 - λ) θ_0 + λ θ_1.
 *    CoFiMA: θ ← ((1 - λ) F_0 θ_0 + λ F_1 θ_1) / ((1 - λ) F_0 + λ F_1), where F_t is the diagonal Fisher information of
 *    task t at its end.
 *
 * The papers train the whole backbone; θ here is the two factors of one adapter, entry by entry, and F is of these
 * entries. The authors cap F at 1e-4, which with gradients of single images, as ours are, would cap nearly all of it and
 * make CoFiMA CoMA; instead a share of its mean is added to it, so that what neither task needs is averaged as in CoMA.
 * F_0 is of the last task alone, as in their code; with `information=sum` it is of all.
 *
 * Starts that are independent of one another must at least share A; `fresh` ones have no common entries to average.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { fisherInformation } from "../fisher.ts";
import { adapterOfEntries, combine, type Entries, entriesOf, weightsOf } from "./factor_means.ts";
import { taskStart } from "../start.ts";

const lambda = z.number().min(0).max(1).default(0.4)
  .describe("Weight λ of what training found; the merged adapter has the rest");
const start = z.enum(["shared", "sequential"]).default("sequential")
  .describe("Where a task's adapter starts: where the first one did, or at the merged adapter");

/** The options of estimates of the Fisher information. */
export const fisherOptions = {
  samples: z.int().min(1).default(256).describe("Images per task from which the Fisher is estimated"),
  floor: z.number().gt(0).default(0.01)
    .describe(
      "Added to the Fisher information, as a share of its mean: entries without any are averaged plainly",
    ),
};

/** The merged adapter. */
type ComaState = { readonly merged: Adapter | null };

/** CoMA. */
export const coma: MethodDefinition = defineMethod({
  name: "coma",
  summary: "One adapter that moves part of the way to what each task's training found",
  source: "Marouf et al., arXiv 2312.08977",
  family: "merge",
  year: 2023,
  adapted: "Averages the factors of one adapter instead of a whole backbone; without classifier alignment",
  keeps: "One adapter",
  options: z.strictObject({ lambda, start }),
  create: ({ lambda, start }) =>
    adapterMethod({
      trains: "task",
      init: (): ComaState => ({ merged: null }),
      begin: ({ merged }: ComaState, task, kit) => ({
        start: taskStart(kit, task.index, start, merged ? { last: merged } : {}),
      }),
      end({ merged }: ComaState, _task, { adapter }): ComaState {
        if (!merged) return { merged: adapter };
        const mean = combine(
          [entriesOf(merged), entriesOf(adapter)],
          (before, now) => (1 - lambda) * before! + lambda * now!,
        );
        return { merged: adapterOfEntries(mean, adapter) };
      },
      deploy: ({ merged }: ComaState) => merged ?? undefined,
    }),
});

/** The merged adapter and the weights of its entries. */
type CofimaState = { readonly merged: Adapter | null; readonly weights: Entries | null };

/** CoFiMA. */
export const cofima: MethodDefinition = defineMethod({
  name: "cofima",
  summary: "CoMA that moves each entry by how much the last and the new task need it",
  source: "Marouf et al., arXiv 2312.08977",
  family: "merge",
  year: 2023,
  adapted: "Averages the factors of one adapter instead of a whole backbone; without classifier alignment",
  keeps: "One adapter, and a Fisher information of its shape in float64",
  options: z.strictObject({
    lambda,
    information: z.enum(["last", "sum"]).default("last")
      .describe(
        "Whether the merged adapter's Fisher information is the last task's or the sum of all tasks'",
      ),
    ...fisherOptions,
    start,
  }),
  create: ({ lambda, information, samples, floor, start }) =>
    adapterMethod({
      trains: "task",
      init: (): CofimaState => ({ merged: null, weights: null }),
      begin: ({ merged }: CofimaState, task, kit) => ({
        start: taskStart(kit, task.index, start, merged ? { last: merged } : {}),
      }),
      async end({ merged, weights }: CofimaState, task, { adapter, classifier }, kit): Promise<CofimaState> {
        const head = { policy: kit.classifier, state: classifier };
        const now = weightsOf(await fisherInformation(kit, task, adapter, head, samples), floor);
        if (!merged || !weights) return { merged: adapter, weights: now };
        const mean = fisherMean(entriesOf(merged), weights, entriesOf(adapter), now, lambda);
        return {
          merged: adapterOfEntries(mean, adapter),
          weights: information === "last" ? now : combine([weights, now], (one, other) => one! + other!),
        };
      },
      deploy: ({ merged }: CofimaState) => merged ?? undefined,
    }),
});

/** ((1 - λ) F_0 θ_0 + λ F_1 θ_1) / ((1 - λ) F_0 + λ F_1), entry by entry. */
export function fisherMean(
  theta0: Entries,
  weights0: Entries,
  theta1: Entries,
  weights1: Entries,
  lambda: number,
): Entries {
  return combine([theta0, weights0, theta1, weights1], (before, weight0, after, weight1) => {
    const [first, second] = [(1 - lambda) * weight0!, lambda * weight1!];
    return (first * before! + second * after!) / (first + second);
  });
}
