/**
 * A routed mixture: experts share a forward pass, and each image weighs them by its frozen feature (the shape of MoE
 * adapters, Yu et al., arXiv 2403.11549).
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { NamedTensors } from "../../core/tensors.ts";
import { broadcast, matmul, mul, narrow, softmax } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Env, Kit, Method, Named } from "../../methods/method.ts";
import { branchOf, factors, maskOf, noise, taskLoss } from "./test_parts.ts";

const EXPERTS = 3;

/** Router, experts and classifier. */
export type RoutedState = { readonly trained: NamedTensors };

const prefix = (expert: number) => `expert ${expert}.`;

/** The experts' weights for each image: [batch, EXPERTS]. */
export function gates(images: Tensor, { router }: Named, env: Env): Tensor {
  return softmax(matmul(env.encode(images).feature, router!));
}

function feature(trained: Named, env: Env, kit: Kit): Tensor {
  const { images } = env.rows();
  const gate = gates(images, trained, env);
  const shape = [images.shape[0]!, kit.lora.rank];
  const branches = Array.from({ length: EXPERTS }, (_, expert) => ({
    ...branchOf(trained, kit, prefix(expert)),
    gain: mul(broadcast(narrow(gate, 1, expert, 1), shape), kit.lora.scale),
  }));
  return env.encode(images, { branches }).feature;
}

/** The mixture, trained from task to task. */
export const routed: Method<RoutedState> = {
  name: "routed",
  options: {},
  sees: "task",
  init: (kit) => ({
    trained: {
      router: noise(kit, [kit.config.width, EXPERTS], "router", 0.5),
      ...Object.assign({}, ...Array.from({ length: EXPERTS }, (_, i) => factors(kit, prefix(i), prefix(i)))),
      ...kit.freshClassifier(),
    },
  }),
  async learn({ trained }, task, kit) {
    const { values } = await kit.fit({
      start: trained,
      fixed: maskOf(task, kit),
      tables: { main: { count: task.train.count, images: task.train } },
      loss: (trained, env) => taskLoss(kit.classifier.logits(feature(trained, env, kit), trained), env),
    });
    return { trained: values };
  },
  deploy: ({ trained }, kit) => ({
    passes: [{ fixed: trained, output: (env) => feature(env.fixed, env, kit) }],
    fixed: trained,
    scores: ([feature], env) => kit.classifier.logits(feature!, env.fixed),
  }),
};
