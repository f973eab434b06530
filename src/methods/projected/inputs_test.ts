import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { concat, reshape } from "../../graph/functions.ts";
import { imageTable } from "../../train/table.ts";
import { createTestKit, testTask } from "../test_kit.ts";
import { inputMoments, sharedInputs } from "./inputs.ts";
import { assertClose } from "./test_numbers.ts";

Deno.test("sharedInputs() counts q and v, which read the same tokens, once", () => {
  assert.deepEqual(sharedInputs(createTestKit()).map(({ sites }) => sites), [
    ["0.q", "0.v"],
    ["0.fc1"],
    ["1.q", "1.v"],
    ["1.fc1"],
  ]);
});

Deno.test("inputMoments() are those of every token of every image, and of none that fills a batch up", async () => {
  const kit = createTestKit();
  const task = testTask(0, 5);
  const adapter = kit.freshAdapter("any");
  const moments = await inputMoments(kit, task, adapter);
  const inputs = sharedInputs(kit);
  const { shape, data } = await kit.map({
    output(env) {
      const encoded = env.encode(env.rows().images);
      return concat(
        inputs.map(({ name }) => {
          const x = encoded.input(name);
          return reshape(x, [x.shape[0]!, x.shape[1]! * x.shape[2]!]);
        }),
        1,
      );
    },
  }, imageTable(task.train));
  const [images, width] = shape as [number, number];
  const tokens = width / inputs.reduce((sum, { size }) => sum + size, 0);
  let first = 0;
  for (const { name, size } of inputs) {
    const rows: number[][] = [];
    for (let image = 0; image < images; image++) {
      for (let token = 0; token < tokens; token++) {
        const at = image * width + first + token * size;
        rows.push([...data.subarray(at, at + size)]);
      }
    }
    const x = new Matrix(rows);
    assertClose(moments[name]!.second.to1DArray(), x.transpose().mmul(x).div(rows.length).to1DArray());
    assertClose(moments[name]!.mean.to1DArray(), x.mean("column"));
    first += tokens * size;
  }
});
