/**
 * The training step of plain LoRA fine-tuning as a program, exactly as the engine runs it: for those who time, count or
 * print it.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import type { Split } from "../data/dataset.ts";
import type { Preprocessing } from "../data/preprocess.ts";
import type { Program } from "../graph/graph.ts";
import { createAdapter, type LoraSpec } from "../nn/adapter.ts";
import { type ClassifierName, classifiers } from "../classifiers/mod.ts";
import { featureWidth, type ViTConfig } from "../nn/config.ts";
import { type Packing } from "../nn/packing.ts";
import type { Optimiser } from "../train/optimisers/optimiser.ts";
import { imageTable } from "../train/table.ts";
import { fitLayout, traceFit, tracePass } from "../train/trace.ts";
import { adapterFit, featurePass } from "./adapter_method.ts";

/** What is fixed for a whole run. */
export interface AdapterStepShape {
  /** Architecture of the backbone. */
  readonly config: ViTConfig;
  /** Rank, scale and targets of the adapter. */
  readonly lora: LoraSpec;
  /** Rows of the classifier. */
  readonly classes: number;
  /** Images per step. */
  readonly batch: number;
  /** The policy that trains the classifier. */
  readonly head: ClassifierName;
}

/** Images as a backbone wants them. */
function plainPixels({ channels, image }: ViTConfig): Preprocessing {
  const statistics = Array.from({ length: channels }, () => 0.5);
  return {
    channels: channels as 1 | 3,
    height: image,
    width: image,
    size: image,
    mean: statistics,
    std: statistics,
  };
}

/** One image, which stands for any. */
function oneImage({ channels, image }: ViTConfig): Split {
  return { images: new Uint8Array(channels * image ** 2), labels: new Int32Array(1), count: 1 };
}

/** Traces the features of a backbone: input `main.images` (u8), states as the backbone's tensors, output `output`. */
export function traceFeatures(config: ViTConfig, batch: number): Program {
  const context = { config, preprocessing: plainPixels(config), batch };
  return tracePass(context, featurePass(undefined), imageTable(oneImage(config)));
}

/**
 * Traces the step for images as the backbone wants them. Inputs: `main.images` (u8), `main.labels`, `main.weights`,
 * `hyper`, `ringSlot`. States: the backbone's, `packed`, `decay`, `losses`, `fixed.mask`, `still.lora.importance`.
 */
export function traceAdapterStep(
  { config, lora, classes, batch, head }: AdapterStepShape,
  optimiser: Optimiser,
): { readonly program: Program; readonly packing: Packing } {
  const rng = createRng(0, "step");
  const policy = classifiers[head];
  const spec = adapterFit(
    { start: createAdapter(config, lora, rng) },
    policy.init(classes, featureWidth(config), rng),
    policy,
    { lossClasses: [], train: oneImage(config) },
    { config, lora, classes },
  );
  const layout = fitLayout(spec, optimiser);
  return {
    program: traceFit({ config, preprocessing: plainPixels(config), batch }, spec, layout),
    packing: layout.packing,
  };
}
