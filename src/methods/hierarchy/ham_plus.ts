/**
 * HAM+: our own best use of a few adapters. A trajectory of adapters is averaged as it goes on, and the classifier
 * follows it:
 *
 * 1. Training goes on from what the last training left. Its linear rows read the class token and start at the class
 *    means (`meanRows`), so that no step is lost to random ones.
 * 2. A group is the mean of its members, cut to rank `groupRank`: g ← g + s (ΔW - g) / n. Along a trajectory that is the
 *    average of weights of stochastic weight averaging (Izmailov et al., arXiv 1803.05407); its step shrinks with 1 / n,
 *    and with it the drift of what is remembered of earlier classes. s = c / (c + `halfClasses`) for a task of c classes:
 *    telling a few apart moves the features as far as telling many apart does, but not to where others are told
 *    apart, nor in ways that images of a few classes let one foresee.
 * 3. Classify by linear discriminants on the layered feature (`layeredFeature`: class token, and patch means of the last
 *    layers), one covariance for all classes, shrunk towards its diagonal. Means and covariance follow the deployed
 *    adapter by the map `identity-ridge` of `src/classifiers/drift.ts`, fitted to the task's images and views of them.
 *
 * Options bring back what it had before and what did not pay on tuning streams: groups by the images' features
 * (`maxGroups`), of which `ham`'s mean is deployed, and the penalty of online EWC (`lambda`; Schwarz et al., arXiv
 * 1805.06370).
 *
 * The parts are others' and named, but for the step and the views, which are ours as is putting them together. Most of
 * the distance to `ham` is the classifier, which needs no adapter (`adapt=false`); the study takes the parts away one
 * at a time.
 *
 * @module
 */
