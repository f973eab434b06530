/**
 * Adapter arithmetic that looks at every entry of a factor or of ΔW, and so runs on the run's executor. Each merge
 * says in which space it works. In ΔW space the result is factorised again, because it is no longer of low rank.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import type { HostArray } from "../executors/executor.ts";
import type { ProgramCache } from "../executors/program_cache.ts";
import type { Program } from "../graph/graph.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { commonSites, gainOf, rankOf } from "./delta.ts";
import { factorise } from "./factorise.ts";
import {
  dareProgram,
  gramProgram,
  pruneDeltaProgram,
  pruneProgram,
  type StackSizes,
  tiesProgram,
} from "./programs.ts";
import { balanceFactors } from "./scale.ts";

/** How to prune. */
export interface PruneOptions {
  /** `"factors"`: each A and each B by itself. `"delta"`: the product B A, fitted again at the pair's rank. */
  readonly space: "factors" | "delta";
  /** Whether factors are balanced first; see `balanceFactors`. Without effect on the product. */
  readonly balance: boolean;
}

/** How to merge by TIES. */
export interface TiesOptions {
  /** Fraction of entries kept in each ΔW of each site, in (0, 1]. */
  readonly keep: number;
  /** Factor of the merged update (the paper's λ). */
  readonly scale?: number;
  /** Rank of the result; the largest rank among the adapters if absent. */
  readonly rank?: number;
}

/** How to merge by DARE. */
export interface DareOptions {
  /** Probability that an entry is dropped, in [0, 1). */
  readonly rate: number;
  /** Decides which entries are dropped. */
  readonly seed: number | string;
  /** `"sum"`: weighted sum of what is left. `"ties"`: sign election without trimming; weights enter before it. */
  readonly combine?: "sum" | "ties";
  /** One per adapter; 1 / n if absent for a sum, 1 for TIES. */
  readonly weights?: readonly number[];
  /** Rank of the result; the largest rank among the adapters if absent. */
  readonly rank?: number;
}

/** Room in a program, so that it serves as many adapters, and ranks as large, as will ever come. */
export interface Room {
  /** Adapters. */
  readonly count: number;
  /** Rank of each. */
  readonly rank: number;
}

/** Adapters in, adapter out. Nothing that goes in is changed. */
export interface Merger {
  /**
   * Inner products ⟨ΔWᵢ, ΔWⱼ⟩ of every pair, site by site in the order of the model: tr((BᵢᵀBⱼ)(AⱼAᵢᵀ)), without
   * forming any ΔW. Computed in a program of the given room at least, which changes no value.
   */
  gram(adapters: readonly Adapter[], room?: Room): Promise<number[][][]>;
  /**
   * Pairwise similarity: the cosine of the ΔW, averaged over sites, from -1 to 1. At a site where one ΔW is zero the
   * cosine is 0.
   */
  similarity(adapters: readonly Adapter[]): Promise<number[][]>;
  /**
   * Keeps the fraction `keep` of the entries by magnitude (at least one, more where magnitudes tie) and zeroes the
   * rest. `keep` = 1 returns the adapter as it is.
   */
  prune(adapter: Adapter, keep: number, options: PruneOptions): Promise<Adapter>;
  /**
   * TIES (Yadav et al., arXiv 2306.01708) in ΔW space: trim each ΔW to its largest entries, elect the sign of the
   * sum per entry, average the entries that agree with it. Trimming ranks within a site, not over the whole model.
   */
  ties(adapters: readonly Adapter[], options: TiesOptions): Promise<Adapter>;
  /** DARE (Yu et al., arXiv 2311.03099) in ΔW space: drop entries at random, rescale the rest by 1 / (1 - rate). */
  dare(adapters: readonly Adapter[], options: DareOptions): Promise<Adapter>;
}

class GraphMerger implements Merger {
  readonly #programs: ProgramCache;

  constructor(programs: ProgramCache) {
    this.#programs = programs;
  }

  async gram(adapters: readonly Adapter[], room?: Room): Promise<number[][][]> {
    const stacks = commonSites(adapters).map((site) => stack(adapters, site, room));
    const sizes = stacks.map(({ sizes }) => sizes);
    const feeds = Object.fromEntries(
      stacks.flatMap(({ a, b }, i) => [[`a${i}`, a] as const, [`b${i}`, b] as const]),
    );
    const { gram } = await this.#run(gramProgram(sizes), feeds);
    return sizes.map(({ count }, site) =>
      adapters.map((_, i) => adapters.map((_, j) => gram![(site * count + i) * count + j]!))
    );
  }

  async similarity(adapters: readonly Adapter[]): Promise<number[][]> {
    const grams = await this.gram(adapters);
    return adapters.map((_, i) =>
      adapters.map((_, j) => {
        const cosines = grams.map((gram) => cosine(gram[i]![j]!, gram[i]![i]!, gram[j]![j]!));
        return cosines.reduce((total, value) => total + value, 0) / grams.length;
      })
    );
  }

