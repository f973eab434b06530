/**
 * ForkMerge (Jiang et al., NeurIPS 2023): whether to train for more than the task at hand is decided by trying it, and
 * by merging what the tries gave.
 *
 * 1. Hold out a part of the task's images.
 * 2. Fork the adapter and the classifier into three branches: the task alone; the task and distillation of the last
 *    model's logits of the images; the task and distillation of its logits and of its features. Train each for some
 *    epochs.
 * 3. Score the branches on what is held out and sort them, best first. The best has λ = 1; the i-th (from 1) tries
 *    λ = 0, 0.2, …, 1 times the mean of the λ before it, and keeps the first that scores best.
 * 4. Merge Σ λ_b ΔW_b / Σ λ, cut to the run's rank, and the classifiers likewise. Repeat from 2 with the merged model.
 * 5. Deploy the model of the last merge.
 *
 * The paper's branches train for more or fewer auxiliary tasks beside a target task. Here the target is the new task and
 * the auxiliaries stand for the earlier ones, without their images. What decides is accuracy on the new classes and, at
 * weight `keep`, how often the model agrees with the last one on which of the earlier classes an image is like. On the
 * first task there is nothing to agree with, and the branches are one. Published: branches, grid, greedy search.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, div, mul, reshape, sub, sum } from "../../graph/functions.ts";
import { concat } from "../../merge/concat.ts";
import { resize } from "../../merge/resize.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { featureWidth } from "../../nn/config.ts";
import { parseFactor } from "../../nn/sites.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { classMask, featurePass, mergedPredictor } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Method, Pass, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { distillation, maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";

const TEMPERATURE = 2;
/** Strength of the two auxiliaries in each branch: distillation of logits, of features. */
const BRANCHES = [[0, 0], [1, 0], [1, 1]] as const;
const GRID = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** The merged adapter, absent before the first task; classes seen; the λ of the last merges, by branch. */
export type ForkMergeState = {
  readonly adapter: Adapter | null;
  readonly seen: readonly number[];
  readonly weights: readonly (readonly number[])[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  rounds: z.int().min(1).default(2).describe("How often the branches of a task are merged"),
  epochs: z.int().min(1).default(2).describe("Epochs of a branch between two merges"),
  heldOut: z.number().gt(0).lt(1).default(0.2).describe(
    "Share of the task's images that decides and does not train",
  ),
  distil: z.number().min(0).default(1).describe("Strength of what the auxiliaries of a branch add"),
  keep: z.number().min(0).max(1).default(0.5)
    .describe("Weight of agreement with the last model in the score of a merge, from the second task on"),
});
type Options = z.infer<typeof options>;

/** ForkMerge. */
export const forkMerge: MethodDefinition = defineMethod({
  name: "forkmerge",
  summary:
    "Branches with and without distillation, merged as a search on held-out images of the task finds best",
  source: "Jiang et al., NeurIPS 2023; code thuml/ForkMerge",
  family: "system",
  year: 2023,
  adapted:
    "Auxiliary tasks are distillation from the last model; merged as ΔW; scored by accuracy and agreement",
  keeps: "The adapter",
  options,
  create: (options): Omit<Method<ForkMergeState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({ adapter: null, seen: [], weights: [], classifier: kit.freshClassifier() }),
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: ({ adapter, classifier }, kit) =>
      mergedPredictor(adapter ?? undefined, classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ weights }) => ({ weights }),
  }),
});

/** What a branch trains: an adapter, and what trains of the classifier. */
export interface Model {
  /** As training left it. */
  readonly adapter: Adapter;
  /** By name. */
  readonly rows: NamedTensors;
}

/**
 * The greedy search over weights: the best alone at 1, then each next one at the factor of the mean of those before it
 * that scores best.
 *
 * @param alone The score of each branch alone
 * @param score Of a merge with such weights, which need not sum to 1
 * @returns λ by branch, summing to 1
 */
export async function greedyWeights(
  alone: readonly number[],
  score: (weights: readonly number[]) => Promise<number>,
): Promise<number[]> {
  const order = alone.map((_, i) => i).sort((a, b) => alone[b]! - alone[a]! || a - b);
  const weights = alone.map(() => 0);
  weights[order[0]!] = 1;
  let best = alone[order[0]!]!;
  for (const [i, branch] of order.entries()) {
    if (i === 0) continue;
    const mean = weights.reduce((a, b) => a + b, 0) / i;
    let chosen = 0;
    for (const factor of GRID) {
      if (factor === 0) continue;
      const found = await score(weights.map((weight, b) => b === branch ? factor * mean : weight));
      if (found > best) [best, chosen] = [found, factor * mean];
    }
    weights[branch] = chosen;
  }
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** The mean with weights λ of ΔW, and of what trains of the classifiers. */
export function mergeModels(models: readonly Model[], weights: readonly number[]): Model {
  const total = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => weight / total);
  const rows = Object.entries(models[0]!.rows).map(([name, { shape }]) => {
    const data = new Float64Array(models[0]!.rows[name]!.data.length);
    models.forEach((model, b) =>
      model.rows[name]!.data.forEach((value, i) => data[i]! += shares[b]! * value)
    );
    return [name, hostTensor(shape, Float32Array.from(data))] as const;
  });
  const used = models.map((_, b) => b).filter((b) => shares[b] !== 0);
  return {
    adapter: concat(used.map((b) => models[b]!.adapter), used.map((b) => shares[b]!)),
    rows: Object.fromEntries(rows),
  };
}

