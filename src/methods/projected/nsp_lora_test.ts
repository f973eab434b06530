import { Matrix } from "ml-matrix";
import type { NamedTensors } from "../../core/tensors.ts";
import { factorName } from "../../nn/sites.ts";
import type { Kit } from "../method.ts";
import { createMethod } from "../mod.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";
import { createTestKit, testTask, tinyConfig, tinyLora } from "../test_kit.ts";
import { inputMoments, inputNames } from "./inputs.ts";
import { type NspState, projectorOf } from "./nsp_lora.ts";
import { assertClose, growthOf, numbers } from "./test_numbers.ts";

const second = new Matrix(numbers.nsp.second);

Deno.test("projectorOf() damps directions by their energy, or leaves the strong ones out", () => {
  const soft = (temperature: number, power: number) =>
    projectorOf(second, { projection: "soft", temperature, power }).to1DArray();
  const hard = (epsilon: number) => projectorOf(second, { projection: "hard", epsilon }).to1DArray();
  assertClose(soft(1, 1), numbers.nsp.soft.flat());
  assertClose(soft(5, 2), numbers.nsp.strong.flat());
  assertClose(hard(0.05), numbers.nsp.hard.flat());
  assertClose(hard(0.3), numbers.nsp.harder.flat());
});

Deno.test("nsp-lora adds B A P, and keeps decayed second moments", async () => {
  const method = createMethod("nsp-lora:temperature=2,decay=0.5");
  let values: NamedTensors = {};
  const kitOf = (task: number): Kit => {
    const kit = createTestKit({ task });
    return {
      ...kit,
      async fit(spec) {
        const fitted = await kit.fit(spec);
        values = fitted.values;
        return fitted;
      },
    };
  };
  const rule = { projection: "soft", temperature: 2, power: 1 } as const;
  const names = inputNames({ config: tinyConfig, lora: tinyLora });
  let state = method.init(kitOf(0));
  for (let task = 0; task < 3; task++) {
    const before = (await own(method, state, kitOf(task))) as NspState;
    const old = task === 0 ? undefined : (await method.deploy(state, kitOf(task))).merged?.adapter;
    state = await method.learn(state, testTask(task, 6), kitOf(task));
    const { adapter } = (await method.deploy(state, kitOf(task))).merged!;
    for (const site of Object.keys(adapter!.pairs)) {
      const [a, b] = (["A", "B"] as const).map((factor) => matrixOf(values[factorName(site, factor)]!));
      const moments = before.moments?.[names[site]!];
      const p = moments ? projectorOf(matrixOf(moments), rule) : Matrix.eye(a!.columns);
      const wanted = b!.mmul(a!).mmul(p).mul(tinyLora.scale);
      assertClose(growthOf(old, adapter!, site).to1DArray(), wanted.to1DArray(), 1e-5);
    }
    const after = (await own(method, state, kitOf(task))) as NspState;
    const fresh = await inputMoments(kitOf(task), testTask(task, 6), adapter!);
    for (const [name, { data }] of Object.entries(after.moments!)) {
      const seen = fresh[name]!.second.to1DArray();
      assertClose(data, seen.map((value, i) => value + 0.5 * (before.moments?.[name]?.data[i] ?? 0)));
    }
  }
});

async function own(method: ReturnType<typeof createMethod>, state: unknown, kit: Kit) {
  return await method.classifierOf!(state as never, kit).rest;
}
