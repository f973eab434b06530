/**
 * HAM+: our own best use of a few adapters. Hierarchical merging as in `ham`, with what the benchmark showed to matter:
 *
 * 1. A task's group is known before its training, by its images: cosine of mean features of the frozen backbone, of
 *    what they have beyond the mean of all tasks (`similarity.ts`, `features`).
 * 2. Training goes on from what the last training in the group left, with the quadratic penalty of online EWC (Schwarz et
 *    al., arXiv 1805.06370) on the factors, whose Fisher information all groups share, and linear rows that start anew.
 * 3. A group is the mean of its members, cut to rank `groupRank`: g ← g + (ΔW - g) / n. Along a trajectory that is the
 *    average of weights of stochastic weight averaging (Izmailov et al., arXiv 1803.05407); its step shrinks with 1 / n,
 *    and with it the drift of what is remembered of earlier classes.
 * 4. Deploy the mean of the groups, as `ham` does.
 * 5. Classify by linear discriminants on the layered feature (`layeredFeature`: class token, and patch means of the last
 *    layers), one covariance for all classes, shrunk towards its diagonal. Means and covariance follow the deployed
 *    adapter by the map `identity-ridge` of `src/classifiers/drift.ts`.
 *
 * The parts are others' and named; putting them together is ours. Most of the distance to `ham` is step 5, which needs
 * no adapter (`adapt=false`); the study takes the parts away one at a time.
 *
 * @module
 */
