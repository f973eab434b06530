/**
 * Model cards: the facts about a backbone that its tensors do not tell, as JSON beside the weights. Ours state
 * architecture and pixel statistics under explicit keys; others state them partly in words. Either may name the
 * file's tensors, so that a model of unknown naming loads without a change of the program.
 *
 * @module
 */
import { z } from "zod";
import { canonicalJson, type Json } from "../../core/json.ts";
import type { Backbone, PixelStatistics, TrainedOn } from "../../nn/backbone.ts";
import { activations, normOrders, pools, type ViTConfig } from "../../nn/config.ts";
import type { PatchOrder } from "./transforms.ts";
import type { BackboneFacts } from "./facts.ts";
import { checkJson, parseJson } from "../files/files.ts";
import { readHubConfig } from "./hugging_face.ts";

/** Our card. */
interface BackboneCard {
  readonly format: "ham-bench backbone";
  readonly config: ViTConfig;
  readonly pixels: PixelStatistics;
  readonly patchOrder?: PatchOrder | undefined;
  readonly names?: Readonly<Record<string, string | null>> | undefined;
  /** Data that it was trained on. */
  readonly trainedOn?: readonly TrainedOn[] | undefined;
  /** Anything else worth knowing: licence, accuracies. Not read. */
  readonly about?: unknown;
}

const count = z.number().int().positive();
const numbers = z.array(z.number()).min(1);

const naming = {
  patchOrder: z.enum(["channels-first", "channels-last"]).optional(),
  names: z.record(z.string(), z.string().nullable()).optional(),
};

const trained = {
  trainedOn: z.array(z.strictObject({
    name: z.string().min(1),
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/).exactOptional(),
    wordnet: z.array(z.string().regex(/^n\d{8}$/)).exactOptional(),
  })).optional(),
};

const ownCard: z.ZodType<BackboneCard> = z.strictObject({
  format: z.literal("ham-bench backbone"),
  config: z.strictObject({
    image: count,
    patch: count,
    channels: count,
    width: count,
    depth: count,
    heads: count,
    mlp: count,
    norm: z.enum(normOrders),
    activation: z.enum(activations),
    epsilon: z.number().positive(),
    finalNorm: z.literal(false).exactOptional(),
    pool: z.enum(pools).exclude(["token"]).exactOptional(),
    classToken: z.literal(false).exactOptional(),
    registers: count.exactOptional(),
    embedNorm: z.literal(true).exactOptional(),
    gated: z.literal(true).exactOptional(),
  }),
  pixels: z.strictObject({ mean: numbers, std: z.array(z.number().positive()).min(1) }),
  ...naming,
  ...trained,
  about: z.unknown().optional(),
});

const wordyCard = z.object({
  dim: count.optional(),
  depth: count.optional(),
  heads: count.optional(),
  mlp: count.optional(),
  patch: count.optional(),
  image: count.optional(),
  block: z.string().optional(),
  mean: numbers.optional(),
  std: numbers.optional(),
  norm: z.string().optional(),
  activation: z.string().optional(),
  eps: z.number().optional(),
  finalNorm: z.literal(false).optional(),
  ...naming,
  ...trained,
});

/** The one value whose pattern occurs in a text; none if several do. */
function only<T>(text: string, patterns: readonly (readonly [RegExp, T])[]): T | undefined {
  const found = patterns.filter(([pattern]) => pattern.test(text));
  return found.length === 1 ? found[0]![1] : undefined;
}

/** What a text says is not so: "exact GELU, not tanh". */
const DENIED = /\b(not|no|without) (the )?[\w-]+/gi;

const EPSILON = /(?:\b|_)eps(?:ilon)?\s*(?:(?:[=:]|of|is)\s*)?(\d*\.?\d+(?:e-?\d+)?)/gi;

/** Norm order, activation and epsilon from words such as "PRE-norm (standard ViT), exact-erf GELU MLP, eps 1e-5". */
function parseBlock(block: string): BackboneFacts["config"] {
  const text = block.replace(DENIED, "");
  const epsilons = new Set(Array.from(text.matchAll(EPSILON), ([, value]) => Number(value)));
  return {
    norm: only(text, [
      [/\bpre-?(norm|ln)\b|norm_first\s*=\s*true/i, "pre"],
      [/\bpost-?(norm|ln)\b|norm_first\s*=\s*false/i, "post"],
    ]),
    activation: only(text, [
      [/^(?!.*(tanh|gelu_new|gelu_fast|quick)).*\bgelu/is, "gelu"],
      [/^(?=.*(tanh|gelu_new|gelu_fast))(?!.*quick).*\bgelu/is, "gelu-tanh"],
      [/\brelu\b/i, "relu"],
    ]),
    epsilon: epsilons.size === 1 ? [...epsilons][0] : undefined,
  };
}

/** What a card says of the block, in words or under keys, as one text; what contradicts itself is then missing. */
function wordsOf(
  { block = "", norm, activation = "", eps }: Pick<
    z.infer<typeof wordyCard>,
    "block" | "norm" | "activation" | "eps"
  >,
): string {
  const order = norm && `${norm.replace(/[-_ ]?(norm|ln)$/i, "")}-norm`;
  return [block, order, activation, eps && `eps ${eps}`].join(", ");
}

/**
 * Reads a card of either format, or a `config.json` of the Hugging Face hub.
 *
 * @param file Named in errors
 * @throws {InputError} If the text is not a card
 */
export function parseCard(text: string, file: string): BackboneFacts {
  const json = parseJson(text, `card ${file}`);
  const hub = readHubConfig(json, file);
  if (hub) return hub;
  const isOwn = typeof json === "object" && json !== null && ("format" in json || "config" in json);
  if (isOwn) return checkJson(ownCard, json, `card ${file}`);
  const {
    dim: width,
    depth,
    heads,
    mlp,
    patch,
    image,
    finalNorm,
    mean,
    std,
    patchOrder,
    names,
    trainedOn,
    ...words
  } = checkJson(wordyCard, json, `card ${file}`);
  const config = { width, depth, heads, mlp, patch, image, finalNorm, ...parseBlock(wordsOf(words)) };
  return { config, pixels: { mean, std }, patchOrder, names, trainedOn };
}

/** The text of our card for a backbone. Keys are sorted, so equal facts give equal bytes. */
export function formatCard(
  { config, pixels, trainedOn }: Pick<Backbone, "config" | "pixels" | "trainedOn">,
  about?: Json,
): string {
  const card: BackboneCard = {
    format: "ham-bench backbone",
    config,
    pixels,
    ...(trainedOn && { trainedOn }),
  };
  const sorted = canonicalJson(about === undefined ? card : { ...card, about });
  return `${JSON.stringify(JSON.parse(sorted), undefined, 2)}\n`;
}
