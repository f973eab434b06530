/**
 * How alike a task and each group are, by what they do to weights, by what they make of images, or by the images alone.
 *
 * - `centred`, `cosine`: of updates ΔW as vectors; see `grouping.ts`.
 * - `subspace`: of the directions that updates write into; see `src/merge/subspace.ts`.
 * - `cka`: linear CKA of how the task's adapter and the group's change the features of the task's images. Of the features
 *   themselves (`cka-features`) it is near 1 for any two adapters, since the frozen backbone is in both.
 * - `features`: of the mean features of the frozen backbone, as vectors and centred. It knows the data and no adapter.
 * - `random`: drawn. What groups are worth that know nothing, through the same thresholds.
 *
 * Only `centred` and `features` are fair to groups of any size. `cosine`, `subspace` and the two `cka` compare a task with
 * a group's mean as it is, and the more members a mean has, the more of it is what all tasks share.
 *
 * @module
 */
import { hostTensor } from "../../core/tensors.ts";
import { commonSites } from "../../merge/delta.ts";
import type { Room } from "../../merge/merger.ts";
import { factorsAt, spectrumOf } from "../../merge/spectrum.ts";
import { subspaceSimilarity } from "../../merge/subspace.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import type { Kit, TaskView } from "../method.ts";
import { centredGram, evenSample, linearCka } from "./cka.ts";
import { similarities } from "./grouping.ts";

/** See the module. */
export const similarityKinds = [
  "centred",
  "cosine",
  "subspace",
  "cka",
  "cka-features",
  "features",
  "random",
] as const;
/** One of them. */
export type SimilarityKind = typeof similarityKinds[number];

/** Images of a task that are looked at, at most. */
const IMAGES = 256;

/** What is compared. */
export interface Compared {
  readonly adapter: Adapter;
  /** Mean feature of the task's images by the frozen backbone [width]; for `features` alone. */
  readonly feature?: Float64Array;
}

/** A group: the mean of its members. */
export interface ComparedGroup extends Compared {
  /** Their number. */
  readonly members: number;
}

/**
 * Similarity of a task to each group, from -1 or 0 to 1.
 *
 * @param room As many adapters, and ranks as large, as there will be
 */
export async function compareToGroups(
  kind: SimilarityKind,
  own: Compared,
  groups: readonly ComparedGroup[],
  task: TaskView,
  kit: Kit,
  room: Room,
): Promise<number[]> {
  if (groups.length === 0) return [];
  const members = groups.map(({ members }) => members);
  switch (kind) {
    case "centred":
    case "cosine": {
      const grams = await kit.merger.gram([own, ...groups].map(({ adapter }) => adapter), room);
      return similarities(grams, members, kind);
    }
    case "subspace":
      return subspaces(own.adapter, groups.map(({ adapter }) => adapter), kit.lora.rank);
    case "cka":
    case "cka-features":
      return await alignments(kind, own, groups, task, kit);
    case "features":
      return featureSimilarities(own.feature!, groups.map(({ feature }) => feature!), members);
    case "random": {
      const rng = kit.rng(`similarity of task ${task.index}`);
      return groups.map(() => rng.uniform());
    }
  }
}

/** φ of the leading left singular vectors, as many as a task has, averaged over sites. */
function subspaces(own: Adapter, groups: readonly Adapter[], rank: number): number[] {
  const sums = groups.map(() => 0);
  const sites = commonSites([own, ...groups]);
  for (const site of sites) {
    const task = spectrumOf(factorsAt(own, site));
    groups.forEach((group, j) =>
      sums[j]! += subspaceSimilarity(task, spectrumOf(factorsAt(group, site)), rank, "left")
    );
  }
  return sums.map((sum) => sum / sites.length);
}

async function alignments(
  kind: "cka" | "cka-features",
  own: Compared,
  groups: readonly Compared[],
  task: TaskView,
  kit: Kit,
): Promise<number[]> {
  const table = sampleOf(task);
  const featuresOf = async (adapter?: Adapter) => await kit.map(featurePass(adapter), table);
  const frozen = kind === "cka" ? await featuresOf() : undefined;
  const gramWith = async ({ adapter }: Compared) => {
    const { shape, data } = await featuresOf(adapter);
    return centredGram(hostTensor(shape, frozen ? data.map((value, i) => value - frozen.data[i]!) : data));
  };
  const gram = await gramWith(own);
  const found: number[] = [];
  for (const group of groups) found.push(linearCka(gram, await gramWith(group)));
  return found;
}

/**
 * Centred cosine of a task's mean feature with those of groups.
 *
 * @param members Numbers of their members
 */
export function featureSimilarities(
  own: Float64Array,
  groups: readonly Float64Array[],
  members: readonly number[],
): number[] {
  return similarities([gramOf([own, ...groups])], members, "centred");
}

/** The mean of so many vectors, from that of all but one and that one. */
export function meanWith(
  added: Float64Array,
  mean: Float64Array | undefined,
  count: number,
): Float64Array {
  return added.map((value, i) => (mean?.[i] ?? 0) * (1 - 1 / count) + value / count);
}

/** Mean feature of a task's images by the frozen backbone [width]. */
export async function meanFeature(task: TaskView, kit: Kit): Promise<Float64Array> {
  const { shape: [count, width], data } = await kit.map(featurePass(undefined), sampleOf(task));
  const mean = new Float64Array(width!);
  data.forEach((value, i) => mean[i % width!]! += value);
  return mean.map((value) => value / count!);
}

function sampleOf({ train }: TaskView): Table {
  return imageTable(train, evenSample(train.labels, IMAGES));
}

/** Inner products of vectors. */
function gramOf(vectors: readonly Float64Array[]): number[][] {
  return vectors.map((x) => vectors.map((y) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)));
}
