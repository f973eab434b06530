/**
 * Methods that train prompts on a frozen backbone: every image asks with its frozen feature, and what answers joins
 * its forward pass. The query of a training image is computed once, that of a test image along with its scores; both
 * belong to the image alone, never to its batch.
 *
 * Published code often lets a batch vote for its prompts. Where a batch comes from one task, that tells the task; here
 * nothing of it exists.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { add, div, mul, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import type { Edits, Encoded } from "../../nn/vit.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import type { Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";

/** What a method keeps of its prompts, after so many tasks. */
export type Prompts = { readonly tensors: NamedTensors; readonly tasks: number };

/** Prompts and classifier. */
export type PromptState = { readonly prompts: Prompts; readonly classifier: ClassifierState };

/** What prompts do in a forward pass. */
export interface Prompted {
  /** Tokens, keys and values for each image. */
  readonly edits: Edits;
  /** What training adds to the loss for each image: [batch]. */
  readonly perImage?: Tensor;
  /** What training adds to the loss once. */
  readonly once?: Tensor;
}

/** How prompts are kept, trained and chosen. All values that `prompt` reads have the same shapes at every task. */
export interface PromptParts {
  /** Before the first task. */
  init(kit: Kit): NamedTensors;
  /** What trains on a task, and what else `prompt` reads. */
  begin(prompts: Prompts, kit: Kit): { readonly start: NamedTensors; readonly fixed?: NamedTensors };
  /** What is kept after a task, of what training gave. */
  end(prompts: Prompts, trained: NamedTensors): NamedTensors;
  /** All that `prompt` reads at test. */
  deployed(prompts: Prompts): NamedTensors;
  /** The prompts of a batch of queries [batch, width of a feature]. */
  prompt(tensors: Named, query: Tensor, kit: Kit): Prompted;
  /** What the classifier reads, if it is not the feature: [batch, width]. */
  readonly read?: { feature(encoded: Encoded): Tensor; width(kit: Kit): number };
  /** Factor of the learning rate of all that trains besides the classifier. */
  readonly rate: number;
}

/** The option that sets the rate of prompts. */
export function rateOption(preset: number): z.ZodDefault<z.ZodNumber> {
  return z.number().gt(0).default(preset)
    .describe(
      "Factor of the run's learning rate for prompts and keys; the classifier trains at the run's rate",
    );
}

/** The forward pass with the prompts of a state. */
export function promptedPass(prompts: Prompts, parts: PromptParts, kit: Kit): Pass {
  return {
    fixed: parts.deployed(prompts),
    output(env) {
      const { images } = env.rows();
      const { edits } = parts.prompt(env.fixed, env.encode(images).feature, kit);
      return read(env.encode(images, edits), parts);
    },
  };
}

function read(encoded: Encoded, parts: PromptParts): Tensor {
  return parts.read ? parts.read.feature(encoded) : encoded.feature;
}

/** The methods of such parts, without name and options. */
export function promptMethod(parts: PromptParts): Omit<Method<PromptState>, "name" | "options"> {
  return {
    sees: "task",
    init(kit) {
      const width = parts.read?.width(kit) ?? featureWidth(kit.config);
      const classifier = width === featureWidth(kit.config)
        ? kit.freshClassifier()
        : kit.classifier.init(kit.classes, width, kit.rng("classifier"));
      return { prompts: { tensors: parts.init(kit), tasks: 0 }, classifier };
    },
    async learn(state, task, kit) {
      const trained = await train(state, task, parts, kit);
      const prompts = {
        tensors: parts.end(state.prompts, trained),
        tasks: state.prompts.tasks + 1,
      };
      const pass = (prompts: Prompts) => promptedPass(prompts, parts, kit);
      const classifier = await finishClassifier(
        kit,
        task,
        state.classifier,
        trained,
        pass(prompts),
        () => pass(state.prompts),
      );
      return { prompts, classifier };
    },
    deploy: ({ prompts, classifier }, kit) =>
      classifiedPredictor(promptedPass(prompts, parts, kit), classifier, kit.classifier),
    classifierOf: ({ prompts, classifier }, kit) => ({ classifier, policy: kit.classifier, rest: prompts }),
  };
}

async function train(
  { prompts, classifier }: PromptState,
  task: TaskView,
  parts: PromptParts,
  kit: Kit,
): Promise<NamedTensors> {
  const { start, fixed = {} } = parts.begin(prompts, kit);
  const images = imageTable(task.train);
  const query = await kit.map(featurePass(undefined), images);
  const { values } = await kit.fit({
    start: { ...start, ...kit.classifier.trains(classifier) },
    fixed: { ...fixed, ...maskOf(task, kit) },
    tables: { main: { ...images, columns: { query } } },
    rate: (name) => name in start ? parts.rate : 1,
    loss(trained, env) {
      const { images, query, weights } = env.rows();
      const { edits, perImage, once } = parts.prompt({ ...env.fixed, ...trained }, query!, kit);
      const feature = read(env.encode(images, edits), parts);
      const loss = taskLoss(kit.classifier.logits(feature, trained), env);
      const own = perImage ? add(loss, div(sum(mul(perImage, weights)), sum(weights))) : loss;
      return once ? add(own, once) : own;
    },
  });
  return values;
}
