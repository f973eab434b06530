/**
 * Learning to Prompt, L2P (Wang et al., arXiv 2112.08654): tokens that are taught instead of weights, taken from a pool
 * that all tasks share.
 *
 * 1. An image's query is its feature on the frozen backbone.
 * 2. The N prompts of the pool whose keys have the largest cosine with the query join the tokens of the first block,
 *    and stay to the last.
 * 3. The classifier reads the mean of what became of them (`read: prompts`), or the backbone's feature (`feature`).
 * 4. Trained on cross-entropy over the task's classes - λ Σ cos(query, chosen keys): keys move to those who ask.
 *
 * Readings. Each image chooses for itself, in training too. Prompts have no position; pool and keys start from small
 * normal numbers, since a start in [-1, 1] hardly moves within a few epochs at the rates of adapters. Defaults are for
 * small backbones, where 25 tokens outnumber the image's own and a mean of them is a poor feature: on procedural images
 * of another seed (24 classes, 4 tasks, 16 patches, class means) the paper's length and reading had 37 % at the run's
 * rate, its length with the feature 39 %, one token a prompt with the feature 54 %, no training at all 56 %.
 *
 * @module
 */
import { z } from "zod";
import { add, concat, matmul, mean, mul, narrow, neg, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Named } from "../method.ts";
import { bestOnes, mix } from "../pieces/selection.ts";
import { noise, unit } from "../pieces/tensors.ts";
import { promptMethod, type PromptParts, rateOption } from "./prompt_method.ts";

const options = z.strictObject({
  pool: z.int().min(1).default(10).describe("Prompts in the pool (the paper's M)"),
  length: z.int().min(1).default(1).describe("Tokens of a prompt (the paper's 5 among 197 others)"),
  top: z.int().min(1).default(5).describe("Prompts that an image takes, at most the pool (the paper's N)"),
  pull: z.number().min(0).default(0.5).describe("Weight of the pull of chosen keys towards queries (λ)"),
  read: z.enum(["feature", "prompts"]).default("feature")
    .describe(
      "What the classifier reads: the feature, or the mean of the prompts after the last block (paper)",
    ),
  promptRate: rateOption(1),
});

type L2pOptions = z.infer<typeof options>;

/** What an image takes from the pool, and how well it fits: tokens [batch, N length, width], cosines [batch]. */
export function choosePrompts(
  query: Tensor,
  { keys, pool }: Named,
  top: number,
): { readonly tokens: Tensor; readonly fit: Tensor } {
  const cosines = matmul(unit(query), unit(keys!), { transposeB: true });
  const choices = bestOnes(cosines, top);
  const tokens = concat(choices.map((choice) => mix(choice, pool!)), 1);
  const chosen = choices.reduce((sum, choice) => add(sum, choice));
  return { tokens, fit: sum(mul(cosines, chosen), { axes: [1] }) };
}

function parts({ pool, length, top, pull, read, promptRate }: L2pOptions): PromptParts {
  const count = Math.min(top, pool) * length;
  return {
    rate: promptRate,
    init: (kit) => ({
      pool: noise(kit, [pool, length, kit.config.width], "pool"),
      keys: noise(kit, [pool, featureWidth(kit.config)], "keys"),
    }),
    begin: ({ tensors }) => ({ start: tensors }),
    end: (_prompts, { pool, keys }) => ({ pool: pool!, keys: keys! }),
    deployed: ({ tensors }) => tensors,
    prompt(tensors, query) {
      const { tokens, fit } = choosePrompts(query, tensors, top);
      return {
        edits: { prompts: (block) => block === 0 ? { tokens, stays: true } : undefined },
        perImage: neg(mul(fit, pull)),
      };
    },
    ...(read === "prompts" && {
      read: {
        width: (kit) => kit.config.width,
        feature: ({ tokens }) => mean(narrow(tokens, 1, tokens.shape[1]! - count, count), { axes: [1] }),
      },
    }),
  };
}

/** L2P. */
export const l2p: MethodDefinition = defineMethod({
  name: "l2p",
  summary: "A pool of prompts; each image takes those whose keys its frozen feature is nearest to",
  source: "Wang et al., arXiv 2112.08654",
  family: "prompt",
  year: 2022,
  adapted:
    "Prompts are chosen per image where code lets batches vote; the classifier reads the feature, not prompts",
  keeps: "The pool and its keys",
  passes: "Two: that of the query and the prompted one",
  options,
  create: (options) => promptMethod(parts(options)),
});
