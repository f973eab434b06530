/**
 * Cases of losses, merges and optimiser steps.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import {
  between,
  coarse,
  given,
  type LeafSpec,
  MANY_ROWS,
  normal,
  type OpCase,
  opCase,
  size,
} from "./case.ts";

/** Labels that the mask never hides: the mask hides classes whose index leaves rest 1 when divided by 3. */
function labels(n: number, classes: number): LeafSpec {
  const visible = Array.from({ length: classes }, (_, i) => i).filter((i) => i % 3 !== 1);
  return { shape: [n], dtype: "i32", draw: (rng) => visible[rng.integer(visible.length)]! };
}

const losses: readonly (readonly [n: number, classes: number])[] = [
  [1, 1],
  [3, 2],
  [5, 7],
  [17, 10],
  [4, 64],
  [33, 65],
  [2, 1000],
];

function lossCases(label: string, logits: LeafSpec, targets: LeafSpec, mask: LeafSpec): readonly OpCase[] {
  const [n, classes] = logits.shape as [number, number];
  const precision = { length: classes, scale: 1 };
  return [
    opCase(
      "crossEntropy",
      label,
      { logits, labels: targets, mask },
      precision,
      ({ logits, labels, mask }) => fn.crossEntropy(logits, labels, mask),
    ),
    opCase(
      "crossEntropyGrad",
      label,
      { logits, labels: targets, mask, dy: normal([n]) },
      precision,
      ({ logits, labels, mask, dy }, graph) => graph.make("crossEntropyGrad", {}, [logits, labels, mask, dy]),
    ),
  ];
}

const allLossCases = [
  ...losses.flatMap(([n, classes]) => [
    ...lossCases(
      `${n} of ${classes}`,
      normal([n, classes], 0, 3),
      labels(n, classes),
      given([classes], [1]),
    ),
    ...lossCases(
      `${n} of ${classes} masked`,
      normal([n, classes], 0, 3),
      labels(n, classes),
      given([classes], [1, 0, 1]),
    ),
  ]),
  ...lossCases("many rows", normal([MANY_ROWS, 3]), labels(MANY_ROWS, 3), given([3], [1, 0, 1])),
  ...lossCases("huge logits", normal([6, 5], 0, 300), labels(6, 5), given([5], [1])),
  ...lossCases(
    "largest logit masked",
    given([2, 4], [1, 500, 2, 0, -1, 80, 3, 2]),
    given([2], [2, 0], "i32"),
    given([4], [1, 0, 1, 1]),
  ),
  ...lossCases("only the label left", normal([3, 4]), given([3], [2], "i32"), given([4], [0, 0, 1, 0])),
];

const thresholds: readonly (readonly [label: string, x: LeafSpec, k: number])[] = [
  ["the only one", normal([1]), 1],
  ["largest", normal([7]), 1],
  ["smallest", normal([7]), 7],
  ["middle of 63", normal([63]), 30],
  ["middle of 64", normal([64]), 32],
  ["middle of 65", normal([65]), 64],
  ["matrix", normal([13, 11]), 40],
  ["three axes", normal([2, 3, 5]), 11],
  ["ties", coarse([50]), 17],
  ["all equal", given([20], [-0.5]), 7],
  ["into the zeros", given([12], [0, 3, 0, -2]), 9],
  ["tiny and huge", given([6], [1e-30, -1e30, 1, -1e-20, 2, 1e20]), 4],
  ["a tenth of a thousand", normal([1000], 0, 0.02), 100],
  ["many", normal([MANY_ROWS]), 6553],
];

const optimised = [1, 3, 7, 64, 65, 1000, 20_000];

/** Rows as outputs of their own, since parameters and moments differ in magnitude. */
function rows(packed: Tensor): Record<string, Tensor> {
  return Object.fromEntries(
    Array.from({ length: packed.shape[0]! }, (_, i) => [`row ${i}`, fn.narrow(packed, 0, i, 1)]),
  );
}

/** Normal parameters and first moments; second moments are not negative. */
function adamState(size: number): LeafSpec {
  const draw: LeafSpec["draw"] = (rng, i) => i < 2 * size ? rng.normal() : 0.1 * rng.uniform();
  return { shape: [3, size], dtype: "f32", draw };
}

