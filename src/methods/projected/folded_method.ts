/**
 * Methods whose model is the backbone with one folded adapter, but that do not train an adapter of the run's shape
 * from where the last one ended: what earlier tasks left is folded in and stays, and a branch on top of it trains,
 * built from whatever trains. They say where it starts, how its moves are projected, and what becomes of the sum.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../../classifiers/classifier.ts";
import type { HostTensor, NamedTensors } from "../../core/tensors.ts";
import type { StateValue } from "../../core/state.ts";
import { add, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { parseFactor } from "../../nn/sites.ts";
import { imageTable, type Named } from "../../train/table.ts";
import { type AdapterMethodState, featurePass, mergedPredictor } from "../adapter_method.ts";
import type { Env, Kit, Method, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf } from "../pieces/tensors.ts";

/** What a term of the loss is built from. */
export interface FoldedContext {
  readonly env: Env;
  /** What trains, and what was frozen of it. */
  readonly trained: Named;
  /** [batch, width] */
  readonly feature: Tensor;
  /** [batch, classes], unmasked */
  readonly logits: Tensor;
}

/** What to train on a task, besides the classifier. */
export interface FoldedTraining {
  /** Values before the first step, by any names. */
  readonly start: NamedTensors;
  /** What is folded into the backbone meanwhile. Nothing, if it is nothing at every task. */
  readonly base?: Adapter;
  /** Values that the graph reads. */
  readonly fixed?: NamedTensors;
  /** Values of each image. */
  readonly columns?: Readonly<Record<string, HostTensor>>;
  /** Factor of the learning rate of a tensor, 1 by default; 0 freezes it. */
  rate?(name: string): number;
  /** The moves of a step by name in place of those that the optimiser would make. */
  project?(moves: Named, fixed: Named): Named;
  /** What is added to the backbone; the pairs named as an adapter's by default. */
  branch?(trained: Named, env: Env): LoraBranch;
  /** A term added to the cross-entropy. */
  extraLoss?(context: FoldedContext): Tensor;
}

/** The hooks of such a method. */
export interface FoldedParts<Own extends StateValue> {
  /** The method's own state before the first task. */
  init(kit: Kit): Own;
  /** What to train on a task. */
  begin(
    own: Own,
    task: TaskView,
    kit: Kit,
    classifier: ClassifierState,
  ): FoldedTraining | Promise<FoldedTraining>;
  /** The own state after a task's training; `own` itself must stay as it is. */
  end(own: Own, task: TaskView, values: NamedTensors, kit: Kit): Own | Promise<Own>;
  /** The adapter that is evaluated. */
  deploy(own: Own, kit: Kit): Adapter | undefined;
}

/** The methods of such hooks, without name and options. */
export function foldedMethod<Own extends StateValue>(
  parts: FoldedParts<Own>,
): Omit<Method<AdapterMethodState<Own>>, "name" | "options"> {
  const policyOf = (kit: Kit): Classifier => kit.classifier;
  return {
    sees: "task",
    init: (kit) => ({ own: parts.init(kit), classifier: kit.freshClassifier() }),
    async learn(state, task, kit) {
      const { classifier } = state;
      const training = await parts.begin(state.own, task, kit, classifier);
      const values = await train(training, classifier, task, kit);
      const own = await parts.end(state.own, task, values, kit);
      const passOf = (own: Own) => featurePass(parts.deploy(own, kit));
      const finished = await finishClassifier(
        kit,
        task,
        classifier,
        values,
        passOf(own),
        () => passOf(state.own),
      );
      return { own, classifier: finished };
    },
    deploy: ({ own, classifier }, kit) => mergedPredictor(parts.deploy(own, kit), classifier, policyOf(kit)),
    classifierOf: ({ own, classifier }, kit) => ({ classifier, policy: policyOf(kit), rest: own }),
  };
}

async function train(
  training: FoldedTraining,
  classifier: ClassifierState,
  task: TaskView,
  kit: Kit,
): Promise<NamedTensors> {
  const { start, base, fixed, columns, rate, project, extraLoss } = training;
  const { branch = (trained) => branchOf(trained, kit) } = training;
  const { values } = await kit.fit({
    start: { ...start, ...kit.classifier.trains(classifier) },
    fixed: { ...fixed, ...maskOf(task, kit) },
    tables: { main: { ...imageTable(task.train), ...(columns && { columns }) } },
    ...(base && { adapter: base }),
    ...(rate && { rate }),
    ...(project && { project: (move, now) => now.pack(project(now.unpack(move), now.fixed)) }),
    // As for adapters that train alone: decay pulls factors towards zero, and nothing else.
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const { feature } = env.encode(env.rows().images, { branches: [branch(trained, env)] });
      const logits = kit.classifier.logits(feature, trained);
      const loss = taskLoss(logits, env);
      return extraLoss ? add(loss, sum(extraLoss({ env, trained, feature, logits }))) : loss;
    },
  });
  const { pairs, ...trained } = adapterFromTensors(values, kit.lora.scale);
  if (Object.keys(pairs).length > 0) kit.trained({ ...trained, pairs });
  return values;
}

/** The trained factors as an adapter. */
export function adapterOf(values: NamedTensors, kit: Pick<Kit, "lora">): Adapter {
  return adapterFromTensors(values, kit.lora.scale);
}

/** Nothing, in the shape of an adapter: what is folded in at the first task, so that later ones run its program. */
export function noUpdate(kit: Kit): Adapter {
  return kit.freshAdapter("task 0");
}

/** The factors of a task's fresh adapter; those of the first are the same for all methods. */
export function freshFactors(kit: Kit, task: number): NamedTensors {
  return factorsOf(kit.freshAdapter(`task ${task}`));
}
