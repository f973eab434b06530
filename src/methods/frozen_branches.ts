/**
 * Adapters that are present in a training's forward pass and do not train: one branch whose rank is all of them side
 * by side, in slots of one size, so that the program does not grow with tasks.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { broadcast, reshape } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { LoraBranch } from "../nn/lora.ts";
import { factorName, loraSites } from "../nn/sites.ts";
import type { Named } from "../train/table.ts";
import type { Kit } from "./method.ts";

/** Adapters whose factors are fixed. */
export interface FrozenBranches {
  /** At most `slots`, each of rank at most `rank`; scale and importance are part of the fixed factors. */
  readonly adapters: readonly Adapter[];
  /** Places for adapters; those without one are zero. */
  readonly slots: number;
  /** Rank of a slot. */
  readonly rank: number;
  /** One gain per adapter at the start. */
  readonly gains: readonly number[];
  /** Whether the gains train along. */
  readonly trainGains: boolean;
}

/** Name of the gains among what trains or does not. */
export const GAINS = "frozen.gains";

function frozenName(site: string, factor: "A" | "B"): string {
  return `frozen.${factorName(site, factor)}`;
}

/** The values of a stack: factors, zero where a slot, a rank or a site is empty, and a gain for each slot. */
export interface FrozenStack {
  readonly factors: NamedTensors;
  /** [slots] */
  readonly gains: HostTensor;
}

/**
 * Puts adapters into their slots. Scale and importance are absorbed into B.
 *
 * @throws {RangeError} If there are more adapters than slots, a rank is too large or the gains are not one each
 */
export function frozenStack(
  { adapters, slots, rank, gains }: FrozenBranches,
  { config, lora }: Pick<Kit, "config" | "lora">,
): FrozenStack {
  if (adapters.length > slots || gains.length !== adapters.length) {
    throw new RangeError(
      `Cannot freeze ${adapters.length} adapters with ${gains.length} gains: wanted at most ${slots}, one gain each`,
    );
  }
  const total = slots * rank;
  const factors = loraSites(config, lora.targets).flatMap(({ name, inputs, outputs }) => {
    const a = hostTensor([total, inputs]);
    const b = hostTensor([outputs, total]);
    adapters.forEach(({ pairs, scale, importance }, slot) => {
      const pair = pairs[name];
      if (!pair) return;
      const own = pair.a.shape[0]!;
      if (own > rank) {
        throw new RangeError(`Cannot freeze an adapter of rank ${own} at ${name}: wanted at most ${rank}`);
      }
      a.data.set(pair.a.data, slot * rank * inputs);
      for (let row = 0; row < outputs; row++) {
        for (let r = 0; r < own; r++) {
          b.data[row * total + slot * rank + r] = scale * importance * pair.b.data[row * own + r]!;
        }
      }
    });
    return [[frozenName(name, "A"), a], [frozenName(name, "B"), b]] as const;
  });
  const all = hostTensor([slots]);
  all.data.set(gains);
  return { factors: Object.fromEntries(factors), gains: all };
}

/** The stack in a graph, of the tensors that `frozenStack` gave values to. */
export function stackBranch(
  factors: Named,
  gains: Tensor,
  { slots, rank }: Pick<FrozenBranches, "slots" | "rank">,
  { config, lora }: Pick<Kit, "config" | "lora">,
): LoraBranch {
  const pairs = Object.fromEntries(
    loraSites(config, lora.targets).map(({ name }) => [name, {
      a: factors[frozenName(name, "A")]!,
      b: factors[frozenName(name, "B")]!,
    }]),
  );
  return { pairs, gain: reshape(broadcast(reshape(gains, [slots, 1]), [slots, rank]), [slots * rank]) };
}
