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
import type { HostTensor, NamedTensors } from "../../core/tensors.ts";
import { type Adapter, type LoraPair, orderSites } from "../../nn/adapter.ts";
import { loraSites, loraTargets } from "../../nn/sites.ts";
import type { Backbone } from "../../nn/backbone.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { type KeptAdapter, type KeptClassifier } from "./adapter_file.ts";
import { readBytes, readText } from "../files/files.ts";
import { scoringHead } from "../../nn/classifier.ts";
import { checkOrigin } from "../backbones/merged.ts";
import {
  isSameGain,
  type OwnFacts,
  parseOwnFacts,
  parsePeftConfig,
  type PeftConfig,
  type PeftSettings,
} from "./peft_config.ts";
import {
  adaptableModules,
  headModule,
  headModules,
  type PeftNaming,
  restoreSites,
  siteOfModule,
  toModules,
} from "./peft_names.ts";

/** Names of the two files. */
export const PEFT_CONFIG = "adapter_config.json";
export const PEFT_WEIGHTS = "adapter_model.safetensors";

/** Key of the weights' metadata for what the format has no place for. */
const OWN = "ham-bench";

/** What PEFT puts in front of the name of every module. */
const PREFIX = "base_model.model.";

/** The content of both files. */
export interface PeftFiles {
  readonly config: string;
  readonly weights: Uint8Array;
}

/** An adapter that came in PEFT's format. */
export interface PeftAdapter {
  readonly adapter: Adapter;
  /** Present if the classifier was saved too. Its names are numbers unless the file has them. */
  readonly classifier?: KeptClassifier;
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
function mostCommon<T>(values: readonly T[]): T {
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
  backbone: Pick<Backbone, "id" | "hash" | "config">,
  naming: PeftNaming,
): PeftFiles {
  const { adapter, classifier, cell, task } = kept;
  const { id, hash, config } = backbone;
  checkOrigin(backbone, kept);
  if (!adapter) {
    throw new InputError("Cannot export adapter: the bare backbone is deployed, wanted an adapter");
  }
  checkPairs(adapter, config);
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

/** One module's factors, as far as they are there. */
interface Factors {
  a?: HostTensor;
  b?: HostTensor;
}

/** Factors by module, and the classifier. */
function sortTensors(tensors: NamedTensors, fail: (why: string) => never) {
  const factors = new Map<string, Factors>();
  const head: { weight?: HostTensor; bias?: HostTensor } = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const [, module, letter] =
      /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name) ??
        [];
    const [, saved, kind] =
      /^(?:.*\.)?(\w+?)(?:\.modules_to_save)?(?:\.default)?\.(weight|bias)$/.exec(name) ?? [];
    const twice = () => fail(`two tensors mean the same, one of them "${name}"`);
    if (module !== undefined) {
      const key = letter === "A" ? "a" : "b";
      const known = factors.get(module);
      if (known?.[key]) twice();
      factors.set(module, { ...known, [key]: tensor });
    } else if (saved !== undefined && headModules.includes(saved)) {
      const key = kind as "weight" | "bias";
      if (head[key]) twice();
      head[key] = tensor;
    } else fail(`found the tensor "${name}", wanted lora_A and lora_B of linear layers, and a classifier`);
  }
  return { factors, head };
}

function pairsBySite(
  factors: ReadonlyMap<string, Factors>,
  { rankOf, gainOf }: PeftSettings,
  fail: (why: string) => never,
) {
  const pairs: Record<string, LoraPair> = {};
  const gains: Record<string, number> = {};
  for (const [module, { a, b }] of factors) {
    const site = siteOfModule(module);
    if (site === undefined) return fail(`found the module "${module}", wanted those of a Vision Transformer`);
    if (site in pairs) return fail(`two modules are ${site}, one of them "${module}"`);
    const rank = a?.shape[0];
    if (!a || !b || a.shape.length !== 2 || b.shape.length !== 2 || rank !== b.shape[1]) {
      return fail(
        `found A ${a ? formatShape(a.shape) : "missing"} and B ${b ? formatShape(b.shape) : "missing"} ` +
          `of "${module}", wanted [rank,in] and [out,rank]`,
      );
    }
    if (rank !== rankOf(module)) {
      return fail(`found rank ${rank} of "${module}", wanted ${rankOf(module)}, which the config says`);
    }
    pairs[site] = { a, b };
    gains[site] = gainOf(module, rank);
  }
  return { pairs, gains };
}

