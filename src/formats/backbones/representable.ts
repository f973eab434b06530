/**
 * What tensors that no name map knows tell: nothing, if they are buffers, or that a model is near ours and computes
 * something else, so that an error can name the part.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/tensors.ts";
import { listed, type MappedTensors } from "./name_map.ts";
import type { IntegerTensor } from "../files/safetensors.ts";

/**
 * Whether a tensor that no name map knows is saved beside the weights without any effect on results: a list of
 * indices, a counter, or a mask that masks nothing.
 */
export function isBuffer(name: string, { shape, data }: HostTensor | IntegerTensor): boolean {
  if (data instanceof Int32Array) {
    if (/(^|\.)(position_ids|num_batches_tracked)$/.test(name) || shape.length === 0) return true;
  }
  return /(^|[._])mask$/.test(name) && data.every((value) => value === data[0]);
}

/** Parts that `ViTConfig` has no place for, by the names that timm, transformers and others give their tensors. */
const foreignParts: readonly (readonly [name: RegExp, part: string, wanted: string])[] = [
  [/(^|\.)fc_norm\./, "mean pooling of the patches", "the class token as feature"],
  [/(^|\.)(reg_token|register_tokens)$/, "register tokens", "one class token and patches"],
  [/(^|\.)(norm_pre|ln_pre|pre_layrnorm)\./, "a norm before the first block", "none"],
  [/(^|\.)([qk]_norm|norm_[qk])\./, "norms of queries and keys", "plain attention"],
  [/(^|\.)(fc1_[gx]|w12|weights_in|gate_proj)\./, "a gated perceptron", "one of two layers"],
  [/relative_position_(bias_table|index)$/, "relative positions", "one position per token"],
  [/(^|\.)running_(mean|var)$/, "batch norms", "layer norms"],
  [/(^|\.)lora_[AB](\.|$)/, "adapters that are not merged", "plain weights"],
  [/(^|\.)(weight_scale|qweight|absmax)$/, "quantised weights", "floating-point weights"],
];

/** @throws {InputError} If a tensor that is left over, or a token that is missing, shows an architecture of another kind */
export function checkRepresentable(
  { leftover, missing, map }: Pick<MappedTensors, "leftover" | "missing" | "map">,
  file: string,
): void {
  for (const [name, part, wanted] of foreignParts) {
    const names = leftover.filter((one) => name.test(one));
    if (names.length > 0) {
      throw new InputError(`Cannot load ${file}: found ${part} (${listed(names)}), wanted ${wanted}`);
    }
  }
  if (missing.join() === "cls_token") {
    throw new InputError(
      `Cannot load ${file}: found all of the name map ${map} but the class token, wanted one: its feature is used`,
    );
  }
}
