/**
 * TreeLoRA (Qian et al., arXiv 2506.10355): one adapter trains on and on, drawn in every layer towards the earlier task
 * that is most like the new one. Likeness is that of gradients; a bandit on a tree of tasks finds it.
 *
 * 1. Keep of each task, layer by layer (the adapter's sites of a block), the mean gradient of its loss when it was
 *    learnt, and the rows of A. The gradients make a tree (`task_tree.ts`).
 * 2. Before a new task, play the bandit in each layer: a round compares the gradient of a few of its images with that
 *    of one earlier task. π_lk is the share of the rounds that came to task k.
 * 3. Train with the loss L - λ [L] S / [|S|], where S = Σ_l Σ_k π_lk ⟨A_l, A_lk⟩ and what is in brackets has no gradient.
 * 4. Deploy the adapter.
 *
 * Step 3 is the published code's, which draws a task a step and calls the rows of A gradients; π gives the same on
 * average. Its λ rises in every epoch from 0 to 0.5; here it is the mean of that. The bandit plays before the task and
 * not during it, because a training is one program; so that there are gradients worth comparing, one epoch is trained
 * first and thrown away (with fresh rows of the classifier they would be noise). The choice is the paper's, the least
 * lower bound; the code's draws prefer tasks that are far (its distances are negated twice). Distances are divided by
 * the lengths, since the bound's width does not know their unit.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { gradients } from "../../graph/autodiff.ts";
import { add, crossEntropy, div, mul, reshape, sum, topKThreshold } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { factorName, loraSites } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { adapterFit, adapterMethod, classMask, type ExtraLoss } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";
import { gradientDistance, playBandit, taskTree } from "./task_tree.ts";

/** What is kept of a task: by layer, its mean gradient and its rows of A, one site after the other. */
export type TaskTrace = {
  readonly gradients: readonly Float32Array[];
  readonly rows: readonly Float32Array[];
};

/** The adapter, absent before the first task, and a trace of every task. */
export type TreeLoraState = { readonly adapter: Adapter | null; readonly traces: readonly TaskTrace[] };

/** Images of which a round sees the gradient, and of which a task's is the mean. */
const [ROUND_IMAGES, TRACE_IMAGES] = [16, 256];

/** TreeLoRA. */
export const treeLora: MethodDefinition = defineMethod({
  name: "treelora",
  summary: "One adapter, drawn layer by layer towards the earlier task whose gradients are most alike",
  source: "Qian et al., arXiv 2506.10355",
  family: "regularised",
  year: 2025,
  adapted: "The bandit plays before a task, after an epoch of trial, instead of at every step",
  keeps: "The adapter; of every task a gradient of its shape, and its A",
  options: z.strictObject({
    lambda: z.number().min(0).default(0.25).describe("Strength λ of the pull, as a share of the loss"),
    rounds: z.int().min(1).default(16).describe("Rounds of the bandit, each with a gradient of a few images"),
  }),
  create: ({ lambda, rounds }) =>
    adapterMethod({
      trains: "task",
      init: (): TreeLoraState => ({ adapter: null, traces: [] }),
      async begin({ adapter, traces }: TreeLoraState, task, kit, classifier) {
        const start = adapter ?? firstStart(kit);
        const shares = traces.length > 0 ? await likeness(start, traces, rounds, task, kit, classifier) : [];
        return { start, extraLoss: pull(traces, shares, lambda, kit) };
      },
      async end({ traces }: TreeLoraState, task, { adapter, classifier }, kit): Promise<TreeLoraState> {
        const trace = {
          gradients: await layerGradients(
            kit,
            task,
            adapter,
            classifier,
            drawn(kit, task, "trace", TRACE_IMAGES),
          ),
          rows: byLayer(kit, (site) => [adapter.pairs[site]!.a.data]),
        };
        return { adapter, traces: [...traces, trace] };
      },
      deploy: ({ adapter }: TreeLoraState) => adapter ?? undefined,
    }),
});

/** Values of each site, joined by block. */
function byLayer({ config, lora }: Pick<Kit, "config" | "lora">, of: (site: string) => Float32Array[]) {
  const sites = loraSites(config, lora.targets);
  return Array.from({ length: config.depth }, (_, layer) => {
    const parts = sites.filter(({ block }) => block === layer).flatMap(({ name }) => of(name));
    return Float32Array.from(parts.flatMap((part) => [...part]));
  });
}

