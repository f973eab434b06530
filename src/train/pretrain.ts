/**
 * Full training of a small backbone with our own graph: every weight and a classifier, label smoothing, augmentation
 * and mixup. It goes on from a checkpoint as if it had never stopped, so a training of hours survives kills.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import { hostTensor, type NamedTensors, type TensorSpec } from "../core/tensors.ts";
import { augment, type Augmentation, mixup } from "../data/augment.ts";
import { epochBatches } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Preprocessing, toFloatImages } from "../data/preprocess.ts";
import type { Executable, Executor, HostArray } from "../executors/executor.ts";
import { add, mul, narrow, reshape } from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { backboneTensors, featureWidth, type ViTConfig } from "../nn/config.ts";
import { linearHead, shareRight } from "../nn/heads.ts";
import { initBackbone } from "../nn/init.ts";
import { smoothedLoss } from "../nn/losses.ts";
import { createPacking, pack, type Packing, unpack, unpackTensors } from "../nn/packing.ts";
import { vitFeature } from "../nn/vit.ts";
import { runImages } from "./features.ts";
import { checkFinite, fit } from "./fit.ts";
import { HEAD_BIAS, HEAD_WEIGHT } from "../nn/classifier.ts";
import { createOptimiser, type OptimiserSettings } from "./optimisers/settings.ts";
import { LOSS_RING, packedRows, traceStep } from "./step.ts";

/** What to train and how. */
export interface PretrainOptions {
  /** Where it runs. */
  readonly executor: Executor;
  /** Architecture to train. */
  readonly config: ViTConfig;
  /** Images and classes to train on; the test split scores every epoch. */
  readonly dataset: Dataset;
  /** From stored images to what the backbone reads. */
  readonly preprocessing: Preprocessing;
  /** Rule, rates and decay. */
  readonly optimiser: OptimiserSettings;
  /** Images per step. */
  readonly batchSize: number;
  /** Passes over the training split, in total. */
  readonly epochs: number;
  /** Share of the target that is spread over all classes, in [0, 1). */
  readonly smoothing: number;
  /** Of training images; test images are left as they are. */
  readonly augmentation: Augmentation;
  /** Strength of mixup; 0 for none. */
  readonly mixup: number;
  /** Of initial weights, order, augmentation and mixup. */
  readonly seed: number;
  /** Weights of the backbone to start from; fresh ones if absent. */
  readonly start?: NamedTensors;
  /** Where to go on; the start if absent. */
  readonly checkpoint?: Checkpoint;
  /** Called after every epoch; a rejected promise ends the training. */
  onEpoch(epoch: EpochResult): Promise<void>;
  /** Told after every step how many of all steps are done. */
  onStep?(step: number, steps: number): void;
}

/** What an epoch gave. */
export interface EpochResult {
  /** The state to go on from. */
  readonly checkpoint: Checkpoint;
  /** The loss of every step. */
  readonly losses: readonly number[];
  /** Share of the test images, not augmented, whose class is found. */
  readonly accuracy: number;
}

/** A training between two epochs. */
export interface Checkpoint {
  /** Passes over the training split that went into it. */
  readonly epochsDone: number;
  /** Parameters and moments, [rows, p] in the order of `pretrainTensors`. */
  readonly packed: Float32Array;
}

/** What is trained: the backbone and a linear classifier. */
export function pretrainTensors(config: ViTConfig, classes: number): TensorSpec[] {
  return [
    ...backboneTensors(config),
    { name: HEAD_WEIGHT, shape: [classes, featureWidth(config)] },
    { name: HEAD_BIAS, shape: [classes] },
  ];
}

/** The trained tensors of a checkpoint. */
export function checkpointTensors(
  { packed }: Checkpoint,
  config: ViTConfig,
  classes: number,
): NamedTensors {
  const packing = createPacking(pretrainTensors(config, classes));
  return unpack(packing, packed.slice(0, packing.size));
}

/** Decay acts on matrices, not on biases, norms, the class token or position embeddings, as timm does. */
function decayValues(packing: Packing, weightDecay: number): Float32Array {
  const decay = new Float32Array(packing.size);
  for (const { name, shape, offset, size } of packing.entries) {
    const isMatrix = shape.length > 1 && name !== "pos_embed" && name !== "cls_token";
    if (isMatrix) decay.fill(weightDecay, offset, offset + size);
  }
  return decay;
}

/**
 * Trains to the end.
 *
 * @throws {DivergenceError} If a loss or a weight is not finite
 */
