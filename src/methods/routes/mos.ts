/**
 * Model Surgery, MOS (Sun et al., arXiv 2412.09441): adapters of tasks are held near one another while they train, and
 * an image corrects its own choice among them.
 *
 * 1. Each task goes on from the last task's adapter. After every step its factors θ become (1 - m) θ + m mean(factors
 *    of all earlier tasks' adapters).
 * 2. At test the class mean of largest cosine with the frozen feature says the first task.
 * 3. That task's adapter gives a feature, the classifier a class, and the class a task; with that task again, until it
 *    stays or four adapters were tried.
 * 4. The class is that of largest softmax(logits of the last adapter) + softmax(T · cosines with the class means).
 *
 * Step 3 is the run's classifier, trained and finished with each task's own adapter. Each task is one more forward
 * pass at test, and one is that of the frozen feature.
 *
 * Readings. The rule of step 1 stands around AdamW at the run's rates. The paper's alignment of the classifier with
 * Gaussian samples belongs to the run's policy here; its code's contrastive term is not in the paper and left out.
 *
 * @module
 */
import { z } from "zod";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, matmul, mul, narrow, softmax, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { mapPairs } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import { projected } from "../../train/optimisers/projected.ts";
import { classMask, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named, Predictor, TaskView } from "../method.ts";
import { among, best } from "../pieces/selection.ts";
import { factorsOf, prefixed, unit } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";
import { logitsOf } from "./probabilities.ts";
import { type FoundByMeans, learnFoundByMeans, noAdapters, taskOfClass } from "./task_adapters.ts";

/** Adapters, class means of frozen features [classes, width], and the classifier. */
export type MosState = FoundByMeans;

const options = z.strictObject({
  momentum: z.number().min(0).max(1).default(0.1)
    .describe("Share of the mean of earlier adapters in the adapter after every step (m)"),
  rounds: z.int().min(1).default(4).describe("Adapters that an image tries at most"),
  ensemble: z.boolean().default(true).describe(
    "Whether class means of frozen features have a say in the end",
  ),
  scale: z.number().gt(0).default(16).describe("Factor of cosines before they become probabilities"),
});

type MosOptions = z.infer<typeof options>;

const ANCHOR = "anchor.";
const SHARE = "anchor share";

/** Step 1 around another rule: tensors that have an anchor move towards it by a share of the way. */
export function anchored(inner: Optimiser): Optimiser {
  return projected(inner, (move, { theta, fixed, unpack, pack }) => {
    const moves = unpack(move);
    const values = unpack(theta);
    const pulled = Object.entries(moves).map(([name, own]) => {
      const anchor = fixed[ANCHOR + name];
      if (!anchor) return [name, own] as const;
      const reached = add(values[name]!, own);
      return [name, add(own, mul(sub(anchor, reached), fixed[SHARE]!))] as const;
    });
    return pack(Object.fromEntries(pulled));
  });
}

/** The entrywise mean of adapters of one shape: of their factors, not of their updates. */
export function meanFactors(adapters: readonly Adapter[]): Adapter {
  const mean = (tensors: readonly HostTensor[]) =>
    hostTensor(
      tensors[0]!.shape,
      tensors[0]!.data.map((_, i) => tensors.reduce((sum, { data }) => sum + data[i]!, 0) / tensors.length),
    );
  return mapPairs(adapters[0]!, (_, site) => ({
    a: mean(adapters.map(({ pairs }) => pairs[site]!.a)),
    b: mean(adapters.map(({ pairs }) => pairs[site]!.b)),
  }));
}

/** What `anchored` reads; nothing pulls on the first task, whose program is that of the others. */
function anchors(adapters: readonly Adapter[], momentum: number, kit: Kit): NamedTensors {
  const anchor = adapters.length > 0 ? meanFactors(adapters) : firstStart(kit);
  const share = adapters.length > 0 ? momentum : 0;
  return { ...prefixed(factorsOf(anchor), ANCHOR), [SHARE]: hostTensor([1], Float32Array.of(share)) };
}

/**
 * Step 3: the logits [batch, classes] of the last adapter that was tried.
 *
 * @param first The task of each image as a choice [batch, tasks]
 * @param logits Under each adapter
 * @param tasks [classes, tasks]
 */
export function refined(first: Tensor, logits: readonly Tensor[], tasks: Tensor, rounds: number): Tensor {
  const under = (choice: Tensor) =>
    logits.map((own, task) => mul(own, narrow(choice, 1, task, 1))).reduce((sum, part) => add(sum, part));
  let current = under(first);
  // A task that stays is found again, so that rounds after it change nothing.
  for (let round = 1; round < rounds; round++) current = under(matmul(best(current), tasks));
  return current;
}

function predictor({ tasks, means, classifier }: MosState, options: MosOptions, kit: Kit): Predictor {
  const scorer = kit.classifier.scorer(classifier);
  const count = tasks.adapters.length;
  return {
    passes: [undefined, ...tasks.adapters].map((adapter) => featurePass(adapter)),
    fixed: {
      ...scorer.fixed,
      means: means!,
      seen: classMask(tasks.classes.flat(), kit),
      tasks: taskOfClass(tasks, count, kit),
    },
    scores([bare, ...features], { fixed }) {
      const { means, seen, tasks } = fixed as Named & Readonly<Record<"means" | "seen" | "tasks", Tensor>>;
      const cosines = matmul(unit(bare!), unit(means), { transposeB: true });
      const first = matmul(best(among(cosines, seen)), tasks);
      const logits = features.map((feature) => logitsOf(scorer, feature, fixed, seen, options.scale));
      const last = softmax(refined(first, logits, tasks, options.rounds));
      return options.ensemble ? add(last, softmax(among(mul(cosines, count), seen))) : last;
    },
  };
}

function learn(state: MosState, task: TaskView, { momentum }: MosOptions, kit: Kit): Promise<MosState> {
  const { adapters } = state.tasks;
  const training = {
    start: adapters.at(-1) ?? firstStart(kit),
    optimiser: anchored(adamw()),
    fixed: anchors(adapters, momentum, kit),
  };
  return learnFoundByMeans(state, training, task, kit);
}

/** MOS. */
export const mos: MethodDefinition = defineMethod({
  name: "mos",
  summary: "Adapters trained towards the mean of earlier ones; an image refines its choice among them",
  source: "Sun et al., arXiv 2412.09441",
  family: "route",
  needsNewClasses: "A class belongs to one task, and so tells which adapter an image takes",
  year: 2025,
  adapted: "LoRA for bottleneck adapters; the run's classifier for the paper's aligned one",
  keeps: "An adapter for each task, and class means of frozen features",
  passes: "One for each task, and one more",
  grows: "One forward pass for each task",
  options,
  create: (options) => ({
    sees: "task" as const,
    init: (kit): MosState => ({ tasks: noAdapters, means: null, classifier: kit.freshClassifier() }),
    learn: (state: MosState, task, kit) => learn(state, task, options, kit),
    deploy: (state: MosState, kit) => predictor(state, options, kit),
    classifierOf: ({ classifier, ...rest }: MosState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest,
    }),
  }),
});
