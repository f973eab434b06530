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

/** What quantisers put beside weights: bitsandbytes, GPTQ, AWQ, compressed-tensors, torchao, quanto, optimum. */
const QUANTISED =
  /(^|[._])(weight_scale(_inv)?|input_scale|qweight|qzeros|absmax|quant_map|quant_state[._\w]*|SCB|weight_format|_scale|_zero_point|zero_point|weight_packed|scales|_data)$/;

const ATTENTION_POOL = /(^|\.)(attn_pool|head)\.(probe|latent|attention|q|kv|proj|norm|layernorm|mlp)\b/;

/** Whether a tensor belongs to a pool that asks the tokens with a query of its own. */
export function isAttentionPool(name: string): boolean {
  return ATTENTION_POOL.test(brief(name));
}

/** Parts that `ViTConfig` has no place for, by the names that timm, transformers and others give their tensors. */
const foreignParts: readonly (readonly [name: RegExp, part: string, wanted: string])[] = [
  [ATTENTION_POOL, "attention pooling", "another pool, which can be asked for (--pool mean)"],
  [/(^|\.)(norm_pre|ln_pre|pre_layrnorm)\./, "a norm before the first block", "none"],
  [/(^|\.)([qk]_norm|norm_[qk])\./, "norms of queries and keys", "plain attention"],
  [/(^|\.)(fc1_[gx]|w12|weights_in|gate_proj)\./, "a gated perceptron", "one of two layers"],
  [/relative_position_(bias_table|index)$/, "relative positions", "one position per token"],
  [/(^|\.)running_(mean|var)$/, "batch norms", "layer norms"],
  [/(^|\.)lora_[AB](\.|$)/, "adapters that are not merged", "plain weights"],
  [QUANTISED, "quantised weights", "floating-point weights"],
];

/** Both ends of a name: patterns could take very long over a whole one. */
function brief(name: string): string {
  return name.length > 300 ? `${name.slice(0, 150)} ${name.slice(-150)}` : name;
}

/** @throws {InputError} If a tensor that is left over shows an architecture of another kind */
export function checkRepresentable(
  { leftover }: Pick<MappedTensors, "leftover">,
  file: string,
): void {
  for (const [name, part, wanted] of foreignParts) {
    const names = leftover.filter((one) => name.test(brief(one)));
    if (names.length > 0) {
      throw new InputError(`Cannot load ${file}: found ${part} (${listed(names)}), wanted ${wanted}`);
    }
  }
}

/** Parts that a checkpoint has beside the model whose features are wanted: what trained it, read it, or speaks. */
const BESIDE =
  /(^|\.)(decoder|projector|projection|predictor|prediction|criterion|optimizer|pooler|lm|mask_token)\b|(^|\.)(global_)?(steps?|epochs?|iterations?)$|(^|\.)(\w*head\w*|aux\w*|text\w*|logit\w*|\w*loss\w*|centers?|queue\w*|momentum\w*|ema\w*|teacher|student|classifier\w*)\./;

/** Names of parts that every token goes through. */
const INSIDE =
  /(^|\.)(blocks?|layers?|resblocks|encoder_layers?|transformer)\.(\w+\.)*\d+\.|token|embed|norm|lambda|gamma|scale/i;

/**
 * Refuses tensors of unknown meaning. Leaving them out is advised, and allowed, only where they stand beside the
 * model: what takes part in it changes results.
 *
 * @throws {InputError} If there are such tensors, and they take part or may not be ignored
 */
export function checkUnknown(
  leftover: readonly string[],
  ignore: boolean,
  map: string,
  file: string,
): void {
  const inside = leftover.filter((name) => !BESIDE.test(brief(name)) && INSIDE.test(brief(name)));
  if (leftover.length === 0 || (ignore && inside.length === 0)) return;
  const found = `Cannot load ${file}: found tensors that the name map ${map} does not know`;
  if (inside.length > 0) {
    throw new InputError(
      `${found} (${listed(inside)}); they take part in what the model computes, wanted none of them`,
    );
  }
  const isBeside = leftover.every((name) => BESIDE.test(brief(name)));
  throw new InputError(
    `${found} (${listed(leftover)}); wanted none` +
      (isBeside ? ", or leave to ignore what stands beside the model (--ignore-unknown)" : ""),
  );
}