/** So many of the task's images. */
function drawn(kit: Kit, task: TaskView, purpose: string, count: number): number[] {
  const order = Array.from({ length: task.train.count }, (_, i) => i);
  return kit.rng(`${purpose}/${task.index}`).shuffle(order).slice(0, count);
}

/** The mean gradient of the loss with respect to the factors, by layer. */
async function layerGradients(
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
  head: NamedTensors,
  rows: readonly number[],
): Promise<Float32Array[]> {
  const factors = factorsOf(adapter);
  const names = Object.keys(factors);
  const sums = await kit.sum({
    fixed: { ...factors, ...head, mask: classMask(task.classes, kit) },
    terms({ fixed, rows, encode }) {
      const { images, labels, weights } = rows();
      const { feature } = encode(images, { branches: [branchOf(fixed, kit)] });
      const losses = crossEntropy(kit.classifier.logits(feature, fixed), labels, fixed["mask"]!);
      const slopes = gradients(sum(mul(losses, weights)), names.map((name) => fixed[name]!));
      return Object.fromEntries(names.map((name, i) => [name, slopes[i]!]));
    },
  }, imageTable(task.train, rows));
  const mean = (name: string) => sums[name]!.data.map((value) => value / rows.length);
  return byLayer(kit, (site) => [mean(factorName(site, "A")), mean(factorName(site, "B"))]);
}

/** Step 2: π by layer and task. */
async function likeness(
  start: Adapter,
  traces: readonly TaskTrace[],
  rounds: number,
  task: TaskView,
  kit: Kit,
  classifier: ClassifierState,
): Promise<number[][]> {
  const fit = adapterFit({ start }, classifier, kit.classifier, task, kit);
  const { values } = await kit.fit({ ...fit, epochs: 1, purpose: "trial" });
  const adapter = adapterFromTensors(values, kit.lora.scale);
  const head = Object.fromEntries(
    Object.keys(kit.classifier.trains(classifier)).map((name) => [name, values[name]!]),
  );
  const found: Float32Array[][] = [];
  for (let round = 1; round <= rounds; round++) {
    found.push(
      await layerGradients(kit, task, adapter, head, drawn(kit, task, `round ${round}`, ROUND_IMAGES)),
    );
  }
  const tree = taskTree(traces.map(({ gradients }) => gradients));
  return Array.from(
    { length: kit.config.depth },
    (_, layer) =>
      playBandit(
        tree,
        rounds,
        (earlier, round) => gradientDistance(found[round - 1]![layer]!, traces[earlier]!.gradients[layer]!),
      ),
  );
}

/** |x| of a scalar, without a gradient. */
function still(x: Tensor): Tensor {
  return topKThreshold(reshape(x, [1]), 1);
}

/** Step 3: -λ [L] S / [|S|]. Without earlier tasks it is 0. */
export function pull(
  traces: readonly TaskTrace[],
  shares: readonly (readonly number[])[],
  lambda: number,
  { config, lora }: Pick<Kit, "config" | "lora">,
): ExtraLoss {
  const sites = loraSites(config, lora.targets);
  const taken = Array.from({ length: config.depth }, () => 0);
  const targets = sites.map(({ name, block, inputs }) => {
    const target = hostTensor([lora.rank, inputs]);
    const first = taken[block]!;
    traces.forEach(({ rows }, task) => {
      for (let i = 0; i < target.data.length; i++) {
        target.data[i]! += shares[block]![task]! * rows[block]![first + i]!;
      }
    });
    taken[block]! += target.data.length;
    return [name, target] as const;
  });
  return {
    tensors: { ...Object.fromEntries(targets), lambda: hostTensor([1], Float32Array.of(lambda)) },
    build({ env, adapter, tensors, logits }): Tensor {
      const products = sites.map(({ name }) => sum(mul(adapter[factorName(name, "A")]!, tensors[name]!)));
      const alignment = products.reduce(add);
      const share = div(alignment, add(still(alignment), 1e-5));
      return mul(mul(share, still(taskLoss(logits, env))), mul(tensors["lambda"]!, -1));
    },
  };
}
