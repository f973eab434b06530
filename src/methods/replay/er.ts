/**
 * Experience replay (Chaudhry et al., arXiv 1902.10486): a small reservoir of earlier images is trained on along with
 * every new batch.
 *
 * 1. Store images of earlier tasks by reservoir sampling, so that each that came by is stored with the same
 *    probability.
 * 2. At every step draw as many stored images as there are in a batch.
 * 3. Train with the cross-entropy of the new batch, plus β times that of the stored one, both over all classes seen.
 *
 * The paper's loss is one mean over both batches: β = 1 up to a factor. The paper offers images to the reservoir as they
 * come; here a task's images are offered when it is over, because its training goes over them often. So no stored image
 * is of the present task, and with `own=run`, where the loss of new images may choose among their own classes as in
 * ER-ACE (Caccia et al., arXiv 2104.05025), nothing weighs the new classes against the earlier ones.
 *
 * Our reading is that replay is a wrapper: `base` says which method it is put around.
 *
 * @module
 */
import { z } from "zod";
import { crossEntropy, mean, mul } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { baseShape, partsOf, withBaseOptions } from "./bases.ts";
import { type Drawn, ownOption, withReplay } from "./with_replay.ts";

/** The option that sizes a buffer. */
export const sizeOption: z.ZodDefault<z.ZodNumber> = z.int().min(1).max(1e6).default(500)
  .describe("Images that are stored at most");

/** Mean cross-entropy of a drawn batch. */
export function drawnLoss({ rows, logits }: Drawn, seen: Tensor): Tensor {
  return mean(crossEntropy(logits, rows.labels, seen));
}

/** Experience replay. */
export const er: MethodDefinition = defineMethod({
  name: "er",
  summary: "A reservoir of images, drawn from at every step; around any method of one adapter",
  source: "Chaudhry et al., arXiv 1902.10486",
  family: "replay",
  year: 2019,
  adapted: "Around adapters, with a reservoir that is filled between tasks; it wraps other methods, too",
  keeps: "What the wrapped method keeps, and the buffer",
  buffer: "Images with their labels, a byte a pixel",
  options: withBaseOptions(z.strictObject({
    size: sizeOption,
    beta: z.number().min(0).default(1).describe("Weight β of the loss on stored images"),
    own: ownOption,
    ...baseShape,
  })),
  create: ({ size, beta, own, ...base }) =>
    withReplay(partsOf(base), {
      size,
      own,
      uses: ["labels"],
      keepsLogits: false,
      loss: ({ labels }, seen) => mul(drawnLoss(labels, seen), beta),
    }),
});
