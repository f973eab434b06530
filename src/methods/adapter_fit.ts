/**
 * The training of one adapter on a task, with all that methods may say of it: where it starts, what takes part with it,
 * how its factors look in the forward pass, and what is added to its loss.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../classifiers/classifier.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { add, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Adapter, adapterToTensors, IMPORTANCE } from "../nn/adapter.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { maskedLoss } from "../nn/losses.ts";
import { parseFactor } from "../nn/sites.ts";
import { imageTable, type Named, type Table } from "../train/table.ts";
import { type FrozenBranches, frozenStack, GAINS, stackBranch } from "./frozen_branches.ts";
import type { Env, Fit, Kit, TaskView } from "./method.ts";
import { prefixed, unprefixed } from "./pieces/tensors.ts";

/** What the model in training makes of images. */
export interface Forward {
  /** [batch, width] */
  readonly feature: Tensor;
  /** [batch, classes], unmasked */
  readonly logits: Tensor;
}

/** What a term of the loss is built from. */
export interface LossContext extends Forward {
  /** The graph, the batch and the backbone. */
  readonly env: Env;
  /** The adapter's tensors by name (`lora.0.q.A`, …, `lora.importance`). */
  readonly adapter: Named;
  /** The term's own tensors by name. */
  readonly tensors: Named;
  /** The same of other images, such as those of a further table. */
  forward(images: Tensor): Forward;
}

/** A term added to the mean cross-entropy of a batch. */
export interface ExtraLoss {
  /** Values read by the term. */
  readonly tensors: NamedTensors;
  /** Values of each of the task's images [count, …], which are columns of table `main`. */
  readonly columns?: NamedTensors;
  /**
   * Builds the term for a batch.
   *
   * @returns A scalar
   */
  build(context: LossContext): Tensor;
}

/** What the forward passes of a training use in place of the adapter as it stands. */
export interface ForwardEdit {
  /** Values read by the edit. */
  readonly tensors: NamedTensors;
  /** Tables besides the task's images; a batch of each is drawn anew at every step. */
  readonly tables?: Readonly<Record<string, Table>>;
  /**
   * Builds the adapter's tensors for a step.
   *
   * @returns Tensors under the same names
   */
  build(context: Pick<LossContext, "env" | "adapter" | "tensors">): Named;
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
  /** Tables besides that of the task, from each of which a batch is drawn at every step: for the term. */
  readonly tables?: Readonly<Record<string, Table>>;
  /** Changes the adapter in the forward pass, such as by a perturbation of the step's own. */
  readonly forward?: ForwardEdit;
  /** Factor of the adapter's learning rate, 1 by default; the classifier keeps the run's. */
  readonly rate?: number;
}

/** 1 for some classes, 0 for all others: what `maskedLoss` chooses among. */
export function classMask(classes: readonly number[], kit: Pick<Kit, "classes">): NamedTensors[string] {
  const mask = hostTensor([kit.classes]);
  for (const label of classes) mask.data[label] = 1;
  return mask;
}

const EXTRA = "extra.";
const FORWARD = "forward.";

/** The training of a task as the engine runs it. */
export function adapterFit(
  { start, trainImportance = false, frozen, extraLoss, tables, forward: edit, rate = 1 }: Training,
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
      ...prefixed(edit?.tensors ?? {}, FORWARD),
    },
    tables: {
      ...tables,
      ...edit?.tables,
      main: { ...imageTable(task.train), ...(extraLoss?.columns && { columns: extraLoss.columns }) },
    },
    rate(name) {
      if (name === IMPORTANCE) return trainImportance ? rate : 0;
      if (name === GAINS) return frozen?.trainGains ? 1 : 0;
      return parseFactor(name) ? rate : 1;
    },
    // Decay pulls the factors towards zero; importance, gains and the classifier are left alone.
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const { images, labels, weights } = env.rows();
      const used = edit
        ? edit.build({ env, adapter: trained, tensors: unprefixed(env.fixed, FORWARD) })
        : trained;
      const branches = [
        branchFromTensors(used, kit.lora.scale),
        ...(frozen ? [stackBranch(env.fixed, trained[GAINS]!, frozen, kit)] : []),
      ];
      const forward = (images: Tensor): Forward => {
        const { feature } = env.encode(images, { branches });
        return { feature, logits: policy.logits(feature, trained) };
      };
      const { feature, logits } = forward(images);
      const loss = maskedLoss(logits, labels, env.fixed["mask"]!, weights);
      if (!extraLoss) return loss;
      const tensors = unprefixed(env.fixed, EXTRA);
      return add(loss, sum(extraLoss.build({ env, adapter: trained, tensors, feature, logits, forward })));
    },
  };
}
