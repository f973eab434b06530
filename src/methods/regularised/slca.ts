/**
 * SLCA (Zhang et al., arXiv 2303.05118): what is pre-trained should move slowly, and a classifier that saw its classes
 * task by task has to be aligned in the end.
 *
 * 1. Train the adapter on, at `rate` of the classifier's learning rate.
 * 2. Note mean and covariance of the task's classes.
 * 3. Draw features from the Gaussians of all classes seen, older means somewhat nearer to 0, and train the rows on
 *    them. Logits are divided by the mean length of a task's logits, and by 0.1: rows compete by direction.
 * 4. Deploy the adapter under those rows.
 *
 * The classifier is part of the method and replaces the run's. Its constants are the published ones. `rate` is not:
 * the paper trains all weights at 0.01 of the classifier's rate. A low-rank adapter needs about ten times the rate of
 * full fine-tuning to move as far (its factors start where their product is 0), so that 0.1 stands for 0.01.
 *
 * @module
 */
import { z } from "zod";
import { alignment } from "../../classifiers/alignment.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential, type SequentialState } from "../naive.ts";
import { firstStart } from "../start.ts";

/** SLCA. */
export const slca: MethodDefinition = defineMethod({
  name: "slca",
  summary: "One adapter that learns slowly, under a classifier aligned by Gaussians of all classes",
  source: "Zhang et al., arXiv 2303.05118",
  family: "regularised",
  year: 2023,
  adapted: "A LoRA adapter learns slowly instead of the whole backbone, at ten times its rate",
  keeps: "The adapter; its own classifier has a mean and a covariance for each class",
  options: z.strictObject({
    rate: z.number().gt(0).max(1).default(0.1).describe(
      "Learning rate of the adapter, as a share of the run's",
    ),
    logitNorm: z.number().gt(0).nullable().default(0.1)
      .describe(
        "Temperature of logits divided by their length, in alignment; null leaves logits as they are",
      ),
    fading: z.number().min(0).max(1).default(0.1)
      .describe("How much nearer to 0 the oldest class means are drawn than the newest"),
    samples: z.int().min(1).default(256).describe("Features drawn of each class"),
    epochs: z.int().min(1).default(5).describe("Passes over the drawn features"),
  }),
  create: ({ rate, logitNorm, fading, samples, epochs }) =>
    adapterMethod({
      trains: "task",
      ...sequential,
      begin: ({ adapter }: SequentialState, _task, kit) => ({ start: adapter ?? firstStart(kit), rate }),
      classifier: alignment({
        covariance: "class",
        drift: "none",
        samples,
        epochs,
        fading,
        ...(logitNorm !== null && { logitNorm }),
      }),
    }),
});
