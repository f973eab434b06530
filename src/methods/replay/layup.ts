/**
 * LayUP (Ahrens et al., "Read between the layers", arXiv 2312.08888): the last layers know things about early classes that
 * the very last forgot to say.
 *
 * 1. Train an adapter on the first task alone.
 * 2. An image's feature is the class tokens that the last k blocks gave, side by side.
 * 3. G ← G + Σ f fᵀ, S ← S + Σ f e_labelᵀ; score by f (G + λ I)⁻¹ S, without random features.
 *
 * A block's class token is read as the next block reads it, after its norm; that of the last block is the backbone's own
 * feature. The paper takes tokens before any norm, and chooses λ by accuracy in four folds; here it is by squared error
 * on a fifth of the task's images, as in `ranpac`.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { concat, narrow, reshape } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { featureWidth, type ViTConfig } from "../../nn/config.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Pass } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { adaptOnce } from "./first_task.ts";
import { plainRidge } from "./plain_ridge.ts";
import { adaptOption } from "./ranpac.ts";

/** The adapter of the first task, if there is one, and the sums. */
export type LayupState = { readonly adapter: Adapter | null; readonly classifier: ClassifierState };

/** The blocks after the first whose input is read: those that the last `layers` blocks but one feed. */
function readBlocks({ depth }: ViTConfig, layers: number): number[] {
  const count = Math.min(layers, depth) - 1;
  return Array.from({ length: count }, (_, i) => depth - count + i);
}

/** The first tokens that the last blocks gave, side by side, the feature last. */
export function layersPass(adapter: Adapter | null, layers: number, kit: Pick<Kit, "config">): Pass {
  const { width } = kit.config;
  return {
    ...(adapter && { adapter }),
    output(env) {
      const { images } = env.rows();
      const encoded = env.encode(images);
      const tokens = readBlocks(kit.config, layers).map((block) =>
        reshape(narrow(encoded.input(`${block}.q`), 1, 0, 1), [images.shape[0]!, width])
      );
      return concat([...tokens, encoded.feature], 1);
    },
  };
}

/** LayUP. */
export const layup: MethodDefinition = defineMethod({
  name: "layup",
  summary: "Ridge regression on the class tokens of the last layers, after an adapter of the first task",
  source: "Ahrens et al., arXiv 2312.08888",
  family: "floor",
  year: 2024,
  adapted: "The module that adapts is LoRA; tokens are read after a norm; one split in place of four folds",
  keeps: "The adapter of the first task",
  options: z.strictObject({
    layers: z.int().min(1).max(1000).default(6)
      .describe("Blocks whose class token is read, counted from the last; at most all"),
    adapt: adaptOption,
  }),
  create: ({ layers, adapt }) => ({
    sees: "task",
    ...(!adapt && { trains: false as const }),
    init(kit): LayupState {
      const width = readBlocks(kit.config, layers).length * kit.config.width + featureWidth(kit.config);
      return { adapter: null, classifier: plainRidge.init(kit.classes, width, kit.rng("layers")) };
    },
    async learn(state: LayupState, task, kit): Promise<LayupState> {
      const adapter = adapt ? state.adapter ?? await adaptOnce(task, kit) : null;
      const pass = layersPass(adapter, layers, kit);
      const classifier = await finishClassifier(kit, task, state.classifier, {}, pass, pass, plainRidge);
      return { adapter, classifier };
    },
    deploy: ({ adapter, classifier }: LayupState, kit) =>
      classifiedPredictor(layersPass(adapter, layers, kit), classifier, plainRidge),
    classifierOf: ({ adapter, classifier }: LayupState) => ({
      classifier,
      policy: plainRidge,
      rest: { adapter },
    }),
  }),
});
