/**
 * Hierarchical adapter merging, HAM (Coleman et al., arXiv 2509.13211; later titled GLAM). What could be read of it says
 * what is done but not how, so this is an implementable reading with a switch wherever the paper allows another.
 *
 * 1. Train the task's adapter (B_t, A_t) and its importance a_t. In the forward pass it is alone on the frozen
 *    backbone (`training: independent`), or the groups take part with fixed factors (`stack`).
 * 2. Similarity to each group: s_j = mean over sites of the cosine of ΔW_t and ΔW_Gj, of what they have beyond the mean
 *    of all tasks (`similarity: centred`) or as they are (`cosine`); or the overlap of the directions they write into
 *    (`subspace`), how alike their features are (`cka`, `cka-features`), how alike the tasks' images are to the frozen
 *    backbone (`features`), or a draw (`random`). `similarity.ts` says which is which.
 * 3. Assign: join the most similar group if its s_j reaches the threshold, which is `tau`, or else follows from the
 *    similarities so far; else open a group while there are fewer than `maxGroups`; else join the most similar one.
 * 4. Prune: keep the largest entries, of the task's adapter or of the whole group (`pruneOn`), of factors or of their
 *    product (`pruneSpace`).
 * 5. Merge in the group by concatenating factors, at weight 1 (`groupMerge: concat`) or 1 / members (`average`);
 *    then cut the group back to rank `groupRank` by a truncated SVD.
 * 6. Deploy ΔW = finalScale · Σ_j α_j ΔW_Gj, where α_j is 1, 1 / groups, or trained with the next task.
 *
 * The paper's: adapters with an importance scalar trained along, groups up to a largest number, joining by cosine
 * similarity of weights, pruning of small entries inside a group, merging there by concatenation, one final module that
 * needs no task identity. Ours: everything else, that is all numbers, when a group opens, what is pruned, how weights of
 * members and groups come about, and the cap on rank. No table, algorithm or code of the authors was found; nothing is
 * known that tells GLAM from HAM but its title, so there is no method of that name here.
 *
 * Our defaults. Similarities are centred and their threshold is relative: `grouping.ts` derives both. With plain cosines
 * and a fixed `tau` all tasks end in one group, or in one with single ones beside it, since what tasks share outweighs
 * what tells them apart. `average` and `mean` deploy the mean of the groups' means: grouping then matters, since frequent
 * kinds of tasks do not outvote rare ones, and no number of tasks makes the update longer than its longest member.
 *
 * Other readings. With weight 1 throughout and no cap, step 6 gives Σ_t a_t ΔW_t whatever the groups are: `concat-pruned`.
 * `average` with gain `one` adds up dissimilar groups. `stack` with `concat` and `one` or `learned` trains each task as a
 * residual on top of the groups and deploys what was trained, up to pruning and the cap.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { resize } from "../../merge/resize.ts";
import { absorbGain, scaleAdapter } from "../../merge/scale.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod, type Trained, type Training } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { independentStart } from "../start.ts";
import { assignGroup, nothingObserved, observe, type Observed, relativeThreshold } from "./grouping.ts";
import { pruneAdapter, prunedTaskOptions } from "./pruned_task.ts";
import { compareToGroups, meanFeature, meanWith, similarityKinds } from "./similarity.ts";

/** A group: one merged adapter with a gain, and the tasks that went into it. */
export type HamGroup = {
  readonly adapter: Adapter;
  readonly gain: number;
  readonly members: readonly number[];
  /** Mean over the members of their mean features by the frozen backbone [width]; with `similarity: features` alone. */
  readonly feature?: Float64Array;
};

/** What HAM keeps: the groups, and how the last task was assigned. */
export type HamState = {
  readonly groups: readonly HamGroup[];
  /** Of the last task to the groups that it found. */
  readonly similarity: readonly number[];
  /** The similarity from which it joined; `null` before the first task. */
  readonly threshold: number | null;
  /** The group that took it; `null` before the first task. */
  readonly joined: number | null;
  /** All similarities so far. */
  readonly observed: Observed;
};

const options = z.strictObject({
  training: z.enum(["independent", "stack"]).default("independent")
    .describe("Whether a task trains alone on the backbone or on top of the groups"),
  start: z.enum(["fresh", "shared", "nearest"]).default("shared")
    .describe(
      "Start of a task's adapter: random A, the same A for all tasks, or the group that took the last task",
    ),
  similarity: z.enum(similarityKinds).default("centred")
    .describe(
      "How alike a task and a group are: cosine of updates beyond the mean of all tasks, or as they are; overlap of " +
        "the subspaces they write into; CKA of the changes they make to features, or of the features; cosine of mean " +
        "frozen features beyond the mean of all tasks; or a random draw",
    ),
  tau: z.number().min(-1).max(1).nullable().default(null)
    .describe("Similarity from which a task joins a group; null lets it follow from the similarities so far"),
  margin: z.number().min(-5).max(5).default(0.5)
    .describe("Without tau: standard deviations between the mean similarity so far and one that joins"),
  maxGroups: z.int().min(1).default(5).describe("Largest number of groups"),
  ...prunedTaskOptions,
  pruneOn: z.enum(["task", "group"]).default("task")
    .describe("Whether a task's adapter is pruned before it joins, or the whole group after each joining"),
  groupMerge: z.enum(["average", "concat"]).default("average")
    .describe("Whether a group is the mean of its members or their sum"),
  groupRank: z.int().min(1).nullable().default(16)
    .describe(
      "Largest rank of a group; null keeps groups exact, so that state grows with tasks up to full rank",
    ),
  groupGain: z.enum(["mean", "one", "learned"]).default("mean")
    .describe("Weight of a group in the end: 1 / groups, 1, or trained with each next task (stack only)"),
  finalScale: z.number().gt(0).default(1).describe("Factor of the deployed update"),
}).refine(({ groupGain, training }) => groupGain !== "learned" || training === "stack", {
  path: ["groupGain"],
  error: "learned gains need training=stack",
}).refine(({ groupRank, training }) => groupRank !== null || training === "independent", {
  path: ["groupRank"],
  error: "training=stack needs a largest rank, which sizes its program",
}).refine(({ start, training }) => start !== "nearest" || training === "independent", {
  path: ["start"],
  error: "training=stack has the group in its forward pass already",
});

