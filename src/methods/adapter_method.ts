/**
 * Methods that train one adapter a task and deploy one adapter: the shape of fine-tuning, regularising and merging.
 * They say where a task's adapter starts, what is added to its loss, what is remembered of it and what is deployed;
 * the classifier is trained along and finished here, by one policy for all of them.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../classifiers/classifier.ts";
import type { JsonObject } from "../core/json.ts";
import type { StateValue } from "../core/state.ts";
import type { NamedTensors } from "../core/tensors.ts";
import type { Split } from "../data/dataset.ts";
import { type Adapter, adapterFromTensors } from "../nn/adapter.ts";
import { imageTable } from "../train/table.ts";
import { adapterFit, type Training } from "./adapter_fit.ts";
import { GAINS } from "./frozen_branches.ts";
import type { Kit, Method, Pass, Predictor, TaskView } from "./method.ts";

export {
  adapterFit,
  classMask,
  type ExtraLoss,
  type Forward,
  type ForwardEdit,
  type LossContext,
  type Training,
} from "./adapter_fit.ts";

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
  /**
   * `"first"`: the first task alone. `"never"`: the backbone is used as it is. `"joint"`: the bound that trains once on
   * all tasks together.
   */
  readonly trains: "task" | "first" | "never" | "joint";
  /** A policy that belongs to the method's definition and replaces the run's. */
  readonly classifier?: Classifier;
  /** The method's own state before the first task. */
  init(kit: Kit): Own;
  /**
   * What to train on a task. Not called where nothing trains.
   *
   * @param classifier Its state before the task
   */
  begin(own: Own, task: TaskView, kit: Kit, classifier: ClassifierState): Training | Promise<Training>;
  /** The own state after a task's training; `own` itself must stay as it is. */
  end(own: Own, task: TaskView, trained: Trained, kit: Kit): Own | Promise<Own>;
  /** The adapter that is evaluated; `undefined` for the bare backbone. Has no side effect. */
  deploy(own: Own, kit: Kit): Adapter | undefined | Promise<Adapter | undefined>;
  /** Images of earlier tasks that the method keeps, for the classifier. */
  stored?(own: Own): Split | undefined;
  /** What the record says of the own state after a task. */
  facts?(own: Own): JsonObject;
}

/** What is kept between tasks. */
export type AdapterMethodState<Own extends StateValue> = {
  readonly own: Own;
  readonly classifier: ClassifierState;
};

/** A method of such hooks, without name and options. */
export interface AdapterMethod<Own extends StateValue>
  extends Omit<Method<AdapterMethodState<Own>>, "name" | "options"> {
  /** For methods that wrap it. */
  readonly parts: AdapterParts<Own>;
}

/** The hooks of a method that was made of such. */
export function adapterParts(method: Method): AdapterParts<StateValue> | undefined {
  return (method as { readonly parts?: AdapterParts<StateValue> }).parts;
}

/** The methods of such hooks, without name and options. */
export function adapterMethod<Own extends StateValue>(parts: AdapterParts<Own>): AdapterMethod<Own> {
  const policyOf = (kit: Kit) => parts.classifier ?? kit.classifier;
  return {
    parts,
    sees: parts.trains === "joint" ? "all" : "task",
    ...(parts.trains === "never" && { trains: false as const }),
    init: (kit) => ({ own: parts.init(kit), classifier: kit.freshClassifier(policyOf(kit)) }),
    async learn(state, task, kit) {
      const policy = policyOf(kit);
      let { own } = state;
      let trainedRows = policy.trains(state.classifier);
      if (parts.trains !== "never" && (parts.trains !== "first" || task.index === 0)) {
        const training = await parts.begin(own, task, kit, state.classifier);
        const trained = await train(training, state.classifier, policy, task, kit);
        kit.trained(trained.adapter);
        own = await parts.end(own, task, trained, kit);
        trainedRows = trained.classifier;
      }
      const featuresOf = async (own: Own, images = task.train) =>
        await kit.map(featurePass(await parts.deploy(own, kit)), imageTable(images));
      const stored = task.index === 0 ? undefined : parts.stored?.(state.own);
      const classifier = await policy.finish(state.classifier, {
        index: task.index,
        classes: task.classes,
        labels: task.train.labels,
        trained: trainedRows,
        features: () => featuresOf(own),
        earlier: () => featuresOf(state.own),
        ...(stored && {
          stored: {
            labels: stored.labels,
            features: () => featuresOf(own, stored),
            earlier: () => featuresOf(state.own, stored),
          },
        }),
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
    classifier: Object.fromEntries(
      Object.keys(policy.trains(classifier)).map((name) => [name, values[name]!]),
    ),
  };
}
