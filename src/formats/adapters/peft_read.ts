/**
 * Reading adapters in the format of PEFT: factors by module, the classifier, and what else was trained.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { type Adapter, type LoraPair, orderSites } from "../../nn/adapter.ts";
import { joinHeads } from "../backbones/pooling.ts";
import { isFile, listFiles, readBytes, readText } from "../files/files.ts";
import { checkForeign } from "../files/foreign.ts";
import { readSafetensors } from "../files/safetensors.ts";
import type { KeptClassifier } from "./adapter_file.ts";
import { mostCommon, OWN, PEFT_CONFIG, PEFT_WEIGHTS, type PeftFiles } from "./peft.ts";
import {
  isSameGain,
  type OwnFacts,
  parseOwnFacts,
  parsePeftConfig,
  type PeftSettings,
} from "./peft_config.ts";
import { headModules, otherPart, restoreSites, siteOfModule } from "./peft_names.ts";
import { type AdaptedBackbone, behindScales, magnitudeWeights, replacedWeights } from "./peft_weights.ts";

/** An adapter that came in PEFT's format. */
export interface PeftAdapter {
  /** One scale for all sites; where modules have other ones, the difference is in B. */
  readonly adapter: Adapter;
  /** Present if the classifier was saved too. Its names are numbers unless the file has them. */
  readonly classifier?: KeptClassifier;
  /** Weights of the backbone that were trained, too, under its names. */
  readonly weights?: NamedTensors;
}

/** One module's factors, as far as they are there. */
interface Factors {
  a?: HostTensor;
  b?: HostTensor;
  /** Of DoRA. */
  magnitude?: HostTensor;
}

/** Which factor a tensor is by its name. */
const FACTOR =
  /^(?:base_model\.model\.)?(.+)\.lora_(?:([AB])(?:\.default)?\.weight|magnitude_vector(?:\.default)?(?:\.weight)?)$/;

/** The name that a tensor has in the model that is adapted. */
function plainName(name: string): string {
  return name.replace(/^base_model\.model\./, "").replace(/\.(modules_to_save|base_layer)(?=\.)/, "")
    .replace(/\.default(?=\.(weight|bias)$)/, "");
}

/** Factors by module, the classifier, and all else by its name in the model. */
function sortTensors(tensors: NamedTensors, fail: (why: string) => never) {
  const factors = new Map<string, Factors>();
  const head: Record<string, HostTensor> = {};
  const others: Record<string, HostTensor> = {};
  const add = (all: Record<string, HostTensor>, key: string, name: string, tensor: HostTensor) => {
    const known = Object.hasOwn(all, key) ? all[key] : undefined;
    // PEFT saves trained biases of modules that are trained whole once more.
    const isSame = known && sameShape(known.shape, tensor.shape) &&
      known.data.every((value, i) => Object.is(value, tensor.data[i]));
    if (known && !isSame) fail(`two tensors mean the same, one of them "${name}"`);
    all[key] = tensor;
  };
  for (const [name, tensor] of Object.entries(tensors)) {
    // The module that another stands for is no longer used.
    if (/\.original_module\./.test(name)) continue;
    const [, module, letter] = FACTOR.exec(name) ?? [];
    const plain = plainName(name);
    const [, saved = "", kind] = /^(?:.*\.)?(\w+)\.(weight|bias)$/.exec(plain) ?? [];
    if (module !== undefined) {
      const known = factors.get(module) ?? {};
      add(
        known as Record<string, HostTensor>,
        letter === "A" ? "a" : letter === "B" ? "b" : "magnitude",
        name,
        tensor,
      );
      factors.set(module, known);
    } else if (headModules.has(saved)) add(head, `${headModules.get(saved)}.${kind}`, name, tensor);
    else if (/(^|\.)lora_/.test(name)) {
      fail(`found the tensor "${name}", wanted lora_A and lora_B of linear layers`);
    } else add(others, plain, name, tensor);
  }
  return { factors, head, others };
}

function pairsBySite(
  factors: ReadonlyMap<string, Factors>,
  { rankOf, gainOf }: PeftSettings,
  fail: (why: string) => never,
) {
  const pairs: Record<string, LoraPair> = {};
  const gains: Record<string, number> = {};
  const magnitudes: Record<string, HostTensor> = {};
  for (const [module, { a, b, magnitude }] of factors) {
    const site = siteOfModule(module);
    if (site === undefined) return refuseModule(module, fail);
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
    if (magnitude) magnitudes[site] = magnitude;
  }
  return { pairs, gains, magnitudes };
}

