/**
 * The one place where a kit is made: an engine, and what the run has settled.
 *
 * @module
 */
import type { Classifier } from "../classifiers/classifier.ts";
import { createRng } from "../core/rng.ts";
import { createMerger } from "../merge/merger.ts";
import { type Adapter, createAdapter, type LoraSpec } from "../nn/adapter.ts";
import { featureWidth } from "../nn/config.ts";
import type { Engine, FitDefaults } from "../train/engine.ts";
import type { Kit } from "./method.ts";

/** What there is to know of a training besides its values. */
export interface FitFacts {
  /** That the optimiser changed. */
  readonly numbers: number;
  /** Of every step. */
  readonly losses: readonly number[];
  /** Of all steps. */
  readonly flop: number;
}

/** What a kit is made of. */
export interface KitOptions {
  readonly engine: Engine;
  readonly lora: LoraSpec;
  readonly classes: number;
  /** False by default. */
  readonly classesReturn?: boolean;
  readonly classifier: Classifier;
  /** How trainings run unless a method says otherwise. */
  readonly training: Omit<FitDefaults, "rng" | "onStep">;
  /** Seed of everything random. */
  readonly seed: number;
  /** From 0. */
  readonly task: number;
  onStep?(step: number, steps: number): void | Promise<void>;
  /** Told of every training that ended. */
  onFit?(fit: FitFacts): void;
  onTrained?(adapter: Adapter): void;
}

/** A kit for one task. Equal options give equal kits: it keeps nothing. */
export function createKit(options: KitOptions): Kit {
  const { engine, lora, classes, classesReturn = false, classifier, training, seed, task } = options;
  const { config } = engine.backbone;
  return {
    config,
    lora,
    images: engine.preprocessing,
    classes,
    classesReturn,
    classifier,
    freshClassifier: (policy = classifier) =>
      policy.init(classes, featureWidth(config), createRng(seed, "classifier")),
    rng: (purpose) => createRng(seed, `method/${purpose}`),
    freshAdapter: (purpose) => createAdapter(config, lora, createRng(seed, `adapter/${purpose}`)),
    merger: createMerger(engine.programs),
    async fit(spec) {
      const { purpose } = spec;
      const rng = createRng(seed, `batches/${task}${purpose === undefined ? "" : `/${purpose}`}`);
      const fitted = await engine.fit(spec, {
        ...training,
        rng,
        ...(options.onStep && { onStep: options.onStep }),
      });
      const moves = Object.entries(spec.start).filter(([name]) => spec.rate?.(name) !== 0);
      const numbers = moves.reduce((total, [, { data }]) => total + data.length, 0);
      options.onFit?.({ numbers, losses: fitted.losses, flop: fitted.flop });
      return fitted;
    },
    map: (pass, table) => engine.map(pass, table),
    sum: (part, table) => engine.sum(part, table),
    trained: (adapter) => options.onTrained?.(adapter),
  };
}
