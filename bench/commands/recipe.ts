/**
 * Recipes of pre-training: everything that decides the weights, in one checked file.
 *
 * @module
 */
import { z } from "zod";
import { InputError, systemReason } from "../../src/core/mod.ts";
import { activations, normOrders, type ViTConfig } from "../../src/nn/mod.ts";

/** How a backbone is made. Equal recipes give equal weights on one backend. */
export interface Recipe {
  /** Name of the backbone and of its files. */
  readonly name: string;
  /** One sentence for the card: where the images come from. */
  readonly description: string;
  /** Terms under which the weights can be used. */
  readonly licence: string;
  /** Specification for `loadDataset`; its training split is used. */
  readonly data: string;
  readonly config: ViTConfig;
  readonly pixels: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Name or path of a backbone whose weights are the start; absent: fresh ones. */
  readonly from?: string | undefined;
  /** Absent: AdamW. */
  readonly optimiser?: "adamw" | "muon" | undefined;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of all steps. */
  readonly warmup: number;
  readonly smoothing: number;
  /** Absent: 0. */
  readonly zoom?: number | undefined;
  readonly crop: number;
  readonly flip: number;
  readonly jitter: number;
  readonly mixup: number;
}

const size = z.int().min(1);

const schema: z.ZodType<Recipe> = z.strictObject({
  name: z.string().regex(/^[\w-]+$/),
  description: z.string(),
  licence: z.string(),
  data: z.string(),
  config: z.strictObject({
    image: size,
    patch: size,
    channels: size,
    width: size,
    depth: size,
    heads: size,
    mlp: size,
    norm: z.enum(normOrders),
    activation: z.enum(activations),
    epsilon: z.number().positive(),
  }),
  pixels: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number().positive()) }),
  from: z.string().optional(),
  optimiser: z.enum(["adamw", "muon"]).optional(),
  seed: z.int(),
  epochs: size,
  batchSize: size,
  learningRate: z.number().positive(),
  weightDecay: z.number().min(0),
  warmup: z.number().min(0).max(1),
  smoothing: z.number().min(0).max(0.9),
  zoom: z.number().min(0).max(0.9).optional(),
  crop: z.int().min(0),
  flip: z.number().min(0).max(1),
  jitter: z.number().min(0).max(1),
  mixup: z.number().min(0),
});

/** What no field tells alone. */
function contradiction({ config, pixels }: Recipe): string | undefined {
  const { image, patch, width, heads, channels } = config;
  if (image % patch !== 0) {
    return `found images of ${image} and patches of ${patch} pixels, wanted whole patches`;
  }
  if (width % heads !== 0) return `found ${heads} heads, wanted a divisor of width ${width}`;
  const counts = [pixels.mean.length, pixels.std.length];
  if (counts.some((count) => count !== channels)) {
    return `found ${counts.join(" and ")} pixel means and deviations, wanted ${channels}, one per channel`;
  }
  return undefined;
}

/**
 * Checks the text of a recipe.
 *
 * @param path Named in errors
 * @throws {InputError} If it is no recipe
 */
export function parseRecipe(text: string, path: string): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read recipe ${path}: ${(error as Error).message}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new InputError(`Cannot use recipe ${path}: ${z.prettifyError(result.error)}`);
  const problem = contradiction(result.data);
  if (problem) throw new InputError(`Cannot use recipe ${path}: ${problem}`);
  return result.data;
}

/**
 * Reads a recipe.
 *
 * @throws {InputError} If the file is missing or not a recipe
 */
export async function readRecipe(path: string): Promise<Recipe> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new InputError(`Cannot read recipe ${path}: ${systemReason(error)}`);
  }
  return parseRecipe(text, path);
}
