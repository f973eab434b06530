import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { composeDelta } from "../../merge/delta.ts";
import { loraSites } from "../../nn/sites.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, runMethod, testTask, tinyConfig, tinyLora } from "../test_kit.ts";
import {
  type BiloraState,
  defaultAlpha,
  defaultCoefficients,
  drawPlaces,
  inverse,
  summed,
  updateOf,
  waveTensors,
} from "./bilora.ts";
import { assertClose, computed, numbers } from "./test_numbers.ts";

const { rows: outputs, columns: inputs, alpha, at, coefficients, update } = numbers.bilora;
const size = { inputs, outputs };
const places = Int32Array.from(at);
const values = Float32Array.from(coefficients);

Deno.test("bilora's update is α times the real part of NumPy's inverse transform, on the host and in the graph", async () => {
  assertClose(inverse({ at: places, values }, size, alpha).data, update.flat());
  const tensors = { ...waveTensors(places, size, alpha), coefficients: hostTensor([at.length], values) };
  const { delta } = await computed(
    tensors,
    (named) => ({ delta: updateOf(named["coefficients"]!, named, size) }),
  );
  assertClose(delta!, update.flat());
});

Deno.test("bilora's defaults are the paper's at the paper's sizes", () => {
  const { paperAlpha, paperCount } = numbers.bilora;
  const paper = { inputs: 768, outputs: 768 };
  assert.equal(defaultCoefficients(paper, 10), paperCount);
  assert.ok(Math.abs(defaultAlpha(paper, paperCount) - paperAlpha) < 1e-9);
  assert.equal(defaultCoefficients({ inputs: 2, outputs: 2 }, 64), 4);
});

Deno.test("drawPlaces() gives different places, ascending, and others for another task", () => {
  const first = drawPlaces(64, 20, createRng(0, "one"));
  assert.equal(new Set(first).size, 20);
  assert.deepEqual([...first], [...first].sort((a, b) => a - b));
  assert.ok(first.every((place) => place >= 0 && place < 64));
  assert.notDeepEqual(first, drawPlaces(64, 20, createRng(0, "two")));
  assert.equal(new Set(drawPlaces(9, 9, createRng(0, "all"))).size, 9);
});

Deno.test("summed() adds where places meet, so that the transform of the sum is the sum of transforms", () => {
  const other = { at: Int32Array.of(at[2]!, 29), values: Float32Array.of(0.5, -2) };
  const both = summed({ at: places, values }, other);
  assert.equal(both.at.length, new Set([...at, 29]).size);
  const wanted = inverse(other, size, alpha).data.map((value, i) => value + update.flat()[i]!);
  assertClose(inverse(both, size, alpha).data, wanted);
  assert.equal(summed(undefined, other).at.length, 2);
});

Deno.test("bilora trains what it deploys: coefficients of its places, the earlier ones folded in", async () => {
  const method = createMethod("bilora:coefficients=5,alpha=40");
  const kit = createTestKit();
  const { own, states } = await runMethod(method, {
    tasks: 3,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
  const { spectra } = own.at(-1) as BiloraState;
  const { adapter } = (await method.deploy(states.at(-1)!, kit)).merged!;
  for (const site of loraSites(tinyConfig, tinyLora.targets)) {
    const { at, values } = spectra[site.name]!;
    assert.ok(at.length > 5 && at.length <= 15);
    assert.ok(values.every((value) => value !== 0));
    assertClose(composeDelta(adapter!, site.name), inverse({ at, values }, site, 40).data);
  }
});
