/**
 * Model cards: the facts about a backbone that its tensors do not tell, as JSON beside the weights. Ours state
 * architecture and pixel statistics under explicit keys; the cards of `shared/models` state them partly in words.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../core/errors.ts";
import { canonicalJson, type Json } from "../core/json.ts";
import { describeIssues } from "../core/schema.ts";
import type { Backbone, PixelStatistics } from "../nn/backbone.ts";
import type { ViTConfig } from "../nn/config.ts";

/** What a card says; every fact is optional. */
export interface CardFacts {
  readonly config: { readonly [K in keyof ViTConfig]?: ViTConfig[K] | undefined };
  readonly pixels: { readonly [K in keyof PixelStatistics]?: PixelStatistics[K] | undefined };
}

/** Our card. */
export interface BackboneCard {
  readonly format: "ham-bench backbone";
  readonly config: ViTConfig;
  readonly pixels: PixelStatistics;
  /** Anything else worth knowing: licence, training data, accuracies. Not read. */
  readonly about?: Json | undefined;
}

const count = z.number().int().positive();
const numbers = z.array(z.number()).min(1);

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
    norm: z.enum(["pre", "post"]),
    activation: z.enum(["gelu", "gelu-tanh", "relu"]),
    epsilon: z.number().positive(),
  }),
  pixels: z.strictObject({ mean: numbers, std: z.array(z.number().positive()).min(1) }),
  about: z.json().optional(),
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
});

/** The one value whose pattern occurs in a text; none if several do. */
function only<T>(text: string, patterns: readonly (readonly [RegExp, T])[]): T | undefined {
  const found = patterns.filter(([pattern]) => pattern.test(text));
  return found.length === 1 ? found[0]![1] : undefined;
}

/** Norm order, activation and epsilon from words such as "PRE-norm (standard ViT), exact-erf GELU MLP, eps 1e-5". */
function parseBlock(text: string): CardFacts["config"] {
  const epsilon = /\beps(?:ilon)?\s*=?\s*(\d*\.?\d+(?:e-?\d+)?)/i.exec(text)?.[1];
  return {
    norm: only(text, [[/\bpre-?norm\b/i, "pre"], [/\bpost-?norm\b/i, "post"]]),
    activation: only(text, [
      [/^(?!.*tanh).*\bgelu\b/is, "gelu"],
      [/^(?=.*tanh).*\bgelu\b/is, "gelu-tanh"],
      [/\brelu\b/i, "relu"],
    ]),
    epsilon: epsilon === undefined ? undefined : Number(epsilon),
  };
}

/**
 * Reads a card of either format.
 *
 * @param file Named in errors
 * @throws {InputError} If the text is not a card
 */
export function parseCard(text: string, file: string): CardFacts {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read card ${file}: ${(error as Error).message}`);
  }
  const isOwn = typeof json === "object" && json !== null && ("format" in json || "config" in json);
  const parsed = isOwn ? ownCard.safeParse(json) : wordyCard.safeParse(json);
  if (!parsed.success) throw new InputError(`Cannot read card ${file}: ${describeIssues(parsed.error)}`);
  if ("config" in parsed.data) return parsed.data;
  const { dim: width, depth, heads, mlp, patch, image, block = "", mean, std } = parsed.data;
  return { config: { width, depth, heads, mlp, patch, image, ...parseBlock(block) }, pixels: { mean, std } };
}

/** The text of our card for a backbone. Keys are sorted, so equal facts give equal bytes. */
export function formatCard({ config, pixels }: Pick<Backbone, "config" | "pixels">, about?: Json): string {
  const card: BackboneCard = { format: "ham-bench backbone", config, pixels };
  const sorted = canonicalJson(about === undefined ? card : { ...card, about });
  return `${JSON.stringify(JSON.parse(sorted), undefined, 2)}\n`;
}
