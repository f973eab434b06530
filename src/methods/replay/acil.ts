/**
 * ACIL (Zhuang et al., arXiv 2205.14922): class-incremental learning as recursive least squares, which forgets nothing
 * because it gives what one regression over all images would have given.
 *
 * 1. Leave the backbone as it is. h = max(f W, 0), with W normal and fixed.
 * 2. R ← R - R Hᵀ (I + H R Hᵀ)⁻¹ H R over a task's images, from R = I / γ.
 * 3. W ← W + R Hᵀ (Y - H W).
 * 4. Score by h W, which is h (Σ H ᵀH + γ I)⁻¹ Σ Hᵀ Y whatever the order of the tasks.
 *
 * The recursion is the policy `acil` of `src/classifiers`. The paper trains its backbone on the first half of the
 * classes; here it is pre-trained, as in the authors' later work.
 *
 * @module
 */
import { z } from "zod";
import { recursiveRidge } from "../../classifiers/ridge.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential } from "../naive.ts";
import { featuresOption } from "./ranpac.ts";

/** ACIL on a frozen backbone. */
export const acil: MethodDefinition = defineMethod({
  name: "acil",
  summary:
    "Recursive least squares on random ReLU features of the frozen backbone; the order of tasks is no matter",
  source: "Zhuang et al., arXiv 2205.14922",
  family: "floor",
  year: 2022,
  adapted: "The backbone is pre-trained and frozen from the first task on",
  keeps: "Nothing",
  options: z.strictObject({
    features: featuresOption,
    gamma: z.number().gt(0).max(1e12).default(0.1).describe("Penalty γ of the regression"),
  }),
  create: ({ features, gamma }) =>
    adapterMethod({
      ...sequential,
      trains: "never",
      classifier: recursiveRidge({ features, penalty: gamma }),
    }),
});
