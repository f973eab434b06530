/**
 * The part of an experiment that is the same for all methods: what the adapter looks like, how it is trained, and
 * how features become class scores. One schema holds defaults, ranges and a line of documentation each.
 *
 * @module
 */
import { z } from "zod";
import {
  type ClassifierName,
  classifierNames,
  type ClassifierOptions,
  classifierOptions,
  driftKinds,
  shrinkTargets,
} from "../classifiers/mod.ts";
import { InputError } from "../core/errors.ts";
import { describeIssues } from "../core/schema.ts";
import { type LoraTarget, loraTargets } from "../nn/sites.ts";
import type { FitDefaults } from "../train/engine.ts";
import { createOptimiser, defaultOptimiser, type OptimiserSettings } from "../train/optimisers/settings.ts";

/** Settings shared by every method of an experiment. */
export interface ProtocolSettings extends ClassifierOptions {
  /** How features become class scores; see `src/classifiers`. */
  readonly head: ClassifierName;
  /** Rank of every adapted projection, 1 to 256. */
  readonly rank: number;
  /** The update is scaled by alpha / rank. */
  readonly alpha: number;
  /** Projections that are adapted in every block. */
  readonly targets: readonly LoraTarget[];
  /** Passes over the training images of a task. */
  readonly epochs: number;
  /** Images per step. */
  readonly batchSize: number;
  /** Rule by which parameters move. */
  readonly optimiser: "adamw" | "sgd";
  /** The peak rate. */
  readonly learningRate: number;
  /** Decay of the LoRA factors: decoupled for AdamW, L2 for SGD. */
  readonly weightDecay: number;
  /** `"cosine"` falls from the peak towards 0 over a task. */
  readonly schedule: "constant" | "cosine";
  /** Share of a task's steps in which the rate rises linearly to its peak, 0 to 0.9. */
  readonly warmup: number;
  /**
   * Classes among which the loss of a task chooses: the task's own (the default, never in a record), or all seen so
   * far. Among a task's own, a task of one class trains nothing.
   */
  readonly loss?: "task" | "seen";
  /** Epochs of the first task, if others. */
  readonly firstEpochs?: number;
  /** Learning rate of the first task, if another. */
  readonly firstRate?: number;
}

/** Settings that classifiers read; each says which. */
export const headOptions = [
  "drift",
  "covariance",
  "randomFeatures",
  "penalty",
  "shrinkage",
  "shrinkTarget",
  "alignSamples",
  "alignEpochs",
] as const satisfies readonly (keyof ClassifierOptions)[];

/** Ranges and defaults. */
export const settingsSchema: z.ZodType<ProtocolSettings> = z.strictObject({
  head: z.enum(classifierNames).default("ncm"),
  rank: z.int().min(1).max(256).default(8),
  alpha: z.number().positive().default(8),
  targets: z.array(z.enum(loraTargets)).min(1).default(["q", "v"]),
  epochs: z.int().min(1).max(10_000).default(5),
  batchSize: z.int().min(1).max(4096).default(32),
  optimiser: z.enum(["adamw", "sgd"]).default("adamw"),
  learningRate: z.number().positive().max(10).default(2e-3),
  weightDecay: z.number().min(0).max(10).default(0),
  schedule: z.enum(["constant", "cosine"]).default("cosine"),
  warmup: z.number().min(0).max(0.9).default(0),
  loss: z.enum(["task", "seen"]).exactOptional(),
  firstEpochs: z.int().min(1).max(10_000).exactOptional(),
  firstRate: z.number().positive().max(10).exactOptional(),
  drift: z.enum(driftKinds).exactOptional(),
  covariance: z.enum(["class", "shared"]).exactOptional(),
  randomFeatures: z.int().min(1).max(20_000).exactOptional(),
  penalty: z.number().positive().max(1e12).exactOptional(),
  shrinkage: z.number().min(0).max(1e6).exactOptional(),
  shrinkTarget: z.enum(shrinkTargets).exactOptional(),
  alignSamples: z.int().min(1).max(100_000).exactOptional(),
  alignEpochs: z.int().min(1).max(10_000).exactOptional(),
}).superRefine((settings, context) => {
  const read = classifierOptions(settings.head);
  for (const name of headOptions) {
    if (settings[name] === undefined || settings[name] === "none" || read.includes(name)) continue;
    const wanted = read.length > 0 ? `one of ${read.join(", ")}` : "no option of classifiers";
    context.addIssue({
      code: "custom",
      path: [name],
      message: `head ${settings.head} does not read it: wanted ${wanted}`,
    });
  }
}) as z.ZodType<ProtocolSettings>;

/**
 * Fills in defaults and checks ranges. What is optional stays out where it says what holds without it, so that equal
 * runs have equal settings.
 *
 * @throws {InputError} If a key is unknown or a value is out of range
 */
export function resolveSettings(settings: Partial<ProtocolSettings> = {}): ProtocolSettings {
  const result = settingsSchema.safeParse(settings);
  if (!result.success) throw new InputError(`Cannot use settings: ${describeIssues(result.error)}`);
  const { loss, firstEpochs, firstRate, drift, ...common } = result.data;
  return {
    ...common,
    ...(drift !== undefined && drift !== "none" && { drift }),
    ...(loss === "seen" && { loss }),
    ...(firstEpochs !== undefined && firstEpochs !== common.epochs && { firstEpochs }),
    ...(firstRate !== undefined && firstRate !== common.learningRate && { firstRate }),
  };
}

/** How long and at which rate a task is trained. */
export function scheduleOf(
  { epochs, learningRate, firstEpochs, firstRate }: ProtocolSettings,
  task: number,
): { readonly epochs: number; readonly learningRate: number } {
  if (task > 0) return { epochs, learningRate };
  return { epochs: firstEpochs ?? epochs, learningRate: firstRate ?? learningRate };
}

/** The optimiser that the settings describe; constants that are no setting are Adam's usual ones. */
export function optimiserOf(settings: ProtocolSettings): OptimiserSettings {
  const { optimiser: kind, learningRate, weightDecay, schedule, warmup } = settings;
  return { ...defaultOptimiser, kind, learningRate, weightDecay, schedule, warmup };
}

/** How a task is trained unless its method says otherwise. */
export function trainingOf(settings: ProtocolSettings, task: number): Omit<FitDefaults, "rng" | "onStep"> {
  const all = optimiserOf(settings);
  const { epochs, learningRate } = scheduleOf(settings, task);
  return {
    batch: settings.batchSize,
    epochs,
    optimiser: createOptimiser(all),
    schedule: { ...all, learningRate },
    weightDecay: all.weightDecay,
  };
}
