/**
 * Dark experience replay ++ (Buzzega et al., arXiv 2004.07211): the model keeps its former logits on stored images, and
 * learns their labels once more.
 *
 * 1. Store images by reservoir sampling, each with the logits that it had.
 * 2. At every step draw two batches of stored images, z' and z'' being their logits now.
 * 3. Train with L + α mean (z' - z_stored)² + β CE(z'', labels).
 *
 * Of the paper are the two draws, the mean over all classes (not yet seen ones included) and the loss on logits as they
 * are. The paper stores logits in the middle of training; here they are those of the model that is deployed when the
 * task is over, with the classifier as the next task starts from it. All cross-entropies are over the classes seen
 * (see `er`).
 *
 * @module
 */
import { z } from "zod";
import { add, mean, mul, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { baseShape, partsOf, withBaseOptions } from "./bases.ts";
import { drawnLoss, sizeOption } from "./er.ts";
import { type Drawn, ownOption, withReplay } from "./with_replay.ts";

/** Mean squared move of the logits of a drawn batch from those that were stored. */
export function darkLoss({ rows, logits }: Drawn): Tensor {
  const moved = sub(logits, rows["logits"]!);
  return mean(mul(moved, moved));
}

/** DER++. */
export const derpp: MethodDefinition = defineMethod({
  name: "derpp",
  summary: "Replay that keeps the logits of stored images besides their labels",
  source: "Buzzega et al., arXiv 2004.07211",
  family: "replay",
  year: 2020,
  adapted: "Around adapters; logits are stored when a task is over",
  keeps: "What the wrapped method keeps, and the buffer",
  buffer: "Images, a byte a pixel, with their labels and logits",
  options: withBaseOptions(z.strictObject({
    size: sizeOption,
    alpha: z.number().min(0).default(0.3).describe("Weight α of the squared move of stored logits"),
    beta: z.number().min(0).default(0.5).describe("Weight β of the cross-entropy of stored images"),
    own: ownOption,
    ...baseShape,
  })),
  create: ({ size, alpha, beta, own, ...base }) =>
    withReplay(partsOf(base), {
      size,
      own,
      uses: ["logits", "labels"],
      keepsLogits: true,
      loss: ({ logits, labels }, seen) =>
        add(mul(darkLoss(logits), alpha), mul(drawnLoss(labels, seen), beta)),
    }),
});