  async prune(adapter: Adapter, keep: number, { space, balance }: PruneOptions): Promise<Adapter> {
    checkFraction("prune", keep);
    if (keep === 1) return adapter;
    if (space === "factors") {
      return await this.#pruneFactors(balance ? balanceFactors(adapter) : adapter, keep);
    }
    const bare = { ...adapter, scale: 1, importance: 1 };
    const pruned = await this.#mergeDeltas(
      [bare],
      (sizes) => pruneDeltaProgram(sizes, keep),
      (site) => rankOf(adapter.pairs[site]!),
    );
    return { ...pruned, scale: adapter.scale, importance: adapter.importance };
  }

  async ties(adapters: readonly Adapter[], { keep, scale = 1, rank }: TiesOptions): Promise<Adapter> {
    checkFraction("merge by TIES", keep);
    const merged = await this.#mergeDeltas(
      adapters,
      (sizes) => tiesProgram(sizes, keep),
      () => rank,
    );
    return { ...merged, importance: scale };
  }

  async dare(
    adapters: readonly Adapter[],
    { rate, seed, combine = "sum", weights, rank }: DareOptions,
  ): Promise<Adapter> {
    if (!(rate >= 0 && rate < 1)) {
      throw new RangeError(`Cannot merge by DARE: found rate ${rate}, wanted a number in [0, 1)`);
    }
    const given = weights ?? adapters.map(() => combine === "sum" ? 1 / adapters.length : 1);
    if (given.length !== adapters.length) {
      throw new RangeError(
        `Cannot merge by DARE: found ${given.length} weights, wanted one for each of ${adapters.length} adapters`,
      );
    }
    const weighted = adapters.map((adapter, i) => ({
      ...adapter,
      importance: adapter.importance * given[i]!,
    }));
    const rng = createRng(seed, "dare");
    return await this.#mergeDeltas(
      weighted,
      (sizes, site) => {
        const seeds = adapters.map((_, i) => rng.stream(`${site}/${i}`).integer(2 ** 32));
        return dareProgram(sizes, rate, seeds, combine);
      },
      () => rank,
      // Seeds are part of a program: it serves this one merge.
      false,
    );
  }

  /** Runs a program once and reads all its outputs. */
  async #run(
    program: Program,
    feeds: Readonly<Record<string, HostArray>>,
    keep = true,
  ): Promise<Record<string, HostArray>> {
    return await this.#programs.use(
      program,
      ({ executable }) => executable.run(feeds, Object.keys(program.outputs)),
      { keep },
    );
  }

  async #pruneFactors(adapter: Adapter, keep: number): Promise<Adapter> {
    const sites = Object.keys(adapter.pairs);
    const factors = sites.flatMap((site) => [adapter.pairs[site]!.a, adapter.pairs[site]!.b]);
    const shapes = factors.map(({ shape }) => shape);
    const pruned = await this.#run(
      pruneProgram(shapes, keep),
      Object.fromEntries(factors.map(({ data }, i) => [`x${i}`, data])),
    );
    const factor = (i: number) => hostTensor(shapes[i]!, Float32Array.from(pruned[`x${i}`]!));
    const pairs = sites.map((site, i) => [site, { a: factor(2 * i), b: factor(2 * i + 1) }] as const);
    return { ...adapter, pairs: Object.fromEntries(pairs) };
  }

  /** Site by site: ΔW of all adapters through a program, the result factorised. */
  async #mergeDeltas(
    adapters: readonly Adapter[],
    build: (sizes: StackSizes, site: string) => Program,
    rankAt: (site: string) => number | undefined,
    keep = true,
  ): Promise<Adapter> {
    const pairs: Record<string, LoraPair> = {};
    for (const site of commonSites(adapters)) {
      const { sizes, a, b } = stack(adapters, site);
      const { delta } = await this.#run(build(sizes, site), { a, b }, keep);
      pairs[site] = factorise(delta!, sizes.outputs, sizes.inputs, rankAt(site) ?? sizes.rank);
    }
    return { scale: 1, importance: 1, pairs };
  }
}

/** Creates a merger whose programs are kept in a cache. */
export function createMerger(programs: ProgramCache): Merger {
  return new GraphMerger(programs);
}

function checkFraction(action: string, keep: number): void {
  if (!(keep > 0 && keep <= 1)) {
    throw new RangeError(`Cannot ${action}: found keep ${keep}, wanted a number in (0, 1]`);
  }
}

/** The cosine of two vectors of which the inner product and the squared lengths are known; 0 if one has no length. */
export function cosine(product: number, squareX: number, squareY: number): number {
  const norms = Math.sqrt(squareX) * Math.sqrt(squareY);
  return norms > 0 ? Math.min(1, Math.max(-1, product / norms)) : 0;
}

/** The pairs of one site in two arrays, zero-padded to the largest rank and the room; gains go into B. */
function stack(adapters: readonly Adapter[], site: string, room: Room = { count: 1, rank: 1 }): {
  readonly sizes: StackSizes;
  readonly a: Float32Array;
  readonly b: Float32Array;
} {
  const pairs = adapters.map(({ pairs }) => pairs[site]!);
  const count = Math.max(pairs.length, room.count);
  const rank = Math.max(...pairs.map(rankOf), room.rank);
  const inputs = pairs[0]!.a.shape[1]!;
  const outputs = pairs[0]!.b.shape[0]!;
  const a = new Float32Array(count * rank * inputs);
  const b = new Float32Array(count * outputs * rank);
  pairs.forEach((pair, n) => {
    const own = rankOf(pair);
    const gain = gainOf(adapters[n]!);
    a.set(pair.a.data, n * rank * inputs);
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < own; r++) b[(n * outputs + o) * rank + r] = pair.b.data[o * own + r]! * gain;
    }
  });
  return { sizes: { count, rank, inputs, outputs }, a, b };
}
