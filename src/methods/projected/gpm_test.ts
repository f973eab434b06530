import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import type { Adapter } from "../../nn/adapter.ts";
import { createMethod } from "../mod.ts";
import { runMethod, testTask, tinyConfig, tinyLora } from "../test_kit.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";
import type { GpmState } from "./gpm.ts";
import { inputNames } from "./inputs.ts";
import { dimensionOf, restOf } from "./span.ts";
import { growthOf, shareThrough } from "./test_numbers.ts";

const names = inputNames({ config: tinyConfig, lora: tinyLora });

async function run(spec: string) {
  return await runMethod(createMethod(spec), {
    tasks: 3,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
}

/** For every site of a later task: the projector onto the earlier span, and whether there is anything beside it. */
function* laterSites({ own, trained }: Awaited<ReturnType<typeof run>>) {
  for (const task of [1, 2]) {
    const { spans } = own[task] as GpmState;
    for (const site of Object.keys(trained[task]!.pairs)) {
      const span = spans[names[site]!]!;
      assert.ok(dimensionOf(span) > 0);
      if (dimensionOf(span) === span.size) continue;
      const within = Matrix.sub(Matrix.eye(span.size), restOf(span));
      yield { site, within, before: trained[task - 1]!, after: trained[task]! };
    }
  }
}

function moveOfA(before: Adapter, after: Adapter, site: string): Matrix {
  return Matrix.sub(matrixOf(after.pairs[site]!.a), matrixOf(before.pairs[site]!.a));
}

Deno.test("gpm's updates give nothing for the span of earlier inputs", async () => {
  let count = 0;
  for (const { site, within, after } of laterSites(await run("gpm:threshold=0.6"))) {
    assert.ok(shareThrough(growthOf(undefined, after, site), within) < 1e-5);
    count++;
  }
  assert.ok(count >= 6, `${count}`);
});

Deno.test("gpm with the same branch moves its A beside the span, where naive's moves lie across it", async () => {
  const [same, naive] = [await run("gpm:branch=same,threshold=0.6"), await run("naive")];
  let count = 0;
  for (const { site, within, before, after } of laterSites(same)) {
    assert.ok(shareThrough(moveOfA(before, after, site), within) < 1e-4);
    assert.ok(shareThrough(moveOfA(naive.trained[0]!, naive.trained[1]!, site), within) > 0.1);
    count++;
  }
  assert.ok(count >= 6, `${count}`);
});

Deno.test("gpm, nsp-lora and shared-a are naive at the first task", async () => {
  const options = { tasks: 1, train: "really", taskOf: (index: number) => testTask(index, 6) } as const;
  const wanted = await runMethod(createMethod("naive"), options);
  for (const spec of ["gpm", "gpm:branch=same", "nsp-lora", "shared-a"]) {
    const found = await runMethod(createMethod(spec), options);
    for (const site of Object.keys(wanted.deployed!.pairs)) {
      const difference = growthOf(wanted.deployed!, found.deployed!, site);
      assert.ok(difference.norm("frobenius") < 1e-6, spec);
    }
  }
});
