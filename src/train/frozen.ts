/**
 * Puts frozen adapters into their slots: factors side by side along the rank, scale and importance absorbed into B,
 * zeros where a slot, a rank or a site is empty.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { factorName, loraSites } from "../nn/sites.ts";
import type { RunShape } from "./lora_programs.ts";
import type { FrozenBranches } from "./training.ts";

/**
 * The values of the factor states (`frozen.lora.<site>.A` and `.B`) of a step with frozen branches.
 *
 * @throws {RangeError} If there are more adapters than slots, a rank is too large or the gains are not one each
 */
export function packFrozen({ config, lora }: RunShape, frozen: FrozenBranches): NamedTensors {
  const { adapters, slots, rank, gains } = frozen;
  if (adapters.length > slots || gains.length !== adapters.length) {
    throw new RangeError(
      `Cannot freeze ${adapters.length} adapters with ${gains.length} gains: wanted at most ${slots}, one gain each`,
    );
  }
  const total = slots * rank;
  const tensors = loraSites(config, lora.targets).flatMap(({ name, inputs, outputs }) => {
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
    return [[`frozen.${factorName(name, "A")}`, a], [`frozen.${factorName(name, "B")}`, b]] as const;
  });
  return Object.fromEntries(tensors);
}
