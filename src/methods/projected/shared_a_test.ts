import assert from "node:assert/strict";
import type { LoraPair } from "../../nn/adapter.ts";
import { composeDelta } from "../../merge/delta.ts";
import { createMethod } from "../mod.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";
import { runMethod, testTask } from "../test_kit.ts";
import { aligned } from "./shared_a.ts";
import { assertClose, growthOf, numbers, tensor } from "./test_numbers.ts";

Deno.test("aligned() is exact over three tasks: each carries the sum of the earlier into its row space", () => {
  let pair: LoraPair | undefined;
  for (const { a, b, operator } of numbers.shared) {
    pair = aligned(pair, { a: tensor(a), b: tensor(b) });
    assert.deepEqual(pair.a.shape, [a.length, a[0]!.length]);
    assertClose(matrixOf(pair.b).mmul(matrixOf(pair.a)).to1DArray(), operator.flat());
  }
});

Deno.test("shared-a's updates add up while A stays, and its state is of one rank all along", async () => {
  const { trained, deployed } = await runMethod(createMethod("shared-a:rateA=0"), {
    tasks: 3,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
  for (const site of Object.keys(deployed!.pairs)) {
    const sum = trained.map((adapter) => composeDelta(adapter, site)).reduce((x, y) =>
      x.map((v, i) => v + y[i]!)
    );
    assertClose(composeDelta(deployed!, site), sum, 1e-5);
    assert.equal(deployed!.pairs[site]!.a.shape[0], 2);
  }
});

Deno.test("shared-a's A goes on from where the last task left it, B from zero", async () => {
  const { trained } = await runMethod(createMethod("shared-a"), {
    tasks: 2,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
  const [first, second] = trained;
  for (const site of Object.keys(first!.pairs)) {
    const move = second!.pairs[site]!.a.data.map((value, i) => value - first!.pairs[site]!.a.data[i]!);
    // At most as many steps of the rate as there were.
    assert.ok(move.some((value) => value !== 0) && move.every((value) => Math.abs(value) < 0.02 * 7));
    assert.ok(growthOf(undefined, second!, site).norm("frobenius") > 0);
  }
});
