/**
 * Trains and runs adapters on one frozen backbone. Everything a run needs on the device is kept here and reused
 * from task to task: backbone weights, compiled programs, the packed parameters.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { epochBatches } from "../data/batches.ts";
import type { Split } from "../data/dataset.ts";
import { type Preprocessing, toFloatImages } from "../data/preprocess.ts";
import type { DeviceTensor, Executable, Executor, HostArray } from "../executors/executor.ts";
import type { Program } from "../graph/graph.ts";
import { type Adapter, adapterFromTensors, adapterToTensors, IMPORTANCE, loraSites } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import { foldAdapter, sitePlace } from "../nn/fold.ts";
import type { LinearHead } from "../nn/heads.ts";
import { pack, type Packing, unpack } from "../nn/packing.ts";
import { runImages } from "./features.ts";
import { checkFinite, fit } from "./fit.ts";
import { packFrozen } from "./frozen.ts";
import {
  GAINS,
  HEAD_BIAS,
  HEAD_WEIGHT,
  type LoraStep,
  type RunShape,
  type StepVariant,
  traceFeatures,
  traceFisher,
  traceLoraStep,
} from "./lora_programs.ts";
import { type OptimiserSettings, packedRows } from "./optimiser.ts";
import { LOSS_RING } from "./step.ts";
import type { Trained, Training } from "./training.ts";

/** Images to train on and the classes among which the loss chooses. */
export interface TrainingData {
  readonly split: Split;
  readonly classes: readonly number[];
  /** Where they are not the trainer's. */
  readonly epochs?: number;
  readonly learningRate?: number;
}

/** What a trainer is made for. */
export interface TrainerOptions {
  readonly executor: Executor;
  readonly backbone: Backbone;
  /** The images' stored shape and the backbone's normalisation. */
  readonly preprocessing: Preprocessing;
  readonly shape: RunShape;
  readonly optimiser: OptimiserSettings;
  readonly epochs: number;
  /** Images per run of the feature program. */
  readonly featureBatch: number;
}

/** How a task was trained. */
export interface TrainingResult extends Trained {
  readonly head: LinearHead;
  /** The loss of every step. */
  readonly losses: readonly number[];
}

interface CompiledStep extends LoraStep {
  readonly executable: Executable;
  readonly packed: DeviceTensor;
  readonly ring: DeviceTensor;
  /** Unfrozen states that belong to this variant: importance, frozen branches, tensors of the extra loss. */
  readonly own: Readonly<Record<string, DeviceTensor>>;
}

