/**
 * The training step of plain LoRA fine-tuning as a program, exactly as the engine runs it: for those who time, count or
 * print it.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import type { Program } from "../graph/graph.ts";
import { createAdapter, type LoraSpec } from "../nn/adapter.ts";
import { type ClassifierKind, classifiers } from "../nn/classifier.ts";
import { featureWidth, type ViTConfig } from "../nn/config.ts";
import { type Packing } from "../nn/packing.ts";
import type { Optimiser } from "../train/optimisers/optimiser.ts";
import { fitLayout, traceFit } from "../train/trace.ts";
import { adapterFit } from "./adapter_method.ts";

/** What is fixed for a whole run. */
export interface AdapterStepShape {
  readonly config: ViTConfig;
  readonly lora: LoraSpec;
  readonly classes: number;
  readonly batch: number;
  readonly head: ClassifierKind;
}

/**
 * Traces the step for images as the backbone wants them. Inputs: `main.images` (u8), `main.labels`, `main.weights`,
 * `hyper`, `ringSlot`. States: the backbone's, `packed`, `decay`, `losses`, `fixed.mask`, `still.lora.importance`.
 */
export function traceAdapterStep(
  { config, lora, classes, batch, head }: AdapterStepShape,
  optimiser: Optimiser,
): { readonly program: Program; readonly packing: Packing } {
  const { channels, image } = config;
  const rng = createRng(0, "step");
  const row = { images: new Uint8Array(channels * image ** 2), labels: new Int32Array(1), count: 1 };
  const policy = classifiers[head];
  const spec = adapterFit(
    { start: createAdapter(config, lora, rng) },
    policy.init(classes, featureWidth(config), rng),
    policy,
    { lossClasses: [], train: row },
    { config, lora, classes },
  );
  const statistics = Array.from({ length: channels }, () => 0.5);
  const preprocessing = {
    channels: channels as 1 | 3,
    height: image,
    width: image,
    size: image,
    mean: statistics,
    std: statistics,
  };
  const layout = fitLayout(spec, optimiser);
  return { program: traceFit({ config, preprocessing, batch }, spec, layout), packing: layout.packing };
}
