/**
 * Methods that train one adapter a task and deploy one adapter: the shape of fine-tuning, regularising and merging.
 * They say where a task's adapter starts, what is added to its loss, what is remembered of it and what is deployed;
 * the classifier is trained along and finished here, by one policy for all of them.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../classifiers/classifier.ts";
import type { JsonObject } from "../core/json.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { StateValue } from "../core/state.ts";
import { add, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Adapter, adapterFromTensors, adapterToTensors, IMPORTANCE } from "../nn/adapter.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { maskedLoss } from "../nn/losses.ts";
import { parseFactor } from "../nn/sites.ts";
import { imageTable, type Named } from "../train/table.ts";
import { prefixed, unprefixed } from "./pieces/tensors.ts";
import { type FrozenBranches, frozenStack, GAINS, stackBranch } from "./frozen_branches.ts";
import type { Env, Fit, Kit, Method, Pass, Predictor, TaskView } from "./method.ts";

/** What a term of the loss is built from. */
export interface LossContext {
  /** The graph, the batch and the backbone. */
  readonly env: Env;
  /** The adapter's tensors by name (`lora.0.q.A`, …, `lora.importance`). */
  readonly adapter: Named;
  /** The term's own tensors by name. */
  readonly tensors: Named;
  /** [batch, width] */
  readonly feature: Tensor;
  /** [batch, classes], unmasked */
  readonly logits: Tensor;
}

/** A term added to the mean cross-entropy of a batch. */
export interface ExtraLoss {
  /** Values read by the term. */
  readonly tensors: NamedTensors;
  /**
   * Builds the term for a batch.
   *
   * @returns A scalar
   */
  build(context: LossContext): Tensor;
}

/** What to train on a task. */
export interface Training {
  /** The adapter's values before the first step. Its shape is the run's `LoraSpec`. */
  readonly start: Adapter;
  /** Whether the adapter's importance scalar trains along; otherwise it keeps its start. Default false. */
  readonly trainImportance?: boolean;
  /** Adapters that take part in the forward pass with fixed factors. */
  readonly frozen?: FrozenBranches;
  /** A term added to the cross-entropy. */
  readonly extraLoss?: ExtraLoss;
}

/** What training gave. */
export interface Trained {
  /** As the last step left it. */
  readonly adapter: Adapter;
  /** Gains of the frozen branches, in their order; as given unless they were trained. */
  readonly gains: readonly number[];
  /** What trained of the classifier. */
  readonly classifier: NamedTensors;
}

/** The hooks of such a method. */
export interface AdapterParts<Own extends StateValue> {
  /** `"never"`: the backbone is used as it is. `"joint"`: the bound that trains once on all tasks together. */
  readonly trains: "task" | "never" | "joint";
  /** A policy that belongs to the method's definition and replaces the run's. */
  readonly classifier?: Classifier;
  /** The method's own state before the first task. */
  init(kit: Kit): Own;
  /** What to train on a task. Not called if `trains` is `"never"`. */
  begin(own: Own, task: TaskView, kit: Kit): Training | Promise<Training>;
  /** The own state after a task's training; `own` itself must stay as it is. */
  end(own: Own, task: TaskView, trained: Trained, kit: Kit): Own | Promise<Own>;
  /** The adapter that is evaluated; `undefined` for the bare backbone. Has no side effect. */
  deploy(own: Own, kit: Kit): Adapter | undefined | Promise<Adapter | undefined>;
  /** What the record says of the own state after a task. */
  facts?(own: Own): JsonObject;
}

/** What is kept between tasks. */
export type AdapterMethodState<Own extends StateValue> = {
  readonly own: Own;
  readonly classifier: ClassifierState;
};