/** See the module. Compiled programs and device tensors live until `dispose`. */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #weights: Readonly<Record<string, DeviceTensor>>;
  readonly #steps = new Map<string, Promise<CompiledStep>>();
  readonly #disposables: { dispose(): void }[] = [];
  #features: Promise<Executable> | undefined;
  #deployed: Readonly<Record<string, DeviceTensor>> = {};
  #deployedAdapter: Adapter | undefined;
  #fisher:
    | Promise<{ executable: Executable; states: Record<string, DeviceTensor>; packing: Packing }>
    | undefined;

  constructor(options: TrainerOptions) {
    this.#options = options;
    const { backbone } = options;
    this.#weights = this.#tensors(backbone.weights, true);
  }

  /** Steps that training on so many images takes. */
  stepsFor(count: number, epochs: number = this.#options.epochs): number {
    return epochs * Math.ceil(count / this.#options.shape.batch);
  }

  /**
   * Trains an adapter, the classifier rows of the given classes and, if asked for, importance and gains. Rows of
   * other classes get no gradient and stay as they are.
   *
   * @param rng Decides the order of the images
   * @throws {DivergenceError} If a loss or a trained value is not finite
   * @throws {RangeError} If the start is not of the run's `LoraSpec`
   */
  async train(
    data: TrainingData,
    training: Training,
    head: LinearHead,
    rng: Rng,
    onStep?: (step: number, steps: number) => void | Promise<void>,
  ): Promise<TrainingResult> {
    const { shape } = this.#options;
    const { epochs = this.#options.epochs, learningRate } = data;
    const optimiser = { ...this.#options.optimiser, ...(learningRate !== undefined && { learningRate }) };
    const { scale } = training.start;
    if (scale !== shape.lora.scale) {
      throw new RangeError(`Cannot train an adapter of scale ${scale}: the run has ${shape.lora.scale}`);
    }
    const step = await this.#step(training);
    const { packing } = step;
    const start: NamedTensors = {
      ...adapterToTensors(training.start),
      [HEAD_WEIGHT]: head.weight,
      [HEAD_BIAS]: head.bias,
      ...(training.frozen && { [GAINS]: packGains(training.frozen) }),
    };
    const values = new Float32Array(packedRows(optimiser) * packing.size);
    values.set(pack(packing, start));
    step.packed.write(values);
    const own: NamedTensors = {
      [IMPORTANCE]: start[IMPORTANCE]!,
      ...(training.frozen && { ...packFrozen(shape, training.frozen), [GAINS]: start[GAINS]! }),
      ...Object.fromEntries(
        Object.entries(training.extraLoss?.tensors ?? {}).map(([name, tensor]) => [`extra.${name}`, tensor]),
      ),
    };
    for (const [name, tensor] of Object.entries(step.own)) tensor.write(own[name]!.data);

    const steps = this.stepsFor(data.split.count, epochs);
    const losses = await fit({
      executable: step.executable,
      ring: step.ring,
      optimiser,
      steps,
      batches: this.#batches(data, epochs, rng),
      ...(onStep && { onStep: (done: number) => onStep(done, steps) }),
    });

    const result = Float32Array.from((await step.packed.read()).subarray(0, packing.size));
    checkFinite(result, "a weight", steps);
    const trained = unpack(packing, result);
    const gains = trained[GAINS]?.data ?? start[GAINS]?.data ?? new Float32Array();
    return {
      adapter: adapterFromTensors({ [IMPORTANCE]: start[IMPORTANCE]!, ...trained }, scale),
      gains: [...gains.subarray(0, training.frozen?.adapters.length ?? 0)],
      head: { weight: trained[HEAD_WEIGHT]!, bias: trained[HEAD_BIAS]! },
      losses,
    };
  }

  /** Features [count, width] of the images at `indices` with an adapter folded into the backbone, or without one. */
  async features(
    split: Split,
    indices: ArrayLike<number>,
    adapter: Adapter | undefined,
  ): Promise<Float32Array> {
    const { shape, featureBatch, preprocessing } = this.#options;
    const executable = await (this.#features ??= this.#compileFeatures());
    this.#deploy(adapter);
    const feed = { preprocessing, batch: featureBatch, output: "feature", width: shape.config.width };
    return await runImages(executable, feed, split, indices);
  }

  /** Mean squared gradient of the log-likelihood over the images at `indices`; see `Kit.fisher`. */
  async fisher(
    data: TrainingData,
    indices: ArrayLike<number>,
    adapter: Adapter,
    head: LinearHead,
  ): Promise<NamedTensors> {
    const { executable, states, packing } = await (this.#fisher ??= this.#compileFisher());
    states.adapter!.write(pack(packing, adapterToTensors(adapter)));
    states.fisher!.write(new Float32Array(packing.size));
    states[HEAD_WEIGHT]!.write(head.weight.data);
    // A cosine classifier has no bias.
    states[HEAD_BIAS]?.write(head.bias.data);
    const mask = this.#mask(data.classes);
    for (let i = 0; i < indices.length; i++) {
      const images = toFloatImages(data.split, [indices[i]!], this.#options.preprocessing);
      await executable.run({ images, labels: Int32Array.of(data.split.labels[indices[i]!]!), mask });
    }
    const total = await states.fisher!.read();
    return unpack(packing, Float32Array.from(total, (value) => value / Math.max(1, indices.length)));
  }

  /** Releases programs and device tensors. */
  dispose(): void {
    for (const item of this.#disposables.splice(0).reverse()) item.dispose();
  }

  *#batches(data: TrainingData, epochs: number, rng: Rng): Generator<Readonly<Record<string, HostArray>>> {
    const { shape, preprocessing } = this.#options;
    const mask = this.#mask(data.classes);
    const { split } = data;
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (
        const { indices, weights } of epochBatches(split.count, shape.batch, rng.stream(`epoch ${epoch}`))
      ) {
        yield {
          images: toFloatImages(split, indices, preprocessing),
          labels: Int32Array.from(indices, (index) => split.labels[index]!),
          weights,
          mask,
        };
      }
    }
  }

  #mask(classes: readonly number[]): Float32Array {
    const mask = new Float32Array(this.#options.shape.classes);
    for (const label of classes) mask[label] = 1;
    return mask;
  }

  #tensors(values: NamedTensors, frozen: boolean): Record<string, DeviceTensor> {
    return Object.fromEntries(
      Object.entries(values).map(([label, { shape, data }]) => {
        const tensor = this.#options.executor.tensor({ shape, values: data, frozen, label });
        this.#disposables.push(tensor);
        return [label, tensor];
      }),
    );
  }

  #zeros(shape: readonly number[], label: string): DeviceTensor {
    return this.#tensors({ [label]: hostTensor(shape) }, false)[label]!;
  }

  async #compile(program: Program, states: Readonly<Record<string, DeviceTensor>>): Promise<Executable> {
    const executable = await this.#options.executor.compile(program, states);
    this.#disposables.push(executable);
    return executable;
  }

  #step(training: Training): Promise<CompiledStep> {
    const { trainImportance = false, frozen, extraLoss } = training;
    const key = JSON.stringify([
      trainImportance,
      frozen && [frozen.slots, frozen.rank, frozen.trainGains],
      extraLoss &&
      [extraLoss.key, Object.entries(extraLoss.tensors).map(([name, { shape }]) => [name, shape])],
    ]);
    const known = this.#steps.get(key);
    if (known) return known;
    const compiled = this.#compileStep({
      trainImportance,
      ...(frozen && { frozen }),
      ...(extraLoss && { extraLoss }),
    });
    this.#steps.set(key, compiled);
    return compiled;
  }

  async #compileStep(variant: StepVariant): Promise<CompiledStep> {
    const { shape, optimiser } = this.#options;
    const step = traceLoraStep(shape, optimiser, variant);
    const { program, packing } = step;
    const decay = new Float32Array(packing.size);
    for (const { name, offset, size } of packing.entries) {
      // Decay pulls the factors towards zero; importance, gains and the classifier are left alone.
      if (/\.[AB]$/.test(name)) decay.fill(optimiser.weightDecay, offset, offset + size);
    }
    const packed = this.#zeros([packedRows(optimiser), packing.size], "packed");
    const ring = this.#zeros([LOSS_RING], "losses");
    const shared = {
      ...this.#weights,
      packed,
      losses: ring,
      ...this.#tensors({ decay: hostTensor([packing.size], decay) }, true),
    };
    const own = Object.fromEntries(
      Object.entries(program.states).filter(([name]) => !(name in shared)).map((
        [name, { shape }],
      ) => [name, this.#zeros(shape, name)]),
    );
    const executable = await this.#compile(program, { ...shared, ...own });
    return { ...step, executable, packed, ring, own };
  }

  async #compileFeatures(): Promise<Executable> {
    const { shape, backbone, featureBatch } = this.#options;
    // A deployed adapter is folded into these; one and the same program serves adapters of any rank.
    const adapted = loraSites(shape.config, shape.lora.targets).map((site) =>
      sitePlace(shape.config, site).weight
    );
    this.#deployed = this.#tensors(
      Object.fromEntries(adapted.map((name) => [name, backbone.weights[name]!])),
      false,
    );
    const program = traceFeatures(shape.config, featureBatch);
    return await this.#compile(program, { ...this.#weights, ...this.#deployed });
  }

  #deploy(adapter: Adapter | undefined): void {
    if (adapter === this.#deployedAdapter) return;
    const { shape, backbone } = this.#options;
    const weights = adapter ? foldAdapter(shape.config, backbone.weights, adapter) : backbone.weights;
    for (const [name, tensor] of Object.entries(this.#deployed)) tensor.write(weights[name]!.data);
    this.#deployedAdapter = adapter;
  }

  async #compileFisher() {
    const { program, packing } = traceFisher(this.#options.shape);
    const own = Object.fromEntries(
      Object.entries(program.states).filter(([name]) => !(name in this.#weights)).map((
        [name, { shape }],
      ) => [name, this.#zeros(shape, `fisher.${name}`)]),
    );
    const executable = await this.#compile(program, { ...this.#weights, ...own });
    return { executable, states: own, packing };
  }
}

function packGains({ slots, gains }: NonNullable<Training["frozen"]>) {
  const data = new Float32Array(slots);
  data.set(gains);
  return hostTensor([slots], data);
}
