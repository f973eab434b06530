/**
 * The programs of a run on a frozen backbone: the LoRA training step, the features of a deployed model, and the
 * squared gradients behind the Fisher information. All shapes are fixed at the first task, so a run compiles each
 * program once, however many tasks follow.
 *
 * @module
 */
import type { TensorSpec } from "../core/tensors.ts";
import { gradients } from "../graph/autodiff.ts";
import { add, broadcast, mul, reshape, sum } from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { adapterTensors, IMPORTANCE, type LoraSpec } from "../nn/adapter.ts";
import { factorName, loraSites } from "../nn/sites.ts";
import type { ViTConfig } from "../nn/config.ts";
import { cosineHead, linearHead } from "../nn/heads.ts";
import { branchFromTensors, type LoraBranch } from "../nn/lora.ts";
import { maskedLoss } from "../nn/losses.ts";
import { createPacking, type Packing, packTensors, unpackTensors } from "../nn/packing.ts";
import { stateLookup, vitFeature } from "../nn/vit.ts";
import type { OptimiserSettings } from "./optimiser.ts";
import { traceStep } from "./step.ts";
import type { ExtraLoss, FrozenBranches } from "./training.ts";

/** How the classifier turns features into logits during training. */
export type TrainingHead = "linear" | "cosine";

/** Temperature of the cosine classifier: logits are this times the cosine. */
export const COSINE_SCALE = 16;

/** What is fixed for a whole run. */
export interface RunShape {
  readonly config: ViTConfig;
  readonly lora: LoraSpec;
  readonly classes: number;
  readonly batch: number;
  readonly head: TrainingHead;
}

/** Names of the classifier's tensors among the trained ones. */
export const HEAD_WEIGHT = "head.weight";
export const HEAD_BIAS = "head.bias";
/** Name of the frozen branches' gains. */
export const GAINS = "frozen.gains";

function headTensors({ config, classes }: RunShape): TensorSpec[] {
  return [
    { name: HEAD_WEIGHT, shape: [classes, config.width] },
    { name: HEAD_BIAS, shape: [classes] },
  ];
}

function logitsOf(shape: RunShape, feature: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return shape.head === "cosine"
    ? cosineHead(feature, weight, COSINE_SCALE)
    : linearHead(feature, weight, bias);
}

function imageInput(graph: Graph, { channels, image }: ViTConfig, batch: number): Tensor {
  return graph.input("images", [batch, channels, image, image]);
}

/** The frozen branches as one branch whose rank is all slots side by side; `packFrozen` gives its factors. */
function frozenBranch(
  graph: Graph,
  shape: RunShape,
  { slots, rank }: FrozenSlots,
  gains: Tensor,
): LoraBranch {
  const sites = loraSites(shape.config, shape.lora.targets);
  const factor = (site: string, which: "A" | "B", size: readonly number[]) =>
    graph.state(`frozen.${factorName(site, which)}`, size);
  const pairs = Object.fromEntries(
    sites.map(({ name, inputs, outputs }) => [name, {
      a: factor(name, "A", [slots * rank, inputs]),
      b: factor(name, "B", [outputs, slots * rank]),
    }]),
  );
  return { pairs, gain: reshape(broadcast(reshape(gains, [slots, 1]), [slots, rank]), [slots * rank]) };
}

type FrozenSlots = Pick<FrozenBranches, "slots" | "rank" | "trainGains">;

/** What distinguishes one step program of a run from another. */
export interface StepVariant {
  readonly trainImportance: boolean;
  readonly frozen?: FrozenSlots;
  readonly extraLoss?: ExtraLoss;
}

/** The LoRA training step and the layout of what it trains. */
export interface LoraStep {
  readonly program: Program;
  readonly packing: Packing;
}

/**
 * Inputs besides those of `traceStep`: `images`, `labels`, `weights` [batch], `mask` [classes]. States besides those
 * of `traceStep`: the backbone's tensors, `lora.importance` unless trained, the frozen branches' factors and gains
 * unless trained, and `extra.<name>` for the tensors of the extra loss.
 */
export function traceLoraStep(shape: RunShape, optimiser: OptimiserSettings, variant: StepVariant): LoraStep {
  const { config, lora, classes, batch } = shape;
  const { trainImportance, frozen, extraLoss } = variant;
  const packing = createPacking([
    ...adapterTensors(config, lora).filter(({ name }) => trainImportance || name !== IMPORTANCE),
    ...headTensors(shape),
    ...(frozen?.trainGains ? [{ name: GAINS, shape: [frozen.slots] }] : []),
  ]);
  const program = traceStep({
    packing,
    optimiser,
    loss(graph, trained) {
      const adapter = trainImportance ? trained : { ...trained, [IMPORTANCE]: graph.state(IMPORTANCE, [1]) };
      const branches = [branchFromTensors(adapter, lora.scale)];
      if (frozen) {
        const gains = trained[GAINS] ?? graph.state(GAINS, [frozen.slots]);
        branches.push(frozenBranch(graph, shape, frozen, gains));
      }
      const images = imageInput(graph, config, batch);
      const feature = vitFeature(config, stateLookup(graph, config), images, branches);
      const logits = logitsOf(shape, feature, trained[HEAD_WEIGHT]!, trained[HEAD_BIAS]!);
      const loss = maskedLoss(
        logits,
        graph.input("labels", [batch], "i32"),
        graph.input("mask", [classes]),
        graph.input("weights", [batch]),
      );
      if (!extraLoss) return loss;
      const tensors = Object.fromEntries(
        Object.entries(extraLoss.tensors).map(([name, tensor]) => [
          name,
          graph.state(`extra.${name}`, tensor.shape),
        ]),
      );
      return add(loss, sum(extraLoss.build({ graph, adapter, tensors, feature, logits })));
    },
  });
  return { program, packing };
}

/** Features [batch, width] of a backbone whose adapters are folded in; input `images`, output `feature`. */
export function traceFeatures(config: ViTConfig, batch: number): Program {
  return trace((graph) => {
    const images = imageInput(graph, config, batch);
    graph.output("feature", vitFeature(config, stateLookup(graph, config), images, []));
  });
}

/**
 * Adds the squared gradient of one sample's log-likelihood to the state `fisher` [p]. Inputs: `images` of one image,
 * `labels` [1], `mask`. States: the backbone, `adapter` [p], the classifier.
 */
export function traceFisher(shape: RunShape): { readonly program: Program; readonly packing: Packing } {
  const { config, lora, classes } = shape;
  const packing = createPacking(adapterTensors(config, lora));
  const program = trace((graph) => {
    const tensors = unpackTensors(packing, graph.state("adapter", [packing.size]));
    const images = imageInput(graph, config, 1);
    const feature = vitFeature(config, stateLookup(graph, config), images, [
      branchFromTensors(tensors, lora.scale),
    ]);
    const [weight, bias] = headTensors(shape).map(({ name, shape }) => graph.state(name, shape));
    const loss = maskedLoss(
      logitsOf(shape, feature, weight!, bias!),
      graph.input("labels", [1], "i32"),
      graph.input("mask", [classes]),
      graph.fill(1, [1]),
    );
    const names = packing.entries.map(({ name }) => name);
    const slopes = gradients(loss, names.map((name) => tensors[name]!));
    const grad = packTensors(packing, Object.fromEntries(names.map((name, i) => [name, slopes[i]!])));
    const fisher = graph.state("fisher", [packing.size]);
    graph.update("fisher", add(fisher, mul(grad, grad)));
  });
  return { program, packing };
}
