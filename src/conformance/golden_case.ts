/**
 * Golden cases: one LoRA-ViT with a batch, and what an independent implementation computed for it. A case is a
 * safetensors file: `input`, `labels`, `param/<name>`, and the expected `feature`, `logits` (unmasked), `loss`,
 * `grad/<name>` of every parameter, `adamw/losses` (before each step and after the last) and `adamw/<name>` of the
 * trained parameters. Its metadata, JSON values, gives sizes and hyper-parameters.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../core/errors.ts";
import { describeIssues } from "../core/schema.ts";
import { formatShape, sameShape, type Shape } from "../core/shape.ts";
import type { HostTensor, NamedTensors, TensorSpec } from "../core/tensors.ts";
import { adapterTensors, IMPORTANCE } from "../nn/adapter.ts";
import { type LoraTarget, loraTargets } from "../nn/sites.ts";
import { backboneTensors, featureWidth, type ViTConfig } from "../nn/config.ts";
import { readSafetensors } from "../formats/files/safetensors.ts";
import { readBytes } from "../formats/files/files.ts";

/** Hyper-parameters of the expected AdamW steps. */
export interface GoldenOptimiser {
  /** Number of steps. */
  readonly steps: number;
  /** Learning rate, the same at every step. */
  readonly rate: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** Decoupled weight decay. */
  readonly decay: number;
}

/** A case. */
export interface GoldenCase {
  /** Architecture of the backbone. */
  readonly config: ViTConfig;
  /** Rows of the classifier. */
  readonly classes: number;
  /** Classes that take part in the loss. */
  readonly seen: readonly number[];
  /** Factor of the adapter's update: alpha / rank. */
  readonly scale: number;
  /** Of the expected training steps. */
  readonly optimiser: GoldenOptimiser;
  /** [batch, channels, image, image] */
  readonly input: HostTensor;
  /** [batch], class numbers. */
  readonly labels: Int32Array;
  /** Backbone, head (`head.weight`, `head.bias`) and adapter tensors. */
  readonly parameters: NamedTensors;
  /** Expected results under their names in the file. */
  readonly expected: NamedTensors;
}

const count = z.number().int().positive();

const metadataSchema = z.object({
  image: count,
  patch: count,
  dim: count,
  depth: count,
  heads: count,
  mlp: count,
  classes: count,
  rank: count,
  batch: count,
  seen_classes: z.array(z.number().int().nonnegative()).min(1),
  lora_scale: z.number(),
  layer_norm_eps: z.number().positive(),
  gelu: z.enum(["erf", "tanh"]),
  adamw: z.object({
    steps: count,
    lr: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    eps: z.number(),
    weight_decay: z.number(),
  }),
});

/** The prefix of parameters in a case's file. */
export const PARAMETER = "param/";
/** The prefix of gradients. */
export const GRADIENT = "grad/";
/** The prefix of what training leads to. */
export const TRAINED = "adamw/";
/** The losses along the training. */
export const LOSSES = `${TRAINED}losses`;

function parseMetadata(metadata: Readonly<Record<string, string>>, file: string) {
  const values = Object.entries(metadata).map(([key, text]) => {
    try {
      return [key, JSON.parse(text) as unknown] as const;
    } catch {
      return [key, text] as const;
    }
  });
  const parsed = metadataSchema.safeParse(Object.fromEntries(values));
  if (!parsed.success) {
    throw new InputError(`Cannot read golden case ${file}: metadata: ${describeIssues(parsed.error)}`);
  }
  return parsed.data;
}

function withPrefix(tensors: NamedTensors, prefix: string): NamedTensors {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The adapted projections, from the names of the parameters. */
function targetsOf(parameters: NamedTensors): LoraTarget[] {
  return loraTargets.filter((target) => `lora.0.${target}.A` in parameters);
}

/** Names and shapes of all parameters of a case. */
function parameterSpecs(
  config: ViTConfig,
  classes: number,
  rank: number,
  targets: LoraTarget[],
): TensorSpec[] {
  return [
    ...backboneTensors(config),
    { name: "head.weight", shape: [classes, featureWidth(config)] },
    { name: "head.bias", shape: [classes] },
    ...adapterTensors(config, { rank, scale: 1, targets }),
  ];
}

/**
 * A case from the bytes of its file.
 *
 * @param file Named in errors
 * @throws {InputError} If the file is not a golden case, or its tensors do not fit its metadata
 */
export function parseGoldenCase(bytes: Uint8Array, file: string): GoldenCase {
  const { tensors, integers, metadata } = readSafetensors(bytes, { file, finite: true });
  const facts = parseMetadata(metadata, file);
  const expectShape = (name: string, tensor: { readonly shape: Shape } | undefined, wanted: Shape) => {
    if (tensor && sameShape(tensor.shape, wanted)) return;
    const found = tensor ? formatShape(tensor.shape) : "nothing";
    throw new InputError(
      `Cannot read golden case ${file}: found ${found} for "${name}", wanted ${formatShape(wanted)}`,
    );
  };
  const { image, patch, dim: width, depth, heads, mlp, classes, batch, rank } = facts;
  const channels = tensors["input"]?.shape[1] ?? 0;
  const config: ViTConfig = {
    image,
    patch,
    channels,
    width,
    depth,
    heads,
    mlp,
    norm: "pre",
    activation: facts.gelu === "erf" ? "gelu" : "gelu-tanh",
    epsilon: facts.layer_norm_eps,
  };
  const parameters = withPrefix(tensors, PARAMETER);
  const specs = parameterSpecs(config, classes, rank, targetsOf(parameters));
  expectShape("input", tensors["input"], [batch, channels, image, image]);
  expectShape("labels", integers["labels"], [batch]);
  expectShape("feature", tensors["feature"], [batch, width]);
  expectShape("logits", tensors["logits"], [batch, classes]);
  expectShape("loss", tensors["loss"], [1]);
  expectShape(LOSSES, tensors[LOSSES], [facts.adamw.steps + 1]);
  for (const { name, shape } of specs) {
    expectShape(PARAMETER + name, parameters[name], shape);
    expectShape(GRADIENT + name, tensors[GRADIENT + name], shape);
    if (isTrained(name)) expectShape(TRAINED + name, tensors[TRAINED + name], shape);
  }
  const labels = integers["labels"]!.data;
  const { seen_classes: seen, adamw } = facts;
  if (seen.some((label) => label >= classes) || labels.some((label) => !seen.includes(label))) {
    throw new InputError(
      `Cannot read golden case ${file}: labels [${labels}] must be among seen classes [${seen}], ` +
        `these below ${classes}`,
    );
  }
  const isExpected = (name: string) => !name.startsWith(PARAMETER) && name !== "input";
  return {
    config,
    classes,
    seen,
    scale: facts.lora_scale,
    optimiser: {
      steps: adamw.steps,
      rate: adamw.lr,
      beta1: adamw.betas[0],
      beta2: adamw.betas[1],
      epsilon: adamw.eps,
      decay: adamw.weight_decay,
    },
    input: tensors["input"]!,
    labels,
    parameters,
    expected: Object.fromEntries(Object.entries(tensors).filter(([name]) => isExpected(name))),
  };
}

/** Whether the expected training changes a parameter: the adapter and the head. */
export function isTrained(name: string): boolean {
  return name.startsWith("lora.") || name.startsWith("head.") || name === IMPORTANCE;
}

/**
 * Loads a case.
 *
 * @throws {InputError} As `parseGoldenCase`, and if the file cannot be read
 */
export async function loadGoldenCase(path: string): Promise<GoldenCase> {
  return parseGoldenCase(await readBytes(path), path);
}
