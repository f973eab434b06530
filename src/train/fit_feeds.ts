/**
 * What a training's program is fed: the vectors written before the first step, and the rows of every step.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { epochBatches } from "../data/batches.ts";
import type { HostArray } from "../executors/executor.ts";
import type { Program } from "../graph/graph.ts";
import type { Packing } from "../nn/packing.ts";
import type { Optimiser } from "./optimisers/optimiser.ts";
import type { Fit } from "./parts.ts";
import { noiseName, packedRows } from "./step.ts";
import { feedRows } from "./table.ts";

/** Parameters and slots before the first step. */
export function packedStart(optimiser: Optimiser, start: Float32Array): Float32Array {
  const values = new Float32Array(packedRows(optimiser) * start.length);
  values.set(start);
  optimiser.init?.(start).forEach((slot, i) => values.set(slot, (1 + i) * start.length));
  return values;
}

/** One number for every parameter, by the tensor that it is part of. */
export function spread(packing: Packing, value: (name: string) => number): Float32Array {
  const result = new Float32Array(packing.size);
  for (const { name, offset, size } of packing.entries) result.fill(value(name), offset, offset + size);
  return result;
}

/** How long and in which order a training goes over its tables. */
export interface FeedOptions {
  readonly batch: number;
  readonly epochs: number;
  readonly rng: Rng;
  readonly optimiser: Optimiser;
  /** Number of parameters. */
  readonly size: number;
}

/** The feeds of every step, without those of the optimiser's schedule. */
export function* fitFeeds(
  program: Program,
  { tables }: Pick<Fit, "tables">,
  { batch, epochs, rng, optimiser: { noise = 0 }, size }: FeedOptions,
): Generator<Readonly<Record<string, HostArray>>> {
  const others = Object.entries(tables).filter(([name]) => name !== "main");
  const ones = new Float32Array(batch).fill(1);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const rows of epochBatches(tables.main.count, batch, rng.stream(`epoch ${epoch}`))) {
      const feeds = feedRows(program, "main", tables.main, rows);
      for (const [name, table] of others) {
        const draw = rng.stream(`draw ${name} ${step}`);
        const indices = Int32Array.from({ length: batch }, () => draw.integer(table.count));
        Object.assign(feeds, feedRows(program, name, table, { indices, weights: ones }));
      }
      for (let i = 0; i < noise; i++) {
        const draw = rng.stream(`${noiseName(i)} ${step}`);
        feeds[noiseName(i)] = Float32Array.from({ length: size }, () => draw.normal());
      }
      yield feeds;
      step++;
    }
  }
}
