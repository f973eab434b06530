/**
 * Replay around any method that trains one adapter a task: a reservoir of images, from which further batches are drawn
 * at every step. What such a method starts from, adds to its loss, remembers and deploys stays as it is.
 *
 * 1. Draw, at every step, as many stored images as there are in a batch: once for each use that the rule makes of them.
 * 2. Add what the rule makes of their logits to the loss of the task.
 * 3. After the task, offer all its images to the reservoir; with each goes the logits of the model deployed then, if
 *    the rule asks for them.
 *
 * While nothing is stored, the method trains as it does alone. If the run's classifier scores with something else than
 * rows that train (class means, a ridge), the method trains linear rows that go on from task to task, because the losses
 * on stored images ask about earlier classes.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import type { StateValue } from "../../core/state.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { add, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Columns, imageTable } from "../../train/table.ts";
import {
  adapterMethod,
  type AdapterMethodState,
  type AdapterParts,
  classMask,
  type ExtraLoss,
  featurePass,
  type Training,
} from "../adapter_method.ts";
import type { Kit, Method, TaskView } from "../method.ts";
import { bufferTable, emptyBuffer, type ImageBuffer, offer } from "../pieces/buffer.ts";
import { trainingRows, withoutTrainingRows, withTrainingRows } from "../pieces/training_rows.ts";

/** A batch of stored images under the model in training. */
export interface Drawn {
  /** Images, labels, and what is stored with them. */
  readonly rows: Columns;
  /** [batch, classes], unmasked */
  readonly logits: Tensor;
}

/** The option that says what the loss of a task's own images is over. */
export const ownOption: z.ZodDefault<z.ZodEnum<{ seen: "seen"; run: "run" }>> = z.enum(["seen", "run"])
  .default("seen")
  .describe(
    "Classes among which the loss of new images chooses: all seen so far, or those that the run says",
  );

/** What is done with stored images. */
export interface ReplayRule<Use extends string> {
  /** Images that are stored at most. */
  readonly size: number;
  /** What batches are drawn for, each on its own. */
  readonly uses: readonly Use[];
  /** Classes among which the loss of a task's own images chooses: all seen so far, or those that the run says. */
  readonly own: "seen" | "run";
  /** Whether an image is stored with the logits that it had, as column `logits` [count, classes]. */
  readonly keepsLogits: boolean;
  /**
   * What the drawn batches add to the loss.
   *
   * @param seen [classes]: 1 for all classes up to the present task, else 0
   * @returns A scalar
   */
  loss(drawn: Readonly<Record<Use, Drawn>>, seen: Tensor): Tensor;
}

/** The wrapped method's state, the reservoir, and the classes seen so far. */
export type ReplayState<Own extends StateValue> = {
  readonly base: AdapterMethodState<Own>;
  readonly buffer: ImageBuffer;
  readonly seen: readonly number[];
};

const PREFIX = "replay.";
const SEEN = `${PREFIX}seen`;

/** Logits that the deployed model would train with. */
function logitsOf(
  adapter: Parameters<typeof featurePass>[0],
  state: ClassifierState,
  task: TaskView,
  kit: Kit,
  policy: Kit["classifier"],
) {
  const { output, ...pass } = featurePass(adapter);
  return kit.map({
    ...pass,
    fixed: policy.trains(state),
    output: (env) => policy.logits(output(env), env.fixed),
  }, imageTable(task.train));
}

/** The training with the drawn batches in its loss. */
function replayed<Use extends string>(
  training: Training,
  { buffer, seen }: Pick<ReplayState<null>, "buffer" | "seen">,
  rule: ReplayRule<Use>,
  task: TaskView,
  kit: Kit,
): Training {
  const { extraLoss } = training;
  const table = bufferTable(buffer);
  const tables = Object.fromEntries(rule.uses.map((use) => [PREFIX + use, table]));
  const both: ExtraLoss = {
    ...extraLoss,
    tensors: { ...extraLoss?.tensors, [SEEN]: classMask([...seen, ...task.classes], kit) },
    build(context) {
      const { env, forward, tensors } = context;
      const drawn = Object.fromEntries(rule.uses.map((use) => {
        const rows = env.rows(PREFIX + use);
        return [use, { rows, logits: forward(rows.images).logits }];
      })) as Record<Use, Drawn>;
      const term = rule.loss(drawn, tensors[SEEN]!);
      return extraLoss ? add(sum(extraLoss.build(context)), term) : term;
    },
  };
  return { ...training, extraLoss: both, tables: { ...training.tables, ...tables } };
}

/** A method of such hooks with replay. */
export function withReplay<Own extends StateValue, Use extends string>(
  parts: AdapterParts<Own>,
  rule: ReplayRule<Use>,
): Omit<Method<ReplayState<Own>>, "name" | "options"> {
  const hooks = {
    ...parts,
    ...(parts.classifier && { classifier: withTrainingRows(parts.classifier) }),
  };
  const plain = adapterMethod(hooks);
  const rowed = (kit: Kit): Kit => ({ ...kit, classifier: withTrainingRows(kit.classifier) });
  return {
    sees: "task",
    init: (kit) => ({ base: plain.init(rowed(kit)), buffer: emptyBuffer, seen: [] }),
    async learn(state, task, given) {
      const kit = rowed(given);
      const { buffer, seen } = state;
      const isEmpty = buffer.labels.length === 0;
      const method = isEmpty ? plain : adapterMethod<Own>({
        ...hooks,
        begin: async (own, task, kit, classifier) =>
          replayed(await parts.begin(own, task, kit, classifier), state, rule, task, kit),
        stored: () => bufferTable(buffer).images,
      });
      const classes = [...new Set([...seen, ...task.classes])];
      const asked = isEmpty || rule.own === "run" ? task : { ...task, lossClasses: classes };
      const base = await method.learn(state.base, asked, kit);
      const columns: NamedTensors = rule.keepsLogits
        ? {
          logits: await logitsOf(
            await parts.deploy(base.own, kit),
            base.classifier,
            task,
            kit,
            hooks.classifier ?? kit.classifier,
          ),
        }
        : {};
      return {
        base,
        buffer: offer(buffer, task.train, rule.size, kit.rng(`reservoir ${task.index}`), columns),
        seen: classes,
      };
    },
    deploy: ({ base }, kit) => plain.deploy(base, rowed(kit)),
    classifierOf({ base, buffer, seen }, kit) {
      const { classifier, rest } = plain.classifierOf!(base, kit)!;
      return {
        classifier: withoutTrainingRows(classifier),
        policy: parts.classifier ?? kit.classifier,
        rest: { base: rest, rows: trainingRows(classifier), buffer, seen },
      };
    },
    facts: ({ base, buffer }) => ({ ...plain.facts?.(base), stored: buffer.labels.length }),
  };
}