/** The images that train and those that are held out; a lone image does both. */
function split(task: TaskView, kit: Kit, share: number): { readonly training: Table; readonly held: Table } {
  const { count } = task.train;
  const order = kit.rng(`held out ${task.index}`).shuffle(Array.from({ length: count }, (_, i) => i));
  if (count < 2) return { training: imageTable(task.train), held: imageTable(task.train) };
  const held = Math.min(count - 1, Math.max(1, Math.round(share * count)));
  return {
    training: imageTable(task.train, order.slice(held)),
    held: imageTable(task.train, order.slice(0, held)),
  };
}

function logitsPass(
  { adapter, rows }: Partial<Pick<Model, "adapter">> & Pick<Model, "rows">,
  kit: Kit,
): Pass {
  return {
    ...(adapter && { adapter }),
    fixed: rows,
    output: (env) => kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed),
  };
}

/** The class of largest logit among some, for each row. */
function choices(logits: Float32Array, classes: number, among: readonly number[]): number[] {
  return Array.from(
    { length: logits.length / classes },
    (_, row) =>
      among.reduce((best, label) =>
        logits[row * classes + label]! > logits[row * classes + best]! ? label : best
      ),
  );
}

function shareEqual(a: readonly number[], b: readonly number[]): number {
  return a.filter((value, i) => value === b[i]).length / a.length;
}

async function learn(
  state: ForkMergeState,
  task: TaskView,
  kit: Kit,
  options: Options,
): Promise<ForkMergeState> {
  const { training, held } = split(task, kit, options.heldOut);
  const first = state.adapter ?? firstStart(kit);
  const old: Model = { adapter: first, rows: kit.classifier.trains(state.classifier) };
  const teacher = {
    logits: await kit.map(logitsPass(old, kit), training),
    feature: await kit.map(featurePass(first), training),
  };
  const labels = Array.from({ length: held.count }, (_, i) => task.train.labels[held.at?.[i] ?? i]!);
  const isFirst = state.seen.length === 0;
  const before = isFirst
    ? []
    : choices((await kit.map(logitsPass(old, kit), held)).data, kit.classes, state.seen);
  const score = async (model: Model) => {
    const { data } = await kit.map(logitsPass(model, kit), held);
    const right = shareEqual(choices(data, kit.classes, task.classes), labels);
    if (isFirst) return right;
    return (1 - options.keep) * right +
      options.keep * shareEqual(choices(data, kit.classes, state.seen), before);
  };

  let model = old;
  const weights: number[][] = [];
  for (let round = 0; round < options.rounds; round++) {
    const models: Model[] = [];
    for (const branch of isFirst ? [0] : BRANCHES.keys()) {
      models.push(
        await trainBranch(model, branch, round, { ...training, columns: teacher }, state, task, kit, options),
      );
    }
    const alone: number[] = [];
    for (const branch of models) alone.push(models.length > 1 ? await score(branch) : 1);
    weights.push(await greedyWeights(alone, (weights) => score(mergeModels(models, weights))));
    const merged = mergeModels(models, weights.at(-1)!);
    model = { ...merged, adapter: resize(merged.adapter, firstStart(kit)) };
  }
  kit.trained(model.adapter);
  const earlier = () => featurePass(state.adapter ?? undefined);
  return {
    adapter: model.adapter,
    seen: [...new Set([...state.seen, ...task.classes])],
    weights,
    classifier: await finishClassifier(
      kit,
      task,
      state.classifier,
      model.rows,
      featurePass(model.adapter),
      earlier,
    ),
  };
}

/** Trains one branch from a merged model. */
async function trainBranch(
  { adapter, rows }: Model,
  branch: number,
  round: number,
  main: Table,
  { seen }: ForkMergeState,
  task: TaskView,
  kit: Kit,
  { distil, epochs }: Options,
): Promise<Model> {
  const [onLogits, onFeatures] = BRANCHES[branch]!;
  const strength = (value: number) => hostTensor([], Float32Array.of(seen.length > 0 ? distil * value : 0));
  const { values } = await kit.fit({
    start: { ...factorsOf(adapter), ...rows },
    fixed: {
      ...maskOf(task, kit),
      seen: classMask(seen.length > 0 ? seen : task.classes, kit),
      onLogits: strength(onLogits),
      onFeatures: strength(onFeatures),
    },
    tables: { main },
    purpose: `branch ${branch} round ${round}`,
    epochs,
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const { fixed } = env;
      const { images, weights, logits: oldLogits, feature: oldFeature } = env.rows();
      const { feature } = env.encode(images, { branches: [branchOf(trained, kit)] });
      const logits = kit.classifier.logits(feature, trained);
      const moved = sub(feature, oldFeature!);
      const squares = sum(mul(mul(moved, moved), reshape(weights, [weights.shape[0]!, 1])));
      const apart = div(mul(squares, 1 / featureWidth(kit.config)), sum(weights));
      const kept = distillation(logits, oldLogits!, fixed["seen"]!, weights, TEMPERATURE);
      return add(
        taskLoss(logits, env),
        add(mul(kept, fixed["onLogits"]!), mul(apart, fixed["onFeatures"]!)),
      );
    },
  });
  const trained = Object.keys(rows).map((name) => [name, values[name]!] as const);
  return { adapter: adapterFromTensors(values, kit.lora.scale), rows: Object.fromEntries(trained) };
}
