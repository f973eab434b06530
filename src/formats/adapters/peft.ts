/**
 * Adapters in the format of PEFT (github.com/huggingface/peft): a folder with `adapter_config.json` and
 * `adapter_model.safetensors`. There a module's update is lora_alpha / r · B A, with r and lora_alpha for all modules
 * or by patterns of their names; ours is scale · importance · B A. Where the quotient of two numbers cannot be that
 * product to the last bit, the file's metadata has it.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/json.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { HostTensor } from "../../core/tensors.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites, loraTargets } from "../../nn/sites.ts";
import type { Backbone } from "../../nn/backbone.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { scoringHead } from "../../nn/classifier.ts";
import { checkOrigin } from "../backbones/merged.ts";
import { writeSafetensors } from "../files/safetensors.ts";
import type { KeptAdapter } from "./adapter_file.ts";
import type { OwnFacts, PeftConfig } from "./peft_config.ts";
import { adaptableModules, headModule, type PeftNaming, toModules } from "./peft_names.ts";
import { beforeScales } from "./peft_weights.ts";

/** Name of the file with the settings. */
export const PEFT_CONFIG = "adapter_config.json";
/** Name of the file with the tensors. */
export const PEFT_WEIGHTS = "adapter_model.safetensors";

/** Key of the weights' metadata for what the format has no place for. */
export const OWN = "ham-bench";

/** What PEFT puts in front of the name of every module. */
const PREFIX = "base_model.model.";

/** The content of both files. */
export interface PeftFiles {
  /** Text of `adapter_config.json`. */
  readonly config: string;
  /** Content of `adapter_model.safetensors`. */
  readonly weights: Uint8Array;
}

/** @throws {InputError} If a pair is of no site of the model, or of other sizes */
function checkPairs({ pairs }: Adapter, config: ViTConfig): void {
  const sites = new Map(
    loraTargets.flatMap((target) => loraSites(config, [target])).map((site) => [site.name, site]),
  );
  for (const [name, { a, b }] of Object.entries(pairs)) {
    const site = sites.get(name);
    const rank = a.shape[0]!;
    if (!site || !sameShape(a.shape, [rank, site.inputs]) || !sameShape(b.shape, [site.outputs, rank])) {
      throw new InputError(
        `Cannot export adapter: found ${name} with A ${formatShape(a.shape)} and B ${
          formatShape(b.shape)
        }, ` +
          `wanted ${site ? `[rank,${site.inputs}] and [${site.outputs},rank]` : "a site of the backbone"}`,
      );
    }
  }
}

/** The value that occurs most often; of several such the first. */
export function mostCommon<T>(values: readonly T[]): T {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => one[1] > best[1] ? one : best)[0];
}

/** Short names where they mean the adapted modules and no others, else full names. */
function targetModules(adapted: readonly string[], all: ReadonlyMap<string, string>): string[] {
  const short = [...new Set(adapted.map((module) => all.get(module)!))].sort();
  const isMeant = (module: string) => short.some((name) => module.endsWith(`.${name}`));
  const meant = [...all.keys()].filter(isMeant);
  return meant.length === adapted.length ? short : [...adapted];
}

/**
 * Exports an adapter, with its classifier if it has one.
 *
 * @throws {InputError} If there is no adapter, or it does not belong to the backbone
 */
export function encodePeft(
  kept: KeptAdapter,
  backbone: Pick<Backbone, "id" | "hash" | "config" | "scales">,
  naming: PeftNaming,
): PeftFiles {
  const { adapter: trained, classifier, cell, task } = kept;
  const { id, hash, config } = backbone;
  checkOrigin(backbone, kept);
  if (!trained) {
    throw new InputError("Cannot export adapter: the bare backbone is deployed, wanted an adapter");
  }
  const fail = (why: string): never => {
    throw new InputError(`Cannot export adapter: ${why}`);
  };
  if (kept.weights) {
    const names = Object.keys(kept.weights).slice(0, 3).join(", ");
    return fail(
      `found trained weights of the backbone (${names}), wanted factors alone; merge it (--format safetensors)`,
    );
  }
  checkPairs(trained, config);
  const adapter = backbone.scales
    ? { ...trained, pairs: beforeScales(backbone, trained.pairs, fail) }
    : trained;
  const modules = [...toModules(adapter, naming)];
  const gain = adapter.scale * adapter.importance;
  const ranks = modules.map(([, { a }]) => a.shape[0]!);
  const rank = mostCommon(ranks);
  const others = modules.flatMap(([module], i) => ranks[i] === rank ? [] : [[module, ranks[i]!] as const]);
  const head = classifier && scoringHead(classifier);
  const peft: PeftConfig = {
    peft_type: "LORA",
    task_type: null,
    base_model_name_or_path: id,
    inference_mode: true,
    r: rank,
    lora_alpha: gain * rank,
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    target_modules: targetModules(modules.map(([module]) => module), adaptableModules(naming, config)),
    rank_pattern: Object.fromEntries(others),
    alpha_pattern: Object.fromEntries(others.map(([module, own]) => [module, gain * own])),
    modules_to_save: head ? [headModule(naming)] : null,
  };
  const facts: OwnFacts = {
    backbone: { id, hash },
    ...(cell !== undefined && { cell }),
    ...(task !== undefined && { task }),
    scale: adapter.scale,
    importance: adapter.importance,
    ranks: Object.fromEntries(Object.entries(adapter.pairs).map(([site, { a }]) => [site, a.shape[0]!])),
    ...(classifier && { classNames: classifier.classNames }),
  };
  const tensors: Record<string, HostTensor> = {};
  for (const [module, { a, b }] of modules) {
    tensors[`${PREFIX}${module}.lora_A.weight`] = a;
    tensors[`${PREFIX}${module}.lora_B.weight`] = b;
  }
  if (head) {
    tensors[`${PREFIX}${headModule(naming)}.weight`] = head.weight;
    tensors[`${PREFIX}${headModule(naming)}.bias`] = head.bias;
  }
  return {
    config: `${JSON.stringify(peft, null, 2)}\n`,
    weights: writeSafetensors({ tensors, metadata: { format: "pt", [OWN]: canonicalJson(facts) } }),
  };
}
