import assert from "node:assert/strict";
import { add, broadcast, concat, neg, reshape, slice, transpose } from "../../../../graph/functions.ts";
import { trace } from "../../../../graph/graph.ts";
import { normal, opCase } from "../../../cases/case.ts";
import { caseTests, kernelTests } from "../../testing.ts";
import { copyDispatch, whole } from "./copy.ts";

kernelTests(["transpose", "slice", "pad", "concat", "broadcast", "reshape"]);

const permutations = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/** Sizes that move in fours. */
caseTests([
  ...permutations.map((perm) =>
    opCase(
      "transpose",
      `8x4x12 by ${perm}`,
      { x: normal([8, 4, 12]) },
      "exact",
      ({ x }) => transpose(x, perm),
    )
  ),
  opCase(
    "transpose",
    "2x12x3x8 by 0321",
    { x: normal([2, 12, 3, 8]) },
    "exact",
    ({ x }) => transpose(x, [0, 3, 2, 1]),
  ),
  opCase(
    "slice",
    "16x16 from 4,8 take 8,4",
    { x: normal([16, 16]) },
    "exact",
    ({ x }) => slice(x, [4, 8], [8, 4]),
  ),
  opCase(
    "slice",
    "of a transpose",
    { x: normal([16, 16]) },
    "exact",
    ({ x }) => slice(transpose(x, [1, 0]), [4, 8], [8, 4]),
  ),
  opCase(
    "concat",
    "axis 1 in fours",
    { x: normal([3, 4]), z: normal([3, 8]) },
    "exact",
    ({ x, z }) => concat([x, z], 1),
  ),
  opCase(
    "broadcast",
    "4x1x8 to 4x3x8",
    { x: normal([4, 1, 8]) },
    "exact",
    ({ x }) => broadcast(x, [4, 3, 8]),
  ),
]);

/** More operands than a dispatch binds, in fours and not, with rows and without. */
caseTests([[1, 0], [1, 1], [4, 0], [4, 1]].map(([unit, axis]) => {
  const shapes = Array.from(
    { length: 14 },
    (_, i) => axis === 0 ? [unit! * (i % 3 + 1)] : [3, unit! * (i % 4 + 1)],
  );
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, normal(shape)]));
  return opCase(
    "concat",
    `axis ${axis} of 14 in units of ${unit}`,
    inputs,
    "exact",
    (leaves) => concat(Object.values(leaves), axis),
  );
}));

/** Parts of their operand's memory. */
caseTests([
  opCase(
    "slice",
    "a view of an input",
    { x: normal([3, 64]) },
    "exact",
    ({ x }) => slice(x, [1, 0], [2, 64]),
  ),
  opCase("slice", "a view of a state", {}, "exact", ({ s }) => slice(s, [1, 0, 0], [1, 3, 32]), {
    s: normal([2, 4, 32]),
  }),
  opCase(
    "slice",
    "a view of a constant",
    {},
    "exact",
    (_, graph) => slice(graph.constant(Array.from({ length: 130 }, (_, i) => i), [130]), [128], [2]),
  ),
  opCase("slice", "views of a value, read and moved on", { x: normal([256]) }, "element", ({ x }) => {
    const y = neg(x);
    const [first, second] = [slice(y, [64], [63]), slice(y, [128], [63])];
    return { sum: add(first, second), inner: slice(reshape(slice(y, [64], [128]), [2, 64]), [1, 0], [1, 5]) };
  }),
]);

Deno.test("copyDispatch() moves fours where both ends allow it", () => {
  const program = trace((graph) => graph.output("y", graph.input("x", [8, 12])));
  const x = program.outputs.y!;
  const entry = (strides: readonly number[], base = 0) =>
    copyDispatch("test", [8, 12], { tensor: x, base, strides }, whole(x)).entryPoint;
  assert.equal(entry([12, 1]), "copy4");
  assert.equal(entry([12, 1], 4), "copy4");
  assert.equal(entry([12, 1], 2), "copy1");
  assert.equal(entry([1, 8]), "block4");
  assert.equal(entry([1, 10]), "copy1");
  assert.equal(entry([12, 0]), "copy1");
});
