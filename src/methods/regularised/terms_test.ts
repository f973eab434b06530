/**
 * The terms that the methods add to the loss, and their gradients, against PyTorch.
 */
import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { adapterToTensors } from "../../nn/adapter.ts";
import { factorName } from "../../nn/sites.ts";
import { CLASSES } from "../test_kit.ts";
import { classMask } from "../adapter_method.ts";
import { updatePenalty } from "./ewc_lora.ts";
import { distil } from "./lwf.ts";
import { overlap } from "./o_lora.ts";
import { assertNear, expected, termAt, wave, waveAdapter } from "./test_waves.ts";
import { pull, type TaskTrace } from "./treelora.ts";
import { tinyConfig, tinyLora } from "../test_kit.ts";

const kit = { config: tinyConfig, lora: tinyLora, classes: CLASSES };
const { "lora.importance": _, ...present } = adapterToTensors(waveAdapter("present"));

function assertSlopes(
  slopes: Readonly<Record<string, ArrayLike<number>>>,
  wanted: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>,
): void {
  for (const [site, [a, b]] of Object.entries(wanted)) {
    assertNear(slopes[factorName(site, "A")]!, a, `A of ${site}`);
    assertNear(slopes[factorName(site, "B")]!, b, `B of ${site}`);
  }
}

Deno.test("lwf's term is the softened cross-entropy over the classes seen, and so is its gradient", async () => {
  const { seen, temperature, lambda, value, gradient } = expected.lwf;
  const shape = [3, CLASSES];
  const term = distil(wave("teacher", shape, 3), seen, lambda, temperature, kit);
  const found = await termAt(term, { logits: wave("student", shape, 3), weights: [1, 1, 0] });
  assertNear([found.value], [value], "value");
  assertNear(found.slopes["logits"]!, gradient, "gradient");
});

Deno.test("lwf's term is nothing where no class was seen, and pulls nowhere where nothing changed", async () => {
  const shape = [3, CLASSES];
  const none = distil(hostTensor(shape), [], 0, 2, kit);
  const first = await termAt(none, { logits: wave("student", shape, 3), weights: [1, 1, 1] });
  assert.equal(first.value, 0);
  assert.ok(first.slopes["logits"]!.every((slope) => slope === 0));
  const same = distil(wave("student", shape, 3), [0, 9], 1, 2, kit);
  const still = await termAt(same, { logits: wave("student", shape, 3), weights: [1, 1, 1] });
  assert.ok(still.slopes["logits"]!.every((slope) => Math.abs(slope) < 1e-12));
});

Deno.test("o-lora's term is λ₁ Σ |A_i Aᵀ| + λ₂ (‖A‖ + ‖B‖), and so is its gradient", async () => {
  const earlier = [waveAdapter("first"), waveAdapter("second")];
  const found = await termAt(overlap(earlier, 0.5, 0.1, kit), { adapter: present });
  assertNear([found.value], [expected.oLora.value], "value");
  assertSlopes(found.slopes, expected.oLora.gradient);
});

Deno.test("o-lora's term has a finite gradient where B is 0, and none without earlier tasks", async () => {
  const fresh = Object.fromEntries(
    Object.entries(present).map((
      [name, tensor],
    ) => [name, name.endsWith("B") ? hostTensor(tensor.shape) : tensor]),
  );
  const found = await termAt(overlap([], 0.5, 0, kit), { adapter: fresh });
  assert.equal(found.value, 0);
  assert.ok(Object.values(found.slopes).every((slope) => slope.every((value) => value === 0)));
});

Deno.test("ewc-lora's term is λ/2 Σ F ∘ (s B A)², and so is its gradient", async () => {
  const information = Object.entries(waveAdapter("present").pairs).map(([site, { a, b }]) =>
    [site, wave(`fisher.${site}`, [b.shape[0]!, a.shape[1]!]).data.map(Math.abs)] as const
  );
  const term = updatePenalty(Object.fromEntries(information), 3, kit);
  const found = await termAt(term, { adapter: present });
  assertNear([found.value], [expected.ewcLora.value], "value");
  assertSlopes(found.slopes, expected.ewcLora.gradient);
});

/** A trace without gradients. */
function traceOf(name: string): TaskTrace {
  const { pairs } = waveAdapter(name);
  const rows = [0, 1].map((block) =>
    Float32Array.from(["q", "v", "fc1"].flatMap((target) => [...pairs[`${block}.${target}`]!.a.data]))
  );
  return { gradients: [], rows };
}

for (const kind of ["distance", "product"] as const) {
  Deno.test(`treelora's term is the ${kind}, as a share of a loss that has no gradient in it`, async () => {
    const term = pull([traceOf("first"), traceOf("second")], [[0.25, 0.75], [1, 0]], kind, 0.25, kit);
    const found = await termAt(term, {
      adapter: present,
      logits: wave("student", [3, CLASSES], 3),
      labels: [6, 7, 6],
      weights: [1, 1, 0],
      mask: classMask([6, 7], kit),
    });
    const { value, gradient } = expected.treelora[kind];
    assertNear([found.value], [value], "value");
    for (const [site, slopes] of Object.entries<readonly number[]>(gradient)) {
      assertNear(found.slopes[factorName(site, "A")]!, slopes, `A of ${site}`);
      assert.ok(found.slopes[factorName(site, "B")]!.every((slope) => slope === 0));
    }
    assert.ok(found.slopes["logits"]!.every((slope) => slope === 0));
  });
}
