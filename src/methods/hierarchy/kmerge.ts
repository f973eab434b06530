/**
 * K-Merge and K-Merge++ (Shenaj et al., arXiv 2510.13537, ACL 2026): at most K stored adapters, each the running mean of
 * the tasks merged into it. The nearest published relative of HAM's groups, without its importance, pruning and final
 * merge.
 *
 * 1. Train the task's adapter, independently of the others.
 * 2. Similarity to each stored adapter: the cosine of ΔW = B A, averaged over sites.
 * 3. K-Merge: take a free place while there is one, else merge into the most similar adapter. K-Merge++: while places
 *    are free, take one only if the similarity to every stored adapter is below a threshold.
 * 4. Merge with weights 1 - 1/n and 1/n, where n counts the members with the new one.
 *    `merge: factors`: on A and on B apart, each with the square roots of the weights, as the authors' code does through
 *    PEFT's linear combination: B A then holds cross terms B_i A_j of different tasks.
 *    `merge: delta`: on ΔW, without them; the rank grows up to `rank`, by truncated SVD from there.
 * 5. Deploy. The paper keeps a map from tasks to adapters and is told the task. Ours: one final merge, the mean of the
 *    stored adapters (`final: groups`) or of all tasks' (`members`).
 *
 * The paper's: steps 1 to 4 with `factors`, K from 1 to 8, and a threshold from the median similarity of an auxiliary set
 * of adapters. Ours: the final merge; and, since no such set belongs to our protocol, the median of the last similarities
 * of the stream itself, unless a number is given. The authors' code lets an empty place win over negative similarities;
 * here only stored adapters are compared. Cosines with merged adapters grow with their members (see `grouping.ts`), so that
 * where tasks have much in common K-Merge++ leaves most places free; that is its rule, and left as it is.
 *
 * @module
 */
import { z } from "zod";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { commonSites, gainOf } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod, type AdapterMethodState } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Method } from "../method.ts";
import { independentStart, independentStartOption } from "../start.ts";
import { assignGroup, similarities } from "./grouping.ts";

/** Similarities of which the threshold is the median. */
const WINDOW = 64;

/** The stored adapters with the tasks in them, and how the last task was assigned. */
export type KMergeState = {
  readonly stored: readonly { readonly adapter: Adapter; readonly members: readonly number[] }[];
  /** Of the last task to the adapters that it found. */
  readonly similarity: readonly number[];
  /** The similarity from which it merged although a place was free; `null` if it never does. */
  readonly threshold: number | null;
  /** The last similarities, at most `WINDOW`; none where no threshold follows from them. */
  readonly observed: Float64Array;
};

const shape = {
  places: z.int().min(1).default(5).describe("Largest number of stored adapters K"),
  merge: z.enum(["factors", "delta"]).default("factors")
    .describe("Whether A and B are merged apart, with cross terms as in the authors' code, or ΔW itself"),
  rank: z.int().min(1).nullable().default(16)
    .describe("Largest rank of an adapter merged by delta; null keeps it exact"),
  final: z.enum(["groups", "members"]).default("groups")
    .describe("Whether the deployed mean counts each stored adapter once or as often as it has members"),
  start: independentStartOption,
};
const options = z.strictObject(shape);
const thresholdOptions = z.strictObject({
  ...shape,
  threshold: z.number().min(-1).max(1).nullable().default(null)
    .describe("Similarity from which a task is merged although a place is free; null is the median so far"),
});

type KMergeOptions = z.infer<typeof options>;

const card = { source: "Shenaj et al., arXiv 2510.13537", family: "hierarchy", year: 2026 } as const;
const adapted = "Deploys the mean of the stored adapters, since no task is known at test";

/** K-Merge. */
export const kmerge: MethodDefinition = defineMethod({
  ...card,
  name: "kmerge",
  summary: "K running means of task adapters; a new task goes to a free place, then to the most similar",
  adapted,
  keeps: "K merged adapters",
  options,
  create: (options) => method(options),
});

/** K-Merge++. */
export const kmergePlus: MethodDefinition = defineMethod({
  ...card,
  name: "kmerge++",
  summary: "K-Merge that keeps places free for tasks unlike all stored adapters",
  adapted: `${adapted}; its threshold comes from the stream, not from other adapters`,
  keeps: "K merged adapters",
  options: thresholdOptions,
  create: (options) => method(options, ({ observed }) => options.threshold ?? median(observed)),
});