/** Factors whose gain is not the adapter's: the difference goes into B. */
function withGain({ a, b }: LoraPair, factor: number): LoraPair {
  return { a, b: { shape: b.shape, data: b.data.map((value) => value * factor) } };
}

function adapterOf(
  pairs: Readonly<Record<string, LoraPair>>,
  gains: Readonly<Record<string, number>>,
  facts: OwnFacts | undefined,
): Adapter {
  const values = Object.values(gains);
  // Somebody may have changed the config since: it decides.
  if (facts && values.every((gain) => isSameGain(gain, facts.scale * facts.importance))) {
    const { scale, importance, ranks } = facts;
    return orderSites({ scale, importance, pairs: restoreSites(pairs, ranks) });
  }
  const scale = mostCommon(values.some(Boolean) ? values.filter(Boolean) : values);
  const scaled = Object.entries(pairs).map(([site, pair]) => {
    const gain = gains[site]!;
    return [site, isSameGain(gain, scale) ? pair : withGain(pair, gain / scale)] as const;
  });
  return orderSites({ scale, importance: 1, pairs: Object.fromEntries(scaled) });
}

function classifierOf(
  { weight, bias }: { readonly weight?: HostTensor; readonly bias?: HostTensor },
  classNames: readonly string[] | undefined,
  fail: (why: string) => never,
): KeptClassifier | undefined {
  if (!weight && !bias) return undefined;
  const rows = weight?.shape[0];
  if (rows === undefined || weight?.shape.length !== 2 || bias?.shape.join() !== `${rows}`) {
    return fail(
      `found a classifier of ${weight ? formatShape(weight.shape) : "no weight"} and ` +
        `${bias ? formatShape(bias.shape) : "no bias"}, wanted [classes,width] and [classes]`,
    );
  }
  const numbers = Array.from({ length: rows }, (_, i) => `${i}`);
  const names = classNames?.length === rows ? classNames : numbers;
  return { kind: "linear", classNames: names, weight, bias };
}

/**
 * Reads the content of both files.
 *
 * @param file Of the folder, named in errors
 * @throws {InputError} If they are unsound, use what LoRA on linear layers is not, or adapt another kind of model
 */
export function decodePeft({ config, weights }: PeftFiles, file: string): PeftAdapter {
  const fail = (why: string): never => {
    throw new InputError(`Cannot read adapter ${file}: ${why}`);
  };
  const settings = parsePeftConfig(config, fail);
  const { tensors, integers, metadata } = readSafetensors(weights, { file, finite: true });
  for (const name of Object.keys(integers)) fail(`found the integers "${name}", wanted none`);
  const { factors, head } = sortTensors(tensors, fail);
  const { pairs, gains } = pairsBySite(factors, settings, fail);
  if (Object.keys(pairs).length === 0) return fail("found no lora_A and lora_B");
  const facts = parseOwnFacts(metadata[OWN]);
  const classifier = classifierOf(head, facts?.classNames, fail);
  return { adapter: adapterOf(pairs, gains, facts), ...(classifier && { classifier }) };
}

/**
 * Reads an adapter's folder.
 *
 * @throws {InputError} As `decodePeft`, and if a file cannot be read
 */
export async function loadPeft(folder: string): Promise<PeftAdapter> {
  const config = await readText(`${folder}/${PEFT_CONFIG}`);
  return decodePeft({ config, weights: await readBytes(`${folder}/${PEFT_WEIGHTS}`) }, folder);
}
