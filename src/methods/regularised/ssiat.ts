/**
 * SSIAT (Tan et al., arXiv 2403.19979): let one shared adapter follow every task without a leash, and correct what is
 * remembered of earlier classes instead.
 *
 * 1. Train the adapter on, with cosine logits (scale 20) and cross-entropy over the task's own classes.
 * 2. Estimate how the features of earlier classes moved: a class mean shifts by the average shift of the task's
 *    images, weighted by exp(-|f_old - μ|² / 2σ²).
 * 3. Note mean and covariance of the new classes.
 * 4. Draw features from the Gaussians of all classes seen, and train the cosine rows on them.
 * 5. Deploy the adapter under those rows.
 *
 * The classifier is part of the method and replaces the run's. Scale, draws and passes are the published ones; σ = 4
 * is the published one at its features' scale and goes with the features here (`src/classifiers/drift.ts`), and the
 * code's fading of old means is left out, because the shift is what is to correct them.
 *
 * @module
 */
import { z } from "zod";
import { alignment } from "../../classifiers/alignment.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential } from "../naive.ts";

/** SSIAT. */
export const ssiat: MethodDefinition = defineMethod({
  name: "ssiat",
  summary: "One adapter that keeps training; class means follow its drift and realign a cosine classifier",
  source: "Tan et al., arXiv 2403.19979",
  family: "regularised",
  year: 2024,
  adapted: "LoRA instead of bottleneck adapters; the width of the drift's weights follows the features",
  keeps: "The adapter; its own classifier has a mean and a covariance for each class",
  options: z.strictObject({
    scale: z.number().gt(0).default(20).describe("Factor of the cosines, in training"),
    drift: z.enum(["mean-shift", "none"]).default("mean-shift")
      .describe("Whether earlier class means follow the shift of the task's images"),
    samples: z.int().min(1).default(256).describe("Features drawn of each class"),
    epochs: z.int().min(1).default(5).describe("Passes over the drawn features"),
  }),
  create: ({ scale, drift, samples, epochs }) =>
    adapterMethod({
      trains: "task",
      ...sequential,
      classifier: alignment({ covariance: "class", drift, samples, epochs, cosine: scale }),
    }),
});
