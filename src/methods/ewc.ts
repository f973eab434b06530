/**
 * Online elastic weight consolidation (Kirkpatrick et al., arXiv 1612.00796; online form: Schwarz et al., arXiv
 * 1805.06370) on the factors of one sequential adapter.
 *
 * 1. Train the adapter θ = (A, B) on task t with the loss L + λ Σ_i F_i (θ_i - θ*_i)².
 * 2. At the end of the task (at its start B is zero and so is A's gradient) estimate F_t, the mean squared gradient
 *    of the true label's log-likelihood.
 * 3. F ← γ F + F_t, θ* ← θ.
 *
 * The penalty is on A and B, not on ΔW: (B C)(C⁻¹ A) is the same update at another price. On the first task the
 * term is there with F = 0, so that one program serves all tasks.
 *
 * @module
 */
import { z } from "zod";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { add, mul, sub, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Adapter, adapterToTensors, IMPORTANCE } from "../nn/adapter.ts";
import { adapterMethod, type ExtraLoss } from "./adapter_method.ts";
import { defineMethod, type MethodDefinition } from "./definition.ts";
import { fisherInformation } from "./fisher.ts";
import { firstStart } from "./start.ts";

/** F by tensor name; `null` before the first task. */
export type FisherState = { readonly [name: string]: Float32Array } | null;

/** The adapter, which is also the anchor θ*, and F; both absent before the first task. */
export type EwcState = { readonly adapter: Adapter | null; readonly fisher: FisherState };

/** Online EWC. */
export const ewc: MethodDefinition = defineMethod({
  name: "ewc",
  summary: "One adapter, held back where the Fisher information says that earlier tasks need it",
  source: "Kirkpatrick et al., arXiv 1612.00796; Schwarz et al., arXiv 1805.06370",
  family: "regularised",
  year: 2017,
  keeps: "The adapter, and a Fisher information of its shape",
  options: z.strictObject({
    lambda: z.number().min(0).default(1000).describe("Strength λ of the quadratic penalty"),
    gamma: z.number().min(0).max(1).default(1).describe("Decay γ of earlier tasks' Fisher information"),
    samples: z.int().min(1).default(256).describe("Images per task from which the Fisher is estimated"),
  }),
  create: ({ lambda, gamma, samples }) =>
    adapterMethod({
      trains: "task",
      init: (): EwcState => ({ adapter: null, fisher: null }),
      begin({ adapter, fisher }: EwcState, _task, kit) {
        const start = adapter ?? firstStart(kit);
        return { start, extraLoss: penalty(start, fisher, lambda) };
      },
      async end({ fisher }: EwcState, task, { adapter, classifier }, kit): Promise<EwcState> {
        const head = { policy: kit.classifier, state: classifier };
        const estimate = await fisherInformation(kit, task, adapter, head, samples);
        return {
          adapter,
          fisher: accumulateFisher(adapter, fisher, gamma, estimate),
        };
      },
      deploy: ({ adapter }: EwcState) => adapter ?? undefined,
    }),
});

function factorsOf(adapter: Adapter): NamedTensors {
  const { [IMPORTANCE]: _, ...factors } = adapterToTensors(adapter);
  return factors;
}

/** λ Σ F (θ - θ*)². The weights λ F are fed, so that λ and the task change values and not the graph. */
export function penalty(at: Adapter, fisher: FisherState, lambda: number): ExtraLoss {
  const anchor = factorsOf(at);
  const names = Object.keys(anchor);
  const tensors = names.flatMap((name) => {
    const { shape } = anchor[name]!;
    const weight = fisher ? fisher[name]!.map((value) => lambda * value) : undefined;
    return [[`anchor.${name}`, anchor[name]!], [`weight.${name}`, hostTensor(shape, weight)]] as const;
  });
  return {
    tensors: Object.fromEntries(tensors),
    build({ adapter, tensors }): Tensor {
      const terms = names.map((name) => {
        const moved = sub(adapter[name]!, tensors[`anchor.${name}`]!);
        return sum(mul(tensors[`weight.${name}`]!, mul(moved, moved)));
      });
      return terms.reduce(add);
    },
  };
}

/** γ F + F_t for the factors of an adapter. */
export function accumulateFisher(
  adapter: Adapter,
  fisher: FisherState,
  gamma: number,
  estimate: NamedTensors,
): { readonly [name: string]: Float32Array } {
  const sums = Object.keys(factorsOf(adapter)).map((name) => {
    const found = estimate[name];
    if (!found) throw new RangeError(`Cannot accumulate the Fisher information: found none of ${name}`);
    const earlier = fisher?.[name];
    return [name, found.data.map((value, i) => value + gamma * (earlier?.[i] ?? 0))] as const;
  });
  return Object.fromEntries(sums);
}
