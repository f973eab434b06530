/**
 * TreeLoRA (Qian et al., arXiv 2506.10355): one adapter trains on and on, drawn in every layer towards the earlier task
 * that is most like the new one. Likeness is that of gradients; a bandit on a tree of tasks finds it.
 *
 * 1. Keep of each task, layer by layer (the adapter's sites of a block), the mean gradient of its loss when it was
 *    learnt, and the rows of A. The gradients make a tree (`task_tree.ts`).
 * 2. Before a new task, play the bandit in each layer: a round compares the gradient of a few of its images with that
 *    of one earlier task. π_lk is the share of the rounds that came to task k.
 * 3. Train with the loss L + λ [L] R; what is in brackets has no gradient. `pull=distance` is the paper's regulariser,
 *    ‖g - g_k‖₁, with the rows of A for gradients as its code has them, and relative: R = Σ_l |A_l - A_lk| / Σ_l |A_lk|
 *    for the task k that layer l chose most. `pull=product` is the code's: R = -S / [|S|], S = Σ_l Σ_k π_lk ⟨A_l, A_lk⟩.
 * 4. Deploy the adapter.
 *
 * The product has no end: longer rows have a larger one, so it moves the adapter instead of holding it. Where class
 * means score, it forgot more than no regulariser at all (CIFAR-100, ten tasks, width 128: 20.7 percent in the end, and
 * 23.0 of `naive`), which is why the paper's form is the default. The code draws a task a step; π gives the same on
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
import { abs, add, crossEntropy, div, mul, reshape, sub, sum, topKThreshold } from "../../graph/functions.ts";
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
    pull: z.enum(["distance", "product"]).default("distance")
      .describe(
        "Whether A is held near the chosen task's (the paper) or its product with it grows (the code)",
      ),
    lambda: z.number().min(0).default(0.25).describe("Strength λ of the pull, as a share of the loss"),
    rounds: z.int().min(1).default(16).describe("Rounds of the bandit, each with a gradient of a few images"),
  }),
  create: ({ pull: kind, lambda, rounds }) =>
    adapterMethod({
      trains: "task",
      init: (): TreeLoraState => ({ adapter: null, traces: [] }),
      async begin({ adapter, traces }: TreeLoraState, task, kit, classifier) {
        const start = adapter ?? firstStart(kit);
        const shares = traces.length > 0 ? await likeness(start, traces, rounds, task, kit, classifier) : [];
        return { start, extraLoss: pull(traces, shares, kind, lambda, kit) };
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

/** All of a share for its largest. */
function favourite(shares: readonly number[]): number[] {
  const best = shares.indexOf(Math.max(...shares));
  return shares.map((_, task) => task === best ? 1 : 0);
}

/** Step 3: λ [L] R. Without earlier tasks it is 0. */
export function pull(
  traces: readonly TaskTrace[],
  shares: readonly (readonly number[])[],
  kind: "distance" | "product",
  lambda: number,
  { config, lora }: Pick<Kit, "config" | "lora">,
): ExtraLoss {
  const chosen = kind === "product" ? shares : shares.map(favourite);
  const sites = loraSites(config, lora.targets);
  const taken = Array.from({ length: config.depth }, () => 0);
  const targets = sites.map(({ name, block, inputs }) => {
    const target = hostTensor([lora.rank, inputs]);
    const first = taken[block]!;
    traces.forEach(({ rows }, task) => {
      for (let i = 0; i < target.data.length; i++) {
        target.data[i]! += chosen[block]![task]! * rows[block]![first + i]!;
      }
    });
    taken[block]! += target.data.length;
    return [name, target] as const;
  });
  const length = targets.reduce(
    (total, [, { data }]) => total + data.reduce((sum, value) => sum + Math.abs(value), 0),
    0,
  );
  const strength = kind === "product" ? -lambda : length > 0 ? lambda / length : 0;
  return {
    tensors: { ...Object.fromEntries(targets), strength: hostTensor([1], Float32Array.of(strength)) },
    build({ env, adapter, tensors, logits }): Tensor {
      const terms = sites.map(({ name }) => {
        const [now, then] = [adapter[factorName(name, "A")]!, tensors[name]!];
        return sum(kind === "product" ? mul(now, then) : abs(sub(now, then)));
      });
      const total = terms.reduce(add);
      const term = kind === "product" ? div(total, add(still(total), 1e-5)) : total;
      return mul(mul(term, still(taskLoss(logits, env))), tensors["strength"]!);
    },
  };
}
