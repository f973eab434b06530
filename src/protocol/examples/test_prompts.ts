/**
 * Prompts from a pool, chosen for each image by its frozen feature: two forward passes in one graph.
 *
 * - L2P (Wang et al., arXiv 2112.08654): the best prompt of the pool joins the sequence and stays.
 * - CODA-Prompt (Smith et al., arXiv 2211.13218): prefixes are sums of components, weighted by attention to keys.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { NamedTensors } from "../../core/tensors.ts";
import { equal, matmul, max, mean, mul, narrow, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Edits } from "../../nn/vit.ts";
import type { Env, Kit, Method, Named } from "../../methods/method.ts";
import { maskOf, noise, taskLoss, unit } from "./test_parts.ts";

const POOL = 4;
const LENGTH = 2;

/** Pool, keys and classifier: all that is kept. */
export type PromptState = { readonly trained: NamedTensors };

/** Similarities of each image's frozen feature to the keys: [batch, POOL]. */
export function similarities(images: Tensor, { keys }: Named, env: Env): Tensor {
  return matmul(unit(env.encode(images).feature), unit(keys!), { transposeB: true });
}

/** Tokens [batch, LENGTH, width] as sums over the pool. */
function mix(weights: Tensor, pool: Tensor): Tensor {
  const [count, length, width] = pool.shape as [number, number, number];
  return reshape(matmul(weights, reshape(pool, [count, length * width])), [weights.shape[0]!, length, width]);
}

function promptMethod(
  name: string,
  pool: (kit: Kit) => NamedTensors,
  choose: (similarity: Tensor) => Tensor,
  edits: (chosen: Tensor, trained: Named) => Edits,
): Method<PromptState> {
  const forward = (trained: Named, env: Env) => {
    const { images } = env.rows();
    const similarity = similarities(images, trained, env);
    const chosen = choose(similarity);
    return { similarity, chosen, feature: env.encode(images, edits(chosen, trained)).feature };
  };
  return {
    name,
    options: {},
    sees: "task",
    init: (kit) => ({
      trained: {
        keys: noise(kit, [POOL, kit.config.width], "keys", 1),
        ...pool(kit),
        ...kit.freshClassifier(),
      },
    }),
    async learn({ trained }, task, kit) {
      const { values } = await kit.fit({
        start: trained,
        fixed: maskOf(task, kit),
        tables: { main: { count: task.train.count, images: task.train } },
        loss(trained, env) {
          const { similarity, chosen, feature } = forward(trained, env);
          // Chosen keys are pulled towards the images that chose them.
          const pull = mean(sum(mul(chosen, similarity), { axes: [1] }));
          return sub(taskLoss(kit.classifier.logits(feature, trained), env), mul(pull, 0.5));
        },
      });
      return { trained: values };
    },
    deploy: ({ trained }, kit) => ({
      passes: [{ fixed: trained, output: (env) => forward(env.fixed, env).feature }],
      fixed: trained,
      scores: ([feature], env) => kit.classifier.logits(feature!, env.fixed),
    }),
  };
}

/** The best key's prompt, as tokens that stay. */
export const l2p: Method<PromptState> = promptMethod(
  "l2p",
  (kit) => ({ prompts: noise(kit, [POOL, LENGTH, kit.config.width], "prompts", 0.5) }),
  (similarity) => equal(similarity, max(similarity, { axes: [1], keepDims: true })),
  (chosen, { prompts }) => {
    const tokens = mix(chosen, prompts!);
    return { prompts: (block) => block === 0 ? { tokens, stays: true } : undefined };
  },
);

/** All components by their weights, as keys and values of the first block. */
export const codaPrompt: Method<PromptState> = promptMethod(
  "coda-prompt",
  (kit) => ({ components: noise(kit, [POOL, 2 * LENGTH, kit.config.width], "components", 0.5) }),
  (similarity) => similarity,
  (chosen, { components }) => {
    const rows = mix(chosen, components!);
    const [keys, values] = [narrow(rows, 1, 0, LENGTH), narrow(rows, 1, LENGTH, LENGTH)];
    return { prefixes: (block) => block === 0 ? { keys, values } : undefined };
  },
);