import { z } from "zod";
import type { Classifier, ClassifierState } from "../../classifiers/classifier.ts";
import { driftKinds } from "../../classifiers/drift.ts";
import { lda } from "../../classifiers/gaussian.ts";
import { emptyStatistics } from "../../classifiers/statistics.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { withViews } from "../../data/views.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { absorbGain } from "../../merge/scale.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { featureWidth, layeredWidth } from "../../nn/config.ts";
import { layeredFeature } from "../../nn/pooled.ts";
import { imageTable } from "../../train/table.ts";
import { adapterFit, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { accumulateFisher, type FisherState, penalty } from "../ewc.ts";
import { fisherInformation } from "../fisher.ts";
import type { Kit, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { meanRows } from "../pieces/mean_rows.ts";
import { tokenPass, tokenRows } from "../pieces/token_rows.ts";
import { independentStart } from "../start.ts";
import { assignGroup, nothingObserved, observe, type Observed, relativeThreshold } from "./grouping.ts";
import { featureSimilarities, meanFeature, meanWith } from "./similarity.ts";

/** A group: the mean of its members, what the last of them left, and what their images look like. */
export type HamPlusGroup = {
  readonly adapter: Adapter;
  readonly last: Adapter;
  readonly members: readonly number[];
  /** Mean over the members of their mean features by the frozen backbone [width]; empty if all tasks are one group. */
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
  start: z.enum(["group", "sequential", "shared"]).default("sequential")
    .describe(
      "Start of a task's adapter: what the last training in its group left, or the last of all, or fresh",
    ),
  rows: z.enum(["means", "fresh"]).default("means")
    .describe("Where the linear rows of a training start: at the class means, or at random"),
  sharpness: z.number().positive().max(10).default(0.05)
    .describe("Scale of logits by the class means; at 1 they are log posteriors"),
  lambda: z.number().min(0).default(0)
    .describe("Strength λ of the penalty of online EWC; 0 trains without"),
  gamma: z.number().min(0).max(1).default(1).describe("Decay γ of earlier tasks' Fisher information"),
  samples: z.int().min(1).default(256).describe("Images per task from which the Fisher is estimated"),
  halfClasses: z.number().min(0).max(1000).default(5)
    .describe("Classes of a task whose step of the mean is half of a whole one; at 0 all steps are whole"),
  maxGroups: z.int().min(1).default(1).describe("Largest number of groups"),
  margin: z.number().min(-5).max(5).default(0.5)
    .describe("Standard deviations between the mean similarity so far and one that joins"),
  groupRank: z.int().min(1).default(16).describe("Largest rank of a group"),
  feature: z.enum(["layers", "backbone"]).default("layers")
    .describe("What is classified: the class token and patch means of the last layers, or the run's feature"),
  drift: z.enum(driftKinds).default("identity-ridge")
    .describe("How means and covariance follow the deployed adapter"),
  views: z.int().min(0).max(10_000).default(200)
    .describe("Images that tell the drift: the task's, and views of them where they are fewer"),
  shrinkage: z.number().min(0).max(1).default(0.05)
    .describe("Share of the covariance's own diagonal in the covariance"),
  adapt: z.boolean().default(true)
    .describe("Whether adapters are trained at all; without, the classifier stands on the frozen backbone"),
});
type Options = z.infer<typeof options>;

/** HAM+. */
export const hamPlus: MethodDefinition = defineMethod({
  name: "ham-plus",
  summary:
    "A trajectory of adapters, averaged by what each task can tell, under discriminants of several layers",
  source:
    "This project; averages of arXiv 1803.05407, layers of arXiv 2312.08888, groups of arXiv 2509.13211",
  family: "hierarchy",
  year: 2026,
  keeps:
    "The mean adapter, the last adapter, and with a penalty a Fisher information of its shape; its own " +
    "classifier has a mean for each class and one covariance",
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
        // Images that suffice are their own evidence, and need not be seen twice.
        const evidence = task.train.count < options.views
          ? withViews(task.train, kit.images, options.views, kit.rng(`views/${task.index}`))
          : undefined;
        const classifier = await finishClassifier(
          kit,
          task,
          state.classifier,
          {},
          readingPass(next, options, kit),
          () => readingPass(state, options, kit),
          policy,
          evidence,
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

/** Steps 1 and 2. */
async function adapted(
  state: HamPlusState,
  task: TaskView,
  kit: Kit,
  options: Options,
): Promise<HamPlusState> {
  const { groups } = state;
  const { groupRank, halfClasses } = options;
  const { joined, feature, observed } = await placed(state, task, kit, options);
  const group = groups[joined];
  const { adapter, fisher } = await trained(state, group, task, kit, options);

  const members = [...group?.members ?? [], task.index];
  const classes = task.classes.length;
  const share = classes / (classes + halfClasses) / members.length;
  const mean = group ? concat([group.adapter, adapter], [1 - share, share]) : adapter;
  const next: HamPlusGroup = {
    adapter: compress(mean, groupRank),
    last: adapter,
    members,
    feature,
  };
  return {
    ...state,
    groups: groups.toSpliced(joined, 1, next),
    last: adapter,
    fisher,
    observed,
  };
}

/** The group that a task joins, the last one if it is new, and what its images then look like. */
async function placed(
  { groups, observed }: HamPlusState,
  task: TaskView,
  kit: Kit,
  { maxGroups, margin }: Options,
): Promise<{ readonly joined: number; readonly feature: Float64Array; readonly observed: Observed }> {
  if (maxGroups === 1) return { joined: 0, feature: new Float64Array(), observed };
  const feature = await meanFeature(task, kit);
  const similarity = featureSimilarities(
    feature,
    groups.map(({ feature }) => feature),
    groups.map(({ members }) => members.length),
  );
  const joined = assignGroup(similarity, relativeThreshold(observed, margin, groups.length), maxGroups);
  const group = groups[joined];
  return {
    joined,
    feature: meanWith(feature, group?.feature, (group?.members.length ?? 0) + 1),
    observed: groups.length < 2 ? observed : observe(observed, similarity),
  };
}

/** Step 1: the adapter that training left, and the Fisher information with the task's. */
async function trained(
  { last, fisher }: HamPlusState,
  group: HamPlusGroup | undefined,
  task: TaskView,
  kit: Kit,
  options: Options,
): Promise<{ readonly adapter: Adapter; readonly fisher: FisherState }> {
  const { start, lambda, gamma, samples } = options;
  const from = (start === "sequential" ? last : start === "group" ? group?.last : undefined) ??
    independentStart(kit, task.index, "shared");
  const policy = tokenRows(kit.config);
  const rows = await firstRows(from, task, kit, options);
  const extraLoss = lambda > 0 ? { extraLoss: penalty(from, fisher, lambda) } : {};
  const { values } = await kit.fit(adapterFit({ start: from, ...extraLoss }, rows, policy, task, kit));
  const found = adapterFromTensors(values, from.scale);
  kit.trained(found);
  const adapter = absorbGain(found, found.scale);
  if (lambda === 0) return { adapter, fisher };
  const head: NamedTensors = Object.fromEntries(Object.keys(rows).map((name) => [name, values[name]!]));
  const estimate = await fisherInformation(kit, task, found, { policy, state: head }, samples);
  return { adapter, fisher: accumulateFisher(found, fisher, gamma, estimate) };
}

/** The linear rows before a training that starts from an adapter. */
async function firstRows(
  from: Adapter,
  { train, classes }: TaskView,
  kit: Kit,
  { rows, sharpness }: Options,
): Promise<NamedTensors> {
  if (rows === "fresh") return kit.freshClassifier(tokenRows(kit.config));
  const features = await kit.map(tokenPass(featurePass(from), kit.config), imageTable(train));
  return meanRows(features, train.labels, classes, kit.classes, sharpness);
}
