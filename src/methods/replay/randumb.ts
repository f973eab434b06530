/**
 * RanDumb (Prabhu et al., arXiv 2402.08823): random features and a linear discriminant do as well as many learnt
 * representations; so what does not beat it has not learnt.
 *
 * 1. Leave the backbone as it is. z = √(2/m) cos(f W + b) with W normal of deviation √(2γ) and b uniform: inner products
 *    are nearly the kernel exp(-γ |f - f'|²). γ is one over the width times the variance of the features.
 * 2. Keep the mean of each class, and one covariance within classes.
 * 3. Score by linear discriminant analysis, the covariance shrunk by OAS.
 *
 * The authors' code takes γ's variance over all training data and shrinks the covariance of each class before they are
 * averaged. Here the variance is that of the first task, because later ones are not there yet, and OAS shrinks the
 * pooled covariance, which is what can be kept. The paper has 10000 to 25000 random features.
 *
 * @module
 */
import { z } from "zod";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential } from "../naive.ts";
import { fourierLda } from "./fourier_lda.ts";
import { featuresOption } from "./ranpac.ts";

/** RanDumb on a frozen backbone. */
export const randumb: MethodDefinition = defineMethod({
  name: "randumb",
  summary: "Random Fourier features of the frozen backbone under linear discriminant analysis, no training",
  source: "Prabhu et al., arXiv 2402.08823",
  family: "floor",
  year: 2024,
  adapted: "The kernel's width is that of the first task's features",
  keeps: "Nothing",
  options: z.strictObject({ features: featuresOption }),
  create: ({ features }) =>
    adapterMethod({ ...sequential, trains: "never", classifier: fourierLda({ features }) }),
});