export async function pretrain(options: PretrainOptions): Promise<Checkpoint> {
  const { executor, config, dataset, batchSize, epochs, smoothing } = options;
  const optimiser = createOptimiser(options.optimiser);
  const classes = dataset.classNames.length;
  const packing = createPacking(pretrainTensors(config, classes));
  const rows = packedRows(optimiser);
  const mask = new Float32Array(classes).fill(1);
  const program = traceStep({
    packing,
    optimiser,
    loss(graph) {
      const images = imageInput(graph, options);
      const all = graph.constant(mask, [classes]);
      const sampleWeights = graph.input("weights", [batchSize]);
      const target = (labels: string, share: string) => ({
        labels: graph.input(labels, [batchSize], "i32"),
        share: graph.input(share, [1]),
      });
      const [own, partner] = [target("labels", "share"), target("partnerLabels", "partnerShare")];
      return (weights) => {
        const logits = logitsOf(options, images, weights);
        const towards = ({ labels, share }: typeof own) =>
          mul(smoothedLoss(logits, labels, all, sampleWeights, smoothing), share);
        return add(towards(own), towards(partner));
      };
    },
  });

  const packed = executor.tensor({ shape: [rows, packing.size], label: "packed" });
  const ring = executor.tensor({ shape: [LOSS_RING], label: "losses" });
  const decay = executor.tensor({
    shape: [packing.size],
    values: decayValues(packing, options.optimiser.weightDecay),
    frozen: true,
    label: "decay",
  });
  let checkpoint = options.checkpoint ??
    { epochsDone: 0, packed: startingState(options, packing, rows) };
  packed.write(checkpoint.packed);
  const executable = await executor.compile(program, { packed, losses: ring, decay });
  const scorer = await executor.compile(traceLogits(options, packing, rows), { packed });

  const stepsPerEpoch = Math.ceil(dataset.train.count / batchSize);
  try {
    for (let epoch = checkpoint.epochsDone; epoch < epochs; epoch++) {
      const losses = await fit({
        executable,
        ring,
        optimiser,
        schedule: options.optimiser,
        steps: epochs * stepsPerEpoch,
        firstStep: epoch * stepsPerEpoch,
        batches: epochFeeds(options, epoch),
        onStep: (step) => options.onStep?.(step, epochs * stepsPerEpoch),
      });
      checkpoint = { epochsDone: epoch + 1, packed: Float32Array.from(await packed.read()) };
      checkFinite(checkpoint.packed, "a weight", (epoch + 1) * stepsPerEpoch);
      await options.onEpoch({ checkpoint, losses, accuracy: await testAccuracy(options, scorer) });
    }
  } finally {
    executable.dispose();
    scorer.dispose();
    for (const tensor of [packed, ring, decay]) tensor.dispose();
  }
  return checkpoint;
}

function imageInput(graph: Graph, { config: { channels, image }, batchSize }: PretrainOptions): Tensor {
  return graph.input("images", [batchSize, channels, image, image]);
}

function logitsOf(
  { config }: PretrainOptions,
  images: Tensor,
  weights: Readonly<Record<string, Tensor>>,
): Tensor {
  const feature = vitFeature(config, (name) => weights[name]!, images);
  return linearHead(feature, weights[HEAD_WEIGHT]!, weights[HEAD_BIAS]!);
}

/** The logits by the weights as they are being trained. */
function traceLogits(options: PretrainOptions, packing: Packing, rows: number): Program {
  return trace((graph) => {
    const packed = graph.state("packed", [rows, packing.size]);
    const weights = unpackTensors(packing, reshape(narrow(packed, 0, 0, 1), [packing.size]));
    graph.output("logits", logitsOf(options, imageInput(graph, options), weights));
  });
}

async function testAccuracy(
  { dataset: { test, classNames }, preprocessing, batchSize }: PretrainOptions,
  scorer: Executable,
): Promise<number> {
  const feed = { preprocessing, batch: batchSize, output: "logits", width: classNames.length };
  return shareRight(await runImages(scorer, feed, test, [...test.labels.keys()]), test.labels);
}

function startingState(
  { config, dataset: { classNames }, start, seed }: PretrainOptions,
  packing: Packing,
  rows: number,
): Float32Array {
  const values = new Float32Array(rows * packing.size);
  const head = {
    [HEAD_WEIGHT]: hostTensor([classNames.length, featureWidth(config)]),
    [HEAD_BIAS]: hostTensor([classNames.length]),
  };
  values.set(
    pack(packing, { ...(start ?? initBackbone(config, createRng(seed, "initial weights"))), ...head }),
  );
  return values;
}

function* epochFeeds(options: PretrainOptions, epoch: number): Generator<Record<string, HostArray>> {
  const { config, dataset, preprocessing, batchSize, augmentation, seed } = options;
  const rng = createRng(seed, `epoch ${epoch}`);
  for (const { indices, weights } of epochBatches(dataset.train.count, batchSize, rng.stream("order"))) {
    const images = toFloatImages(dataset.train, indices, preprocessing);
    augment(images, { channels: config.channels, size: config.image }, augmentation, rng);
    const { share, partners } = mixup(images, batchSize, options.mixup, rng);
    const labels = Int32Array.from(indices, (index) => dataset.train.labels[index]!);
    yield {
      images,
      weights,
      labels,
      partnerLabels: partners.map((partner) => labels[partner]!),
      share: Float32Array.of(share),
      partnerShare: Float32Array.of(1 - share),
    };
  }
}