type HamOptions = z.infer<typeof options>;

/** HAM. */
export const ham: MethodDefinition = defineMethod({
  name: "ham",
  summary: "Adapters pruned, merged in groups of similar tasks, and the groups merged",
  source: "Coleman et al., arXiv 2509.13211, in this project's reading",
  family: "hierarchy",
  year: 2025,
  keeps: "Adapters of the groups",
  options,
  create: (options) =>
    adapterMethod({
      trains: "task",
      init: (): HamState => ({
        groups: [],
        similarity: [],
        threshold: null,
        joined: null,
        observed: nothingObserved,
      }),
      begin: (state: HamState, task, kit): Training => ({
        start: startOf(state, task, kit, options),
        trainImportance: options.importance === "trained",
        ...(options.training === "stack" && { frozen: branches(state, options) }),
      }),
      end: (state: HamState, task, trained, kit) => end(state, task, trained, kit, options),
      deploy({ groups }: HamState) {
        if (groups.length === 0) return undefined;
        const weights = gains(groups, options).map((gain) => gain * options.finalScale);
        return concat(groups.map(({ adapter }) => adapter), weights);
      },
      facts: ({ groups, similarity, threshold, joined }: HamState) => ({
        groups: groups.length,
        members: groups.map(({ members }) => members),
        gains: gains(groups, options),
        similarity,
        threshold,
        joined,
      }),
    }),
});

/** The α_j. */
function gains(groups: readonly HamGroup[], { groupGain }: HamOptions): number[] {
  return groups.map(({ gain }) => groupGain === "mean" ? 1 / groups.length : gain);
}

function branches({ groups }: HamState, options: HamOptions): NonNullable<Training["frozen"]> {
  return {
    adapters: groups.map(({ adapter }) => adapter),
    slots: options.maxGroups,
    rank: options.groupRank!,
    gains: gains(groups, options),
    trainGains: options.groupGain === "learned",
  };
}

function startOf({ groups, joined }: HamState, task: TaskView, kit: Kit, { start }: HamOptions): Adapter {
  if (start !== "nearest") return independentStart(kit, task.index, start);
  const fresh = independentStart(kit, task.index, "shared");
  return joined === null ? fresh : resize(groups[joined]!.adapter, fresh);
}

/** Step 2. One program serves all tasks: it has room for as many groups as there may be. */
async function compare(
  { groups }: HamState,
  adapter: Adapter,
  feature: Float64Array | undefined,
  task: TaskView,
  kit: Kit,
  { similarity, groupMerge, groupRank, maxGroups }: HamOptions,
): Promise<number[]> {
  const means = groups.map(({ adapter, members, feature }) => ({
    adapter: groupMerge === "concat" ? scaleAdapter(adapter, 1 / members.length) : adapter,
    members: members.length,
    ...(feature && { feature }),
  }));
  const room = { count: maxGroups + 1, rank: Math.max(kit.lora.rank, groupRank ?? 0) };
  return await compareToGroups(similarity, { adapter, ...(feature && { feature }) }, means, task, kit, room);
}

/** Steps 2 to 5. */
async function end(
  state: HamState,
  task: TaskView,
  trained: Trained,
  kit: Kit,
  options: HamOptions,
): Promise<HamState> {
  const groups = state.groups.map((group, j) => {
    const gain = options.groupGain === "learned" ? trained.gains[j]! : group.gain;
    return { ...group, gain };
  });
  const feature = options.similarity === "features" ? await meanFeature(task, kit) : undefined;
  const similarity = await compare(state, trained.adapter, feature, task, kit, options);
  const threshold = options.tau ?? relativeThreshold(state.observed, options.margin, groups.length);
  const joined = assignGroup(similarity, threshold, options.maxGroups);
  // Of a single group the similarity is another.
  const observed = groups.length < 2 ? state.observed : observe(state.observed, similarity);

  // A sum would count a warm start again with every task: only what training changed is added to it.
  const isResidual = options.start === "nearest" && options.groupMerge === "concat";
  const update = isResidual
    ? concat([trained.adapter, startOf(state, task, kit, options)], [1, -1])
    : absorbGain(trained.adapter);
  const member = options.pruneOn === "task" ? await pruneAdapter(update, options, kit) : update;

  const group = groups[joined];
  const members = [...(group?.members ?? []), task.index];
  const own = options.groupMerge === "average" ? 1 / members.length : 1;
  const earlier = options.groupMerge === "average" ? 1 - own : 1;
  // A learned gain is absorbed when a member joins, so that the member enters at weight 1.
  const merged = group ? concat([group.adapter, member], [group.gain * earlier, own]) : member;
  const pruned = options.pruneOn === "group" ? await pruneAdapter(merged, options, kit) : merged;
  const next: HamGroup = {
    adapter: compress(pruned, options.groupRank),
    gain: 1,
    members,
    ...(feature && { feature: meanWith(feature, group?.feature, members.length) }),
  };
  return { groups: groups.toSpliced(joined, 1, next), similarity, threshold, joined, observed };
}
