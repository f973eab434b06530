import assert from "node:assert/strict";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { createRng } from "../core/rng.ts";
import { gradients } from "../graph/autodiff.ts";
import { crossEntropy, sum } from "../graph/functions.ts";
import { mapPairs } from "../merge/delta.ts";
import { adapterToTensors, createAdapter } from "../nn/adapter.ts";
import { classifiers } from "../classifiers/mod.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { parseFactor } from "../nn/sites.ts";
import { imageTable } from "../train/table.ts";
import { classMask } from "./adapter_method.ts";
import { fisherInformation } from "./fisher.ts";
import { createTestKit, testTask, tinyConfig, tinyLora } from "./test_kit.ts";

const fresh = createAdapter(tinyConfig, tinyLora, createRng(0, "adapter"));
const noise = createRng(0, "b");
const adapter = {
  ...mapPairs(fresh, ({ a, b }) => ({ a, b: hostTensor(b.shape, b.data.map(() => 0.3 * noise.normal())) })),
  importance: 1.5,
};
const task = testTask(1, 7);

/** Gradients of one image's loss at a time, squared and averaged. */
async function oneByOne(kit: ReturnType<typeof createTestKit>, state: NamedTensors, rows: readonly number[]) {
  const tensors = adapterToTensors(adapter);
  const names = Object.keys(tensors).filter((name) => parseFactor(name));
  const totals = new Map(names.map((name) => [name, new Float64Array(tensors[name]!.data.length)]));
  for (const row of rows) {
    const slopes = await kit.sum({
      fixed: { ...tensors, ...state, mask: classMask(task.classes, kit) },
      terms({ fixed, rows, encode }) {
        const { images, labels } = rows();
        const { feature } = encode(images, { branches: [branchFromTensors(fixed, adapter.scale)] });
        const loss = sum(crossEntropy(kit.classifier.logits(feature, fixed), labels, fixed["mask"]!));
        const found = gradients(loss, names.map((name) => fixed[name]!));
        return Object.fromEntries(names.map((name, i) => [name, found[i]!]));
      },
    }, imageTable(task.train, [row]));
    for (const [name, total] of totals) {
      slopes[name]!.data.forEach((slope, i) => total[i]! += slope ** 2 / rows.length);
    }
  }
  return totals;
}

for (const policy of [classifiers.linear, classifiers.cosine]) {
  Deno.test(`fisherInformation() of a batch is that of image after image (${policy.kind})`, async () => {
    const kit = createTestKit({ classifier: policy });
    const state = kit.freshClassifier();
    const found = await fisherInformation(kit, task, adapter, { policy, state }, 7);
    const wanted = await oneByOne(kit, state, [0, 1, 2, 3, 4, 5, 6]);
    assert.deepEqual(Object.keys(found), [...wanted.keys()]);
    for (const [name, values] of wanted) {
      const largest = Math.max(...values);
      assert.ok(largest > 0, name);
      found[name]!.data.forEach((value, i) =>
        assert.ok(Math.abs(value - values[i]!) <= 1e-6 * largest, name)
      );
    }
  });
}

Deno.test("fisherInformation() takes at most the samples asked for, drawn by the seed", async () => {
  const of = async (seed: number, samples: number) => {
    const kit = createTestKit({ seed });
    const head = { policy: classifiers.linear, state: createTestKit().freshClassifier() };
    return (await fisherInformation(kit, task, adapter, head, samples))["lora.0.q.B"]!.data;
  };
  assert.deepEqual(await of(0, 3), await of(0, 3));
  assert.notDeepEqual(await of(0, 3), await of(1, 3));
  const [all, more] = [await of(0, 7), await of(0, 100)];
  assert.deepEqual(all, more);
});