function adamwCase(label: string, packed: LeafSpec, hyper: readonly number[], epsilon = 1e-8): OpCase {
  const size = packed.shape[1]!;
  return opCase(
    "adamwStep",
    label,
    { packed, grad: normal([size]), decay: given([size], [0.01, 0]), hyper: given([3], hyper) },
    { length: 1 },
    ({ packed, grad, decay, hyper }) =>
      rows(fn.adamwStep(packed, grad, decay, hyper, { beta1: 0.9, beta2: 0.999, epsilon })),
  );
}

const stacks: readonly Shape[] = [[1, 4], [2, 5], [3, 3, 7], [4, 65], [10, 2, 3, 4], [5], [3, MANY_ROWS]];

const grams: readonly (readonly [n: number, rank: number, inputs: number, outputs: number])[] = [
  [1, 1, 1, 1],
  ...Array.from({ length: 12 }, (_, i) => [3, i + 1, 7, 10] as const),
  [2, 4, 64, 64],
  [5, 3, 65, 33],
  [17, 2, 5, 6],
];

/** Cases by op. */
export const trainingCases = {
  crossEntropy: allLossCases.filter(({ op }) => op === "crossEntropy"),
  crossEntropyGrad: allLossCases.filter(({ op }) => op === "crossEntropyGrad"),
  topKThreshold: thresholds.map(([label, x, k]) =>
    opCase("topKThreshold", label, { x }, "exact", ({ x }) => fn.topKThreshold(x, k))
  ),
  prune: ([[], [1], [7], [5, 65], [2, 3, 4], [MANY_ROWS]] as const).map((shape) =>
    opCase(
      "prune",
      size(shape),
      { x: coarse(shape), threshold: given([], [0.75]) },
      "exact",
      ({ x, threshold }) => fn.prune(x, threshold),
    )
  ).concat([
    opCase(
      "prune",
      "keep the k largest",
      { x: normal([9, 7]) },
      "exact",
      ({ x }) => fn.prune(x, fn.topKThreshold(x, 13)),
    ),
    opCase(
      "prune",
      "keep all",
      { x: coarse([5]), threshold: given([], [0]) },
      "exact",
      ({ x, threshold }) => fn.prune(x, threshold),
    ),
  ]),
  // Coarse values, so that the elected sign does not hang on rounding.
  tiesMerge: stacks.map((shape) =>
    opCase("tiesMerge", size(shape), { stack: coarse(shape) }, "element", ({ stack }) => fn.tiesMerge(stack))
  ).concat([
    opCase(
      "tiesMerge",
      "opposites cancel",
      { stack: given([2, 3], [1, -2, 0, -1, 2, 0]) },
      "exact",
      ({ stack }) => fn.tiesMerge(stack),
    ),
  ]),
  dropRescale: ([[[1], 0.5], [[7], 0], [[5, 65], 0.9], [[2, 3, 4], 0.25], [[MANY_ROWS], 0.99]] as const).map((
    [shape, rate],
    seed,
  ) =>
    opCase(
      "dropRescale",
      `${size(shape)} rate ${rate}`,
      { x: normal(shape) },
      "element",
      ({ x }) => fn.dropRescale(x, rate, seed * 1_000_003),
    )
  ),
  loraGram: grams.map(([n, rank, inputs, outputs]) =>
    opCase(
      "loraGram",
      `${n} of rank ${rank}, ${inputs} to ${outputs}`,
      { a: normal([n, rank, inputs]), b: normal([n, outputs, rank]) },
      { length: inputs + outputs + rank * rank },
      ({ a, b }) => fn.loraGram(a, b),
    )
  ),
  adamwStep: optimised.map((size) =>
    adamwCase(`${size} parameters`, adamState(size), [1e-3, 1 - 0.9 ** 3, 1 - 0.999 ** 3])
  ).concat([
    adamwCase("first step", given([3, 5], [0.5, -1, 2, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [
      0.01,
      0.1,
      0.001,
    ]),
    adamwCase("late step", adamState(9), [0.1, 1, 1], 1e-3),
  ]),
  sgdStep: optimised.flatMap((size) =>
    [0, 0.9].map((momentum) =>
      opCase(
        "sgdStep",
        `${size} parameters momentum ${momentum}`,
        {
          packed: normal([2, size]),
          grad: normal([size]),
          decay: given([size], [0.01, 0]),
          hyper: between([1], 0.05, 0.2),
        },
        { length: 1 },
        ({ packed, grad, decay, hyper }) => rows(fn.sgdStep(packed, grad, decay, hyper, { momentum })),
      )
    )
  ),
} satisfies Record<string, readonly OpCase[]>;
