/**
 * RanPAC (McDonnell et al., arXiv 2307.02251): adapt to the first task, then only count: a ridge regression of random
 * features needs no more than sums over images.
 *
 * 1. Train an adapter on the first task alone, with a linear head that is thrown away.
 * 2. h = max(f W, 0), with W normal and fixed.
 * 3. G ← G + Σ h hᵀ and S ← S + Σ h e_labelᵀ over a task's images.
 * 4. Choose λ of 10^-8 to 10^8 by the squared error on a fifth of the task's images, fitted on the others.
 * 5. Score by h (G + λ I)⁻¹ S.
 *
 * Steps 2 to 5 are the policy `ridge` of `src/classifiers`. The paper has 10000 random features for a width of 768;
 * the default here is ten times the width of the small backbones.
 *
 * @module
 */
import { z } from "zod";
import { ridge } from "../../classifiers/ridge.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential } from "../naive.ts";

/** The option that sizes random features. */
export const featuresOption: z.ZodDefault<z.ZodNumber> = z.int().min(1).max(20_000).default(640)
  .describe("Random features of an image");

/** The option of methods whose adapter is that of the first task. */
export const adaptOption: z.ZodDefault<z.ZodBoolean> = z.boolean().default(true)
  .describe("Whether an adapter is trained on the first task; without it the backbone is used as it is");

/** RanPAC. */
export const ranpac: MethodDefinition = defineMethod({
  name: "ranpac",
  summary: "An adapter of the first task, then ridge regression on random ReLU features",
  source: "McDonnell et al., arXiv 2307.02251",
  family: "floor",
  year: 2023,
  adapted: "The module that adapts is LoRA",
  keeps: "The adapter of the first task",
  options: z.strictObject({ features: featuresOption, adapt: adaptOption }),
  create: ({ features, adapt }) =>
    adapterMethod({
      ...sequential,
      trains: adapt ? "first" : "never",
      classifier: ridge({ features }),
    }),
});