function method(
  options: KMergeOptions,
  thresholdOf?: (state: KMergeState) => number | null,
): Omit<Method<AdapterMethodState<KMergeState>>, "name" | "options"> {
  return adapterMethod({
    trains: "task",
    init: (): KMergeState => ({ stored: [], similarity: [], threshold: null, observed: new Float64Array() }),
    begin: (_state: KMergeState, task, kit) => ({ start: independentStart(kit, task.index, options.start) }),
    async end(state: KMergeState, task, { adapter }, kit): Promise<KMergeState> {
      const similarity = await compare(state, adapter, kit, options);
      const threshold = thresholdOf?.(state) ?? null;
      // Without a threshold nothing is similar enough to be merged while a place is free.
      const place = assignGroup(similarity, threshold ?? Infinity, options.places);
      const found = state.stored[place];
      const members = [...(found?.members ?? []), task.index];
      const merged = found ? merge(found.adapter, adapter, members.length, options) : adapter;
      return {
        stored: state.stored.toSpliced(place, 1, { adapter: merged, members }),
        similarity,
        threshold,
        observed: thresholdOf
          ? Float64Array.from([...state.observed, ...similarity].slice(-WINDOW))
          : state.observed,
      };
    },
    deploy({ stored }: KMergeState) {
      if (stored.length === 0) return undefined;
      const total = stored.reduce((sum, { members }) => sum + members.length, 0);
      const weights = stored.map(({ members }) =>
        options.final === "groups" ? 1 / stored.length : members.length / total
      );
      return concat(stored.map(({ adapter }) => adapter), weights);
    },
    facts: ({ stored, similarity, threshold }: KMergeState) => ({
      groups: stored.length,
      members: stored.map(({ members }) => members),
      similarity,
      threshold,
    }),
  });
}

/** Step 2. */
async function compare(
  { stored }: KMergeState,
  adapter: Adapter,
  kit: Kit,
  { places, rank }: KMergeOptions,
): Promise<number[]> {
  if (stored.length === 0) return [];
  const room = { count: places + 1, rank: Math.max(kit.lora.rank, rank ?? 0) };
  const grams = await kit.merger.gram([adapter, ...stored.map(({ adapter }) => adapter)], room);
  return similarities(grams, stored.map(({ members }) => members.length), "cosine");
}

/** Step 4, of an adapter of n - 1 tasks and one more. */
function merge(stored: Adapter, added: Adapter, n: number, { merge, rank }: KMergeOptions): Adapter {
  const weights = [1 - 1 / n, 1 / n];
  return merge === "factors"
    ? addFactors([stored, added], weights)
    : compress(concat([stored, added], weights), rank);
}

/**
 * Σ √(w_i g_i) A_i and Σ √(w_i g_i) B_i, where g is scale · importance: not the adapter of Σ w_i ΔW_i.
 *
 * @throws {RangeError} If ranks differ or a weight is negative
 */
export function addFactors(adapters: readonly Adapter[], weights: readonly number[]): Adapter {
  const roots = adapters.map((adapter, i) => Math.sqrt(gainOf(adapter) * weights[i]!));
  if (roots.some(Number.isNaN)) {
    throw new RangeError(`Cannot add factors: found a negative weight among ${weights}`);
  }
  const sum = (tensors: readonly HostTensor[]) => {
    const { shape } = tensors[0]!;
    if (tensors.some((tensor) => tensor.data.length !== tensors[0]!.data.length)) {
      throw new RangeError(`Cannot add factors: found ${tensors.map(({ shape }) => `[${shape}]`)}`);
    }
    const value = (k: number) => tensors.reduce((total, { data }, i) => total + roots[i]! * data[k]!, 0);
    return hostTensor(shape, Float32Array.from(tensors[0]!.data, (_, k) => value(k)));
  };
  const pairs = commonSites(adapters).map((site) => {
    const found = adapters.map(({ pairs }) => pairs[site]!);
    return [site, { a: sum(found.map(({ a }) => a)), b: sum(found.map(({ b }) => b)) }] as const;
  });
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

function median(values: Float64Array): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
