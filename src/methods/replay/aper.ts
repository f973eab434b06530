/**
 * APER (Zhou et al., "Revisiting class-incremental learning with pre-trained models", arXiv 2303.07338; first called
 * ADAM): adapt once, keep what the pre-trained model knew, and compare prototypes.
 *
 * 1. Train an adapter on the first task alone.
 * 2. An image's feature is that of the frozen backbone, followed by that of the adapted one.
 * 3. A class's prototype is the mean of these; classify by the largest cosine. Nothing trains after the first task.
 *
 * Of the adaptations in the paper (full, adapters, prompts, scale and shift, batch norm) this is the one with a module
 * inside the blocks, which here is LoRA. The cosine is over the whole feature, so that the longer half weighs more.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { ncm } from "../../classifiers/linear.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { concat } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { featureWidth } from "../../nn/config.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { adaptOnce } from "./first_task.ts";

/** The adapter of the first task, and prototypes of twice the width. */
export type AperState = { readonly adapter: Adapter | null; readonly prototypes: ClassifierState };

/** Rows [count, m] and [count, n] side by side. */
export function joinColumns(first: HostTensor, second: HostTensor): HostTensor {
  const [count, m] = first.shape as [number, number];
  const n = second.shape[1]!;
  const joined = hostTensor([count, m + n]);
  for (let row = 0; row < count; row++) {
    joined.data.set(first.data.subarray(row * m, (row + 1) * m), row * (m + n));
    joined.data.set(second.data.subarray(row * n, (row + 1) * n), row * (m + n) + m);
  }
  return joined;
}

/** APER with LoRA. */
export const aper: MethodDefinition = defineMethod({
  name: "aper",
  summary: "Prototypes on frozen features beside those of an adapter of the first task",
  source: "Zhou et al., arXiv 2303.07338",
  family: "floor",
  year: 2023,
  adapted: "The module that adapts is LoRA",
  keeps: "The adapter of the first task",
  options: z.strictObject({}),
  create: () => ({
    sees: "task",
    init: (kit): AperState => ({
      adapter: null,
      prototypes: ncm.init(kit.classes, 2 * featureWidth(kit.config), kit.rng("prototypes")),
    }),
    async learn({ adapter: earlier, prototypes }: AperState, task, kit): Promise<AperState> {
      const adapter = earlier ?? await adaptOnce(task, kit);
      const images = imageTable(task.train);
      const features = async () =>
        joinColumns(
          await kit.map(featurePass(undefined), images),
          await kit.map(featurePass(adapter), images),
        );
      return {
        adapter,
        prototypes: await ncm.finish(prototypes, {
          index: task.index,
          classes: task.classes,
          labels: task.train.labels,
          trained: {},
          features,
          earlier: features,
        }, kit),
      };
    },
    deploy({ adapter, prototypes }: AperState) {
      const { fixed, scores } = ncm.scorer(prototypes);
      return {
        passes: [featurePass(undefined), featurePass(adapter ?? undefined)],
        fixed,
        scores: (halves, env) => scores(concat(halves, 1), env.fixed),
      };
    },
    classifierOf: ({ adapter, prototypes }: AperState) => ({
      classifier: prototypes,
      policy: ncm,
      rest: { adapter },
    }),
  }),
});
