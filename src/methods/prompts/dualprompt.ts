/**
 * DualPrompt (Wang et al., arXiv 2204.04799): what all tasks have in common and what is a task's own are prompts of
 * their own, and they act as keys and values of the attention (prefix tuning).
 *
 * 1. The first blocks get the G-prompt, the next ones an E-prompt: L keys and L values each, which every query of the
 *    block's attention sees besides the block's own.
 * 2. On task t the E-prompt of task t trains, from that of task t - 1; so do the G-prompt and the task's key, which is
 *    pulled to the queries: cross-entropy over the task's classes - λ cos(query, key).
 * 3. At test an image takes the E-prompt, of those trained so far, whose key has the largest cosine with its query,
 *    the feature on the frozen backbone.
 *
 * Readings. Prefixes start from small normal numbers. The pool has a fixed number of E-prompts; beyond it, an image
 * trains the one that it would take at test. A backbone of few blocks gives at least the last to E-prompts.
 *
 * @module
 */
import { z } from "zod";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { broadcast, greater, matmul, mul, narrow, neg, reshape, sum, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth, type ViTConfig } from "../../nn/config.ts";
import type { Prefix } from "../../nn/vit.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Named } from "../method.ts";
import { among, best, mix } from "../pieces/selection.ts";
import { noise, unit } from "../pieces/tensors.ts";
import { promptMethod, type PromptParts, type Prompts, rateOption } from "./prompt_method.ts";

const options = z.strictObject({
  pool: z.int().min(1).default(32).describe("E-prompts; tasks beyond so many share those there are"),
  length: z.int().min(1).default(5).describe("Keys, and values, of a prompt in each of its blocks"),
  generalBlocks: z.int().min(0).default(2).describe("Blocks of the G-prompt, from the first"),
  expertBlocks: z.int().min(1).default(3).describe("Blocks of the E-prompts, after those of the G-prompt"),
  pull: z.number().min(0).default(0.1).describe("Weight of the pull of the task's key towards queries (λ)"),
  promptRate: rateOption(5),
});

type DualOptions = z.infer<typeof options>;

/** Which blocks have which prompt: the first and the number of each. */
export function promptedBlocks(
  { depth }: Pick<ViTConfig, "depth">,
  { generalBlocks, expertBlocks }: Pick<DualOptions, "generalBlocks" | "expertBlocks">,
): { readonly general: number; readonly expert: number } {
  const general = Math.min(generalBlocks, depth - 1);
  return { general, expert: Math.min(expertBlocks, depth - general) };
}

/**
 * The choice of an E-prompt for each query [batch, width], and the cosine with its key [batch].
 *
 * @param own [pool]: 1 at the prompt of the task in training, or nowhere
 * @param open [pool]: 1 at those that have been trained, or are in training
 */
export function chooseExpert(
  query: Tensor,
  { keys, own, open }: Named,
): { readonly choice: Tensor; readonly fit: Tensor } {
  const cosines = matmul(unit(query), unit(keys!), { transposeB: true });
  const isGiven = broadcast(reshape(greater(sum(own!), 0), [1, 1]), cosines.shape);
  const given = broadcast(own!, cosines.shape);
  const choice = where(isGiven, given, best(among(cosines, open!)));
  return { choice, fit: sum(mul(choice, cosines), { axes: [1] }) };
}

/** Keys and values of one block of prompts [batch or 1, blocks, 2, length, width]. */
function prefixOf(prompts: Tensor, block: number): Prefix {
  const [batch, , , length, width] = prompts.shape as [number, number, number, number, number];
  const pair = narrow(prompts, 1, block, 1);
  const part = (index: number) => reshape(narrow(pair, 2, index, 1), [batch, length, width]);
  return { keys: part(0), values: part(1) };
}

/** Ones at the first places of some, or at one of them. */
function marks(count: number, from: number, to: number): HostTensor {
  return hostTensor([count], Float32Array.from({ length: count }, (_, i) => i >= from && i < to ? 1 : 0));
}

function parts({ pool, length, pull, promptRate, ...rest }: DualOptions): PromptParts {
  /** The task's own prompt from that of the task before. */
  const inherited = (experts: HostTensor, tasks: number): HostTensor => {
    if (tasks === 0 || tasks >= pool) return experts;
    const size = experts.data.length / pool;
    const data = experts.data.slice();
    return hostTensor(experts.shape, data.copyWithin(tasks * size, (tasks - 1) * size, tasks * size));
  };
  return {
    rate: promptRate,
    init(kit) {
      const { general, expert } = promptedBlocks(kit.config, rest);
      const { width } = kit.config;
      return {
        // At least one block, so that there is a tensor; blocks without a G-prompt do not ask for it.
        general: noise(kit, [1, Math.max(1, general), 2, length, width], "general"),
        experts: noise(kit, [pool, expert, 2, length, width], "experts"),
        keys: noise(kit, [pool, featureWidth(kit.config)], "keys"),
      };
    },
    begin: ({ tensors, tasks }) => ({
      start: { ...tensors, experts: inherited(tensors["experts"]!, tasks) },
      fixed: { own: marks(pool, tasks, tasks + 1), open: marks(pool, 0, tasks + 1) },
    }),
    end: (_prompts, { general, experts, keys }) => ({ general: general!, experts: experts!, keys: keys! }),
    deployed: ({ tensors, tasks }: Prompts) => ({
      ...tensors,
      own: marks(pool, 0, 0),
      open: marks(pool, 0, tasks),
    }),
    prompt(tensors, query, kit) {
      const { general, expert } = promptedBlocks(kit.config, rest);
      const { choice, fit } = chooseExpert(query, tensors);
      const own = mix(choice, tensors["experts"]!);
      return {
        edits: {
          prefixes: (block) =>
            block < general
              ? prefixOf(tensors["general"]!, block)
              : block < general + expert
              ? prefixOf(own, block - general)
              : undefined,
        },
        perImage: neg(mul(fit, pull)),
      };
    },
  };
}

/** DualPrompt. */
export const dualprompt: MethodDefinition = defineMethod({
  name: "dualprompt",
  summary: "Prefixes for all tasks in the first blocks and for each task in the next, found by its key",
  source: "Wang et al., arXiv 2204.04799",
  family: "prompt",
  year: 2022,
  adapted:
    "The task's prompt is chosen per image where published code lets batches vote; the pool has a fixed size",
  keeps: "The G-prompt, a pool of E-prompts of fixed size, and their keys",
  passes: "Two: that of the query and the prompted one",
  options,
  create: (options) => promptMethod(parts(options)),
});