import { z } from "zod";
import type { Classifier, ClassifierState } from "../../classifiers/classifier.ts";
import { driftKinds } from "../../classifiers/drift.ts";
import { lda } from "../../classifiers/gaussian.ts";
import { linear } from "../../classifiers/linear.ts";
import { emptyStatistics } from "../../classifiers/statistics.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { absorbGain } from "../../merge/scale.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { featureWidth, layeredWidth } from "../../nn/config.ts";
import { layeredFeature } from "../../nn/pooled.ts";
import { adapterFit, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { accumulateFisher, type FisherState, penalty } from "../ewc.ts";
import { fisherInformation } from "../fisher.ts";
import type { Kit, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { independentStart } from "../start.ts";
import { assignGroup, nothingObserved, observe, type Observed, relativeThreshold } from "./grouping.ts";
import { featureSimilarities, meanFeature, meanWith } from "./similarity.ts";

/** A group: the mean of its members, what the last of them left, and what their images look like. */
export type HamPlusGroup = {
  readonly adapter: Adapter;
  readonly last: Adapter;
  readonly members: readonly number[];
  /** Mean over the members of their mean features by the frozen backbone [width]. */
  readonly feature: Float64Array;
};

/** What HAM+ keeps. */
export type HamPlusState = {
  readonly groups: readonly HamPlusGroup[];
  /** What the last training left. */
  readonly last: Adapter | null;
  /** Sum of the tasks' Fisher information by factor; `null` before the first task and without a penalty. */
  readonly fisher: FisherState;
  /** All similarities so far. */
  readonly observed: Observed;
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  start: z.enum(["group", "sequential", "shared"]).default("group")
    .describe(
      "Start of a task's adapter: what the last training in its group left, or the last of all, or fresh",
    ),
  lambda: z.number().min(0).default(1000)
    .describe("Strength λ of the penalty of online EWC; 0 trains without"),
  gamma: z.number().min(0).max(1).default(1).describe("Decay γ of earlier tasks' Fisher information"),
  samples: z.int().min(1).default(256).describe("Images per task from which the Fisher is estimated"),
  maxGroups: z.int().min(1).default(3).describe("Largest number of groups"),
  margin: z.number().min(-5).max(5).default(0.5)
    .describe("Standard deviations between the mean similarity so far and one that joins"),
  groupRank: z.int().min(1).default(16).describe("Largest rank of a group"),
  feature: z.enum(["layers", "backbone"]).default("layers")
    .describe("What is classified: the class token and patch means of the last layers, or the run's feature"),
  drift: z.enum(driftKinds).default("identity-ridge")
    .describe("How means and covariance follow the deployed adapter"),
  shrinkage: z.number().min(0).max(1).default(0.05)
    .describe("Share of the covariance's own diagonal in the covariance"),
  adapt: z.boolean().default(true)
    .describe("Whether adapters are trained at all; without, the classifier stands on the frozen backbone"),
});
type Options = z.infer<typeof options>;

/** HAM+. */
export const hamPlus: MethodDefinition = defineMethod({
  name: "ham-plus",
  summary: "Groups of a held-back trajectory, averaged, under linear discriminants of several layers",
  source:
    "This project; grouping of arXiv 2509.13211, penalty of arXiv 1805.06370, layers of arXiv 2312.08888",
  family: "hierarchy",
  year: 2026,
  keeps:
    "Adapters and mean features of the groups, the last adapter, and a Fisher information of its shape; its " +
    "own classifier has a mean for each class and one covariance",
  options,
  create: (options) => {
    const policy = policyOf(options);
    return {
      sees: "task",
      ...(!options.adapt && { trains: false as const }),
      init: (kit): HamPlusState => ({
        groups: [],
        last: null,
        fisher: null,
        observed: nothingObserved,
        classifier: policy.init(kit.classes, widthOf(options, kit), kit.rng("classifier")),
      }),
      async learn(state: HamPlusState, task, kit): Promise<HamPlusState> {
        const next = options.adapt ? await adapted(state, task, kit, options) : state;
        const classifier = await finishClassifier(
          kit,
          task,
          state.classifier,
          {},
          readingPass(next, options, kit),
          () => readingPass(state, options, kit),
          policy,
        );
        return { ...next, classifier };
      },
      deploy: (state: HamPlusState, kit) =>
        classifiedPredictor(readingPass(state, options, kit), state.classifier, policy),
      classifierOf: ({ classifier, ...rest }: HamPlusState) => ({ classifier, policy, rest }),
      facts: ({ groups }: HamPlusState) => ({
        groups: groups.length,
        members: groups.map(({ members }) => members),
      }),
    };
  },
});

/** Linear discriminants of statistics alone: the rows that train with the model are not its own. */
function policyOf({ drift, shrinkage }: Options): Classifier {
  return {
    ...lda({ drift, shrinkage, shrinkTarget: "diagonal" }),
    init: (classes, width) => emptyStatistics(classes, width, "shared"),
    trains: () => ({}),
  };
}

/** Numbers of what is classified. */
function widthOf({ feature }: Options, { config }: Pick<Kit, "config">): number {
  return feature === "layers" ? layeredWidth(config) : featureWidth(config);
}

/** The mean of the groups. */
function deployed({ groups }: Pick<HamPlusState, "groups">): Adapter | undefined {
  if (groups.length === 0) return undefined;
  return concat(groups.map(({ adapter }) => adapter), groups.map(() => 1 / groups.length));
}

/** What is classified of an image, under the deployed adapter. */
function readingPass(state: HamPlusState, { feature }: Options, { config }: Pick<Kit, "config">): Pass {
  const adapter = deployed(state);
  if (feature === "backbone") return featurePass(adapter);
  return {
    ...(adapter && { adapter }),
    output: (env) => layeredFeature(config, env.encode(env.rows().images)),
  };
}

/** Steps 1 to 3. */
async function adapted(
  state: HamPlusState,
  task: TaskView,
  kit: Kit,
  options: Options,
): Promise<HamPlusState> {
  const { groups } = state;
  const { maxGroups, margin, groupRank } = options;
  const feature = await meanFeature(task, kit);
  const similarity = featureSimilarities(
    feature,
    groups.map(({ feature }) => feature),
    groups.map(({ members }) => members.length),
  );
  const joined = assignGroup(similarity, relativeThreshold(state.observed, margin, groups.length), maxGroups);
  const group = groups[joined];
  const { adapter, fisher } = await trained(state, group, task, kit, options);

  const members = [...group?.members ?? [], task.index];
  const share = 1 / members.length;
  const next: HamPlusGroup = {
    adapter: compress(
      group ? concat([group.adapter, adapter], [1 - share, share]) : adapter,
      groupRank,
    ),
    last: adapter,
    members,
    feature: meanWith(feature, group?.feature, members.length),
  };
  return {
    ...state,
    groups: groups.toSpliced(joined, 1, next),
    last: adapter,
    fisher,
    observed: groups.length < 2 ? state.observed : observe(state.observed, similarity),
  };
}

/** Step 2: the adapter that training left, and the Fisher information with the task's. */
async function trained(
  { last, fisher }: HamPlusState,
  group: HamPlusGroup | undefined,
  task: TaskView,
  kit: Kit,
  { start, lambda, gamma, samples }: Options,
): Promise<{ readonly adapter: Adapter; readonly fisher: FisherState }> {
  const from = (start === "sequential" ? last : start === "group" ? group?.last : undefined) ??
    independentStart(kit, task.index, "shared");
  const rows = kit.freshClassifier(linear);
  const extraLoss = lambda > 0 ? { extraLoss: penalty(from, fisher, lambda) } : {};
  const { values } = await kit.fit(adapterFit({ start: from, ...extraLoss }, rows, linear, task, kit));
  const found = adapterFromTensors(values, from.scale);
  kit.trained(found);
  const adapter = absorbGain(found, found.scale);
  if (lambda === 0) return { adapter, fisher };
  const head: NamedTensors = Object.fromEntries(Object.keys(rows).map((name) => [name, values[name]!]));
  const estimate = await fisherInformation(kit, task, found, { policy: linear, state: head }, samples);
  return { adapter, fisher: accumulateFisher(found, fisher, gamma, estimate) };
}
