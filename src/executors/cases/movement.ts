/**
 * Cases of ops that move values.
 *
 * @module
 */
import { type Shape } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import { coarse, given, integers, MANY_ROWS, normal, type OpCase, opCase, size } from "./case.ts";

const permutations: readonly (readonly [Shape, readonly number[]])[] = [
  ...[[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map((perm) => [[2, 3, 5], perm] as const),
  [[1, 7], [1, 0]],
  [[64, 64], [1, 0]],
  [[33, 65], [1, 0]],
  [[2, 3, 4, 5], [0, 2, 1, 3]],
  [[2, 3, 4, 5], [3, 1, 0, 2]],
  [[2, 5, 3, 2, 7], [2, 0, 3, 1, 4]],
  [[2, 1, 3, 1, 4], [4, 3, 2, 1, 0]],
  [[MANY_ROWS, 2], [1, 0]],
];

const parts: readonly (readonly [Shape, starts: readonly number[], sizes: readonly number[]])[] = [
  [[7], [2], [3]],
  [[7], [6], [1]],
  [[4, 6], [0, 2], [4, 3]],
  [[4, 6], [1, 0], [2, 6]],
  [[5, 65], [3, 1], [2, 64]],
  [[2, 3, 4], [1, 1, 1], [1, 2, 3]],
  [[3, 2, 5, 4], [1, 0, 2, 0], [2, 2, 2, 4]],
  [[2, 3, 2, 3, 4], [1, 0, 1, 1, 1], [1, 2, 1, 2, 2]],
  [[MANY_ROWS + 2, 2], [1, 0], [MANY_ROWS, 2]],
];

const pads: readonly (readonly [Shape, before: readonly number[], after: readonly number[]])[] = [
  [[1], [1], [0]],
  [[5], [0], [3]],
  [[5], [2], [4]],
  [[3, 4], [0, 1], [2, 0]],
  [[2, 63], [1, 0], [1, 1]],
  [[2, 3, 4], [1, 0, 2], [0, 3, 1]],
  [[2, 1, 3, 2], [0, 1, 0, 2], [1, 0, 0, 1]],
  [[1, 2, 1, 2, 3], [1, 0, 1, 1, 0], [0, 0, 2, 0, 1]],
];

const concats: readonly (readonly [axis: number, readonly Shape[]])[] = [
  [0, [[3], [1]]],
  [0, [[2, 5], [1, 5], [4, 5]]],
  [1, [[3, 2], [3, 65], [3, 1]]],
  [1, [[2, 1, 4], [2, 3, 4]]],
  [2, [[2, 3, 4], [2, 3, 1], [2, 3, 7]]],
  [3, [[1, 2, 1, 3], [1, 2, 1, 2]]],
  [2, [[2, 1, 2, 3, 2], [2, 1, 1, 3, 2]]],
  [0, Array.from({ length: 13 }, (_, i) => [i % 3 + 1, 2])],
  [1, Array.from({ length: 11 }, (_, i) => [3, i % 4 + 1])],
  [0, [[MANY_ROWS, 2], [2, 2]]],
];

const stretches: readonly (readonly [Shape, Shape])[] = [
  [[], [1]],
  [[], [3, 4]],
  [[1], [65]],
  [[1, 4], [3, 4]],
  [[3, 1], [3, 5]],
  [[4], [2, 3, 4]],
  [[2, 1, 3, 1], [2, 4, 3, 5]],
  [[3, 1, 2], [2, 1, 3, 4, 2]],
  [[1, 3], [MANY_ROWS, 3]],
];

const lookups: readonly (readonly [table: Shape, at: Shape])[] = [
  [[7], [5]],
  [[1, 3], [4]],
  [[7, 3], [1]],
  [[7, 3], []],
  [[7, 4], [9]],
  [[5, 65], [2, 3]],
  [[5, 2, 3], [4]],
  [[4, 2, 1, 3], [2, 1, 2]],
  [[3, 2], [MANY_ROWS]],
];

const scatters: readonly (readonly [updates: Shape, rows: number])[] = [
  [[1], 1],
  [[5], 3],
  [[7, 3], 4],
  [[3, 65], 10],
  [[64, 4], 1],
  [[9, 2, 3], 4],
  [[1000, 5], 3],
  [[2, 3], MANY_ROWS],
];

/** Cases by op. */
export const movementCases = {
  reshape: ([[[6], [2, 3]], [[2, 3, 4], [4, 6]], [[1], []], [[], [1, 1]], [[5, 7], [35]]] as const).map(
    ([from, to]) =>
      opCase(
        "reshape",
        `${size(from)} to ${size(to)}`,
        { x: normal(from) },
        "exact",
        ({ x }) => fn.reshape(x, to),
      ),
  ).concat([
    opCase("reshape", "i32", { x: integers([4, 3], 99) }, "exact", ({ x }) => fn.reshape(x, [2, 6])),
    opCase(
      "reshape",
      "between other ops",
      { x: coarse([2, 3, 4]) },
      "element",
      ({ x }) => fn.mul(fn.reshape(fn.transpose(fn.add(x, 1), [2, 0, 1]), [8, 3]), 2),
    ),
  ]),
  transpose: permutations.map(([shape, perm]) =>
    opCase(
      "transpose",
      `${size(shape)} by ${perm.join("")}`,
      { x: normal(shape) },
      "exact",
      ({ x }) => fn.transpose(x, perm),
    )
  ),
  slice: parts.map(([shape, starts, sizes]) =>
    opCase(
      "slice",
      `${size(shape)} from ${starts} take ${sizes}`,
      { x: normal(shape) },
      "exact",
      ({ x }) => fn.slice(x, starts, sizes),
    )
  ).concat([
    opCase("slice", "i32", { x: integers([5, 4], 99) }, "exact", ({ x }) => fn.slice(x, [1, 2], [3, 2])),
  ]),
  pad: pads.map(([shape, before, after]) =>
    opCase(
      "pad",
      `${size(shape)} by ${before} and ${after}`,
      { x: normal(shape) },
      "exact",
      ({ x }) => fn.pad(x, before, after),
    )
  ),
  concat: concats.map(([axis, shapes]) =>
    opCase(
      "concat",
      `axis ${axis} of ${shapes.length}: ${size(shapes[0]!)} ${size(shapes[1]!)}`,
      Object.fromEntries(shapes.map((shape, i) => [`x${i}`, normal(shape)])),
      "exact",
      (leaves) => fn.concat(shapes.map((_, i) => leaves[`x${i}`]!), axis),
    )
  ).concat([
    opCase("concat", "a tensor with itself", { x: normal([2, 3]) }, "exact", ({ x }) => fn.concat([x, x], 1)),
    opCase(
      "concat",
      "i32",
      { a: integers([2, 3], 9), b: integers([1, 3], 9) },
      "exact",
      ({ a, b }) => fn.concat([a, b]),
    ),
  ]),
  broadcast: stretches.map(([from, to]) =>
    opCase(
      "broadcast",
      `${size(from)} to ${size(to)}`,
      { x: normal(from) },
      "exact",
      ({ x }) => fn.broadcast(x, to),
    )
  ),
  gather: lookups.map(([table, at]) =>
    opCase(
      "gather",
      `${size(table)} at ${size(at)}`,
      { table: normal(table), index: integers(at, table[0]!) },
      "exact",
      ({ table, index }) => fn.gather(table, index),
    )
  ).concat([
    opCase("gather", "i32 table", { table: integers([6, 2], 99), index: integers([5], 6) }, "exact", ({
      table,
      index,
    }) => fn.gather(table, index)),
    opCase(
      "gather",
      "first and last row",
      { table: normal([5, 3]), index: given([3], [4, 0, 4], "i32") },
      "exact",
      ({
        table,
        index,
      }) => fn.gather(table, index),
    ),
  ]),
  scatterAdd: scatters.map(([updates, rows]) =>
    opCase(
      "scatterAdd",
      `${size(updates)} to ${rows} rows`,
      { updates: normal(updates), index: integers(updates.slice(0, 1), rows) },
      { length: updates[0]! / rows },
      ({ updates, index }) => fn.scatterAdd(updates, index, rows),
    )
  ).concat([
    opCase(
      "scatterAdd",
      "one row again and again",
      { updates: normal([130, 3]), index: given([130], [2], "i32") },
      { length: 130 },
      ({ updates, index }) => fn.scatterAdd(updates, index, 4),
    ),
    opCase(
      "scatterAdd",
      "many updates",
      { updates: coarse([MANY_ROWS, 2]), index: integers([MANY_ROWS], 50) },
      { length: MANY_ROWS / 50 },
      ({ updates, index }) => fn.scatterAdd(updates, index, 50),
    ),
  ]),
  oneHot: ([[[], 3], [[1], 1], [[5], 3], [[2, 3], 4], [[3], 65], [[2, 1, 3], 5], [[MANY_ROWS], 3]] as const)
    .map((
      [at, depth],
    ) =>
      opCase(
        "oneHot",
        `${size(at)} of ${depth}`,
        { index: integers(at, depth) },
        "exact",
        ({ index }) => fn.oneHot(index, depth),
      )
    ),
} satisfies Record<string, readonly OpCase[]>;