/** The methods of such hooks, without name and options. */
export function adapterMethod<Own extends StateValue>(
  parts: AdapterParts<Own>,
): Omit<Method<AdapterMethodState<Own>>, "name" | "options"> {
  const policyOf = (kit: Kit) => parts.classifier ?? kit.classifier;
  return {
    sees: parts.trains === "joint" ? "all" : "task",
    ...(parts.trains === "never" && { trains: false as const }),
    init: (kit) => ({ own: parts.init(kit), classifier: kit.freshClassifier(policyOf(kit)) }),
    async learn(state, task, kit) {
      const policy = policyOf(kit);
      let { own } = state;
      let trainedRows = policy.trains(state.classifier);
      if (parts.trains !== "never") {
        const training = await parts.begin(own, task, kit);
        const trained = await train(training, state.classifier, policy, task, kit);
        kit.trained(trained.adapter);
        own = await parts.end(own, task, trained, kit);
        trainedRows = trained.classifier;
      }
      const featuresOf = async (own: Own) =>
        await kit.map(featurePass(await parts.deploy(own, kit)), imageTable(task.train));
      const classifier = await policy.finish(state.classifier, {
        index: task.index,
        classes: task.classes,
        labels: task.train.labels,
        trained: trainedRows,
        features: () => featuresOf(own),
        earlier: () => featuresOf(state.own),
      }, kit);
      return { own, classifier };
    },
    deploy: async ({ own, classifier }, kit) =>
      mergedPredictor(await parts.deploy(own, kit), classifier, policyOf(kit)),
    classifierOf: ({ own, classifier }, kit) => ({ classifier, policy: policyOf(kit), rest: own }),
    ...(parts.facts && { facts: ({ own }) => parts.facts!(own) }),
  };
}

/** The feature of the backbone with an adapter folded in. */
export function featurePass(adapter: Adapter | undefined): Pass {
  return { ...(adapter && { adapter }), output: (env) => env.encode(env.rows().images).feature };
}

/** The backbone with at most one folded adapter under a classifier. */
export function mergedPredictor(
  adapter: Adapter | undefined,
  classifier: ClassifierState,
  policy: Classifier,
): Predictor {
  const { fixed, scores, head } = policy.scorer(classifier);
  return {
    passes: [featurePass(adapter)],
    fixed,
    scores: ([feature], env) => scores(feature!, env.fixed),
    merged: { ...(adapter && { adapter }), ...(head && { head }) },
  };
}

/** 1 for some classes, 0 for all others: what `maskedLoss` chooses among. */
export function classMask(classes: readonly number[], kit: Pick<Kit, "classes">): NamedTensors[string] {
  const mask = hostTensor([kit.classes]);
  for (const label of classes) mask.data[label] = 1;
  return mask;
}

function pick(tensors: NamedTensors, names: readonly string[]): NamedTensors {
  return Object.fromEntries(names.map((name) => [name, tensors[name]!]));
}

const EXTRA = "extra.";

/** The training of a task as the engine runs it. */
export function adapterFit(
  { start, trainImportance = false, frozen, extraLoss }: Training,
  classifier: ClassifierState,
  policy: Classifier,
  task: Pick<TaskView, "lossClasses" | "train">,
  kit: Pick<Kit, "config" | "lora" | "classes">,
): Fit {
  if (start.scale !== kit.lora.scale) {
    throw new RangeError(`Cannot train an adapter of scale ${start.scale}: the run has ${kit.lora.scale}`);
  }
  const stack = frozen && frozenStack(frozen, kit);
  return {
    start: {
      ...adapterToTensors(start),
      ...policy.trains(classifier),
      ...(stack && { [GAINS]: stack.gains }),
    },
    fixed: {
      mask: classMask(task.lossClasses, kit),
      ...stack?.factors,
      ...prefixed(extraLoss?.tensors ?? {}, EXTRA),
    },
    tables: { main: imageTable(task.train) },
    rate: (name) =>
      (name === IMPORTANCE && !trainImportance) || (name === GAINS && !frozen?.trainGains) ? 0 : 1,
    // Decay pulls the factors towards zero; importance, gains and the classifier are left alone.
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const { images, labels, weights } = env.rows();
      const branches = [
        branchFromTensors(trained, kit.lora.scale),
        ...(frozen ? [stackBranch(env.fixed, trained[GAINS]!, frozen, kit)] : []),
      ];
      const { feature } = env.encode(images, { branches });
      const logits = policy.logits(feature, trained);
      const loss = maskedLoss(logits, labels, env.fixed["mask"]!, weights);
      if (!extraLoss) return loss;
      const tensors = unprefixed(env.fixed, EXTRA);
      return add(loss, sum(extraLoss.build({ env, adapter: trained, tensors, feature, logits })));
    },
  };
}

async function train(
  training: Training,
  classifier: ClassifierState,
  policy: Classifier,
  task: TaskView,
  kit: Kit,
): Promise<Trained> {
  const { values } = await kit.fit(adapterFit(training, classifier, policy, task, kit));
  return {
    adapter: adapterFromTensors(values, training.start.scale),
    gains: [...values[GAINS]?.data.subarray(0, training.frozen?.adapters.length ?? 0) ?? []],
    classifier: pick(values, Object.keys(policy.trains(classifier))),
  };
}
