/**
 * Tables and how their rows reach a program. A method hands over images and further columns; the engine declares an
 * input for each that a graph asks for, and copies the rows of a batch into it.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import type { HostTensor } from "../core/tensors.ts";
import type { Batch } from "../data/batches.ts";
import type { Split } from "../data/dataset.ts";
import type { Preprocessing } from "../data/preprocess.ts";
import type { HostArray } from "../executors/executor.ts";
import { fromBytes } from "../graph/functions.ts";
import type { Graph, Program } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { normalisePixels } from "../nn/pixels.ts";

/** Tensors of a graph by name. */
export type Named = Readonly<Record<string, Tensor>>;

/** Rows: images with their labels, or any other values that belong to one another. */
export interface Table {
  /** Number of rows. */
  readonly count: number;
  /** Give the columns `images` and `labels`. */
  readonly images?: Split;
  /** The image of each row; row i has image i without it. */
  readonly at?: ArrayLike<number>;
  /** Values of each row: a tensor [count, …], or one integer a row. */
  readonly columns?: Readonly<Record<string, HostTensor | Int32Array>>;
}

/** A table of a split's images, or of some of them. */
export function imageTable(images: Split, at?: ArrayLike<number>): Table {
  return { count: at?.length ?? images.count, images, ...(at && { at }) };
}

/** The columns of a batch, declared in a graph when they are asked for. */
export type Columns = Named & {
  /** Normalised for the backbone: [batch, channels, size, size]. */
  readonly images: Tensor;
  /** i32 [batch] */
  readonly labels: Tensor;
  /** [batch]: 1, or 0 for a row that only fills the batch up. */
  readonly weights: Tensor;
};

function inputName(table: string, column: string): string {
  return `${table}.${column}`;
}

/** Checks that a table's parts belong together. */
export function checkTable(name: string, { count, images, at, columns = {} }: Table): void {
  const fail = (found: string) => {
    throw new RangeError(`Cannot use table "${name}": found ${found}, wanted ${count} rows`);
  };
  if (images && at === undefined && images.count !== count) fail(`${images.count} images`);
  if (at && at.length !== count) fail(`${at.length} image numbers`);
  for (const [column, values] of Object.entries(columns)) {
    const rows = values instanceof Int32Array ? values.length : values.shape[0];
    if (rows !== count) fail(`${rows} in column "${column}"`);
  }
}

/** The columns of a table's batch. Only those that are read become inputs. */
export function declareColumns(
  graph: Graph,
  name: string,
  table: Table,
  batch: number,
  preprocessing: Preprocessing,
): Columns {
  const made: Record<string, Tensor> = {};
  const { channels, height, width } = preprocessing;
  const declare = (column: string): Tensor => {
    const input = inputName(name, column);
    switch (column) {
      case "images":
        return normalisePixels(
          graph,
          fromBytes(graph.input(input, [batch, channels, height, width], "u8")),
          preprocessing,
        );
      case "labels":
        return graph.input(input, [batch], "i32");
      case "weights":
        return graph.input(input, [batch]);
    }
    const values = table.columns![column]!;
    return values instanceof Int32Array
      ? graph.input(input, [batch], "i32")
      : graph.input(input, [batch, ...values.shape.slice(1)]);
  };
  const known = [
    "weights",
    ...(table.images ? ["images", "labels"] : []),
    ...Object.keys(table.columns ?? {}),
  ];
  const columns = {};
  for (const column of known) {
    Object.defineProperty(columns, column, { enumerable: true, get: () => made[column] ??= declare(column) });
  }
  return columns as Columns;
}

/** What a program's inputs get for a batch of a table's rows. */
export function feedRows(
  program: Program,
  name: string,
  { images, at, columns = {} }: Table,
  { indices, weights }: Batch,
): Record<string, HostArray> {
  const feeds: Record<string, HostArray> = {};
  const put = (column: string, make: () => HostArray) => {
    const input = inputName(name, column);
    if (Object.hasOwn(program.inputs, input)) feeds[input] = make();
  };
  const imageOf = (row: number) => at ? at[row]! : row;
  if (images) {
    put("images", () => {
      const size = sizeOf(program.inputs[inputName(name, "images")]!.shape) / indices.length;
      const bytes = new Uint8Array(indices.length * size);
      indices.forEach((row, i) => {
        const first = imageOf(row) * size;
        bytes.set(images.images.subarray(first, first + size), i * size);
      });
      return bytes;
    });
    put("labels", () => Int32Array.from(indices, (row) => images.labels[imageOf(row)]!));
  }
  put("weights", () => weights);
  for (const [column, values] of Object.entries(columns)) {
    put(column, () => {
      if (values instanceof Int32Array) return Int32Array.from(indices, (row) => values[row]!);
      const size = sizeOf(values.shape.slice(1));
      const rows = new Float32Array(indices.length * size);
      indices.forEach((row, i) => rows.set(values.data.subarray(row * size, (row + 1) * size), i * size));
      return rows;
    });
  }
  return feeds;
}