function refuseModule(module: string, fail: (why: string) => never): never {
  const part = otherPart(module);
  return fail(
    part
      ? `found an adapted ${part} ("${module}"), which is not read, wanted adapters of projections in blocks` +
        (part === "classifier" ? ", and the classifier among modules_to_save" : "")
      : `found the module "${module}", wanted those of a Vision Transformer`,
  );
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
  heads: NamedTensors,
  classNames: readonly string[] | undefined,
  fail: (why: string) => never,
): KeptClassifier | undefined {
  if (Object.keys(heads).length === 0) return undefined;
  const isTeachers = Object.keys(heads).some((name) => name.startsWith("head_dist."));
  const { "head.weight": weight, "head.bias": bias } = isTeachers ? joinHeads(heads, fail) : heads;
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

/** A classifier of which only the biases were trained, with the weights that the backbone has. */
function withOwnHead(heads: NamedTensors, backbone: AdaptedBackbone | undefined): NamedTensors {
  const isBiasAlone = Object.keys(heads).join() === "head.bias" && backbone?.head;
  return isBiasAlone ? { ...heads, "head.weight": backbone.head!.weight } : heads;
}

/** Factors that add nothing: what they did is in the weights. */
function withoutUpdate(pairs: Readonly<Record<string, LoraPair>>, sites: readonly string[]) {
  return Object.fromEntries(
    Object.entries(pairs).map(([site, { a, b }]) =>
      [site, { a, b: sites.includes(site) ? hostTensor(b.shape) : b }] as const
    ),
  );
}

/**
 * Reads the content of both files.
 *
 * @param file Of the folder, named in errors
 * @param backbone What was adapted: needed where more was trained than factors, or its layer scales are folded
 * @throws {InputError} If they are unsound, use what LoRA on linear layers is not, or adapt another kind of model
 */
export function decodePeft(
  { config, weights }: PeftFiles,
  file: string,
  backbone?: AdaptedBackbone,
): PeftAdapter {
  const fail = (why: string): never => {
    throw new InputError(`Cannot read adapter ${file}: ${why}`);
  };
  const settings = parsePeftConfig(config, fail);
  checkForeign(weights, file, "an adapter in safetensors");
  const { tensors, integers, metadata } = readSafetensors(weights, { file, finite: true });
  for (const name of Object.keys(integers)) fail(`found the integers "${name}", wanted none`);
  const { factors, head, others } = sortTensors(tensors, fail);
  const { pairs, gains, magnitudes } = pairsBySite(factors, settings, fail);
  if (Object.keys(pairs).length === 0) return fail("found no lora_A and lora_B");
  const changed = Object.keys(magnitudes);
  const [other] = [...Object.keys(others), ...changed.map((site) => `magnitudes at ${site}`)];
  if (other !== undefined && !backbone) {
    return fail(`found the tensor "${other}", which changes the backbone, wanted that, too`);
  }
  const replaced = backbone
    ? magnitudeWeights(backbone, replacedWeights(others, backbone, fail), { pairs, gains, magnitudes }, fail)
    : {};
  const added = changed.length > 0 ? withoutUpdate(pairs, changed) : pairs;
  const scaled = backbone?.scales ? behindScales(backbone, added, fail) : added;
  const facts = parseOwnFacts(metadata[OWN]);
  const classifier = classifierOf(withOwnHead(head, backbone), facts?.classNames, fail);
  return {
    adapter: adapterOf(scaled, gains, facts),
    ...(classifier && { classifier }),
    ...(Object.keys(replaced).length > 0 && { weights: replaced }),
  };
}

/** @throws {InputError} If the adapter is in PyTorch's format, or one level below */
async function checkFolder(folder: string): Promise<void> {
  if (await isFile(`${folder}/${PEFT_WEIGHTS}`)) return;
  const names = await listFiles(folder);
  const other = names.find((name) => /^adapter_model\.(bin|pt|pth|ckpt)$/.test(name));
  if (other === undefined) return;
  throw new InputError(
    `Cannot read ${folder}/${other}: found a ${
      other.slice(other.lastIndexOf("."))
    } file, wanted ${PEFT_WEIGHTS}; ` +
      "PyTorch writes it with safetensors.torch.save_file(torch.load(path), path), or PEFT with save_pretrained",
  );
}

/**
 * Reads an adapter's folder.
 *
 * @throws {InputError} As `decodePeft`, and if a file cannot be read
 */
export async function loadPeft(folder: string, backbone?: AdaptedBackbone): Promise<PeftAdapter> {
  const config = await readText(`${folder}/${PEFT_CONFIG}`);
  await checkFolder(folder);
  return decodePeft({ config, weights: await readBytes(`${folder}/${PEFT_WEIGHTS}`) }, folder, backbone);
}
