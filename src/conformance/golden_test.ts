import assert from "node:assert/strict";
import { BackendUnavailableError, InputError } from "../core/errors.ts";
import type { Executor } from "../executors/executor.ts";
import { type BackendChoice, createExecutor } from "../executors/select.ts";
import { readSafetensors, writeSafetensors } from "../formats/files/safetensors.ts";
import { checkGolden } from "./golden.ts";
import { loadGoldenCase, parseGoldenCase } from "./golden_case.ts";

const own = new URL("../../fixtures/golden/", import.meta.url).pathname;
const shared = new URL("../../../shared/golden/", import.meta.url).pathname;

function casesIn(folder: string): string[] {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return names.filter((name) => name.endsWith(".safetensors")).sort().map((name) => folder + name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return [];
  }
}

if (casesIn(shared).length === 0) console.log("The independent golden cases are skipped: no shared folder.");

/** Storing float64 results as float32 costs 6e-8. */
const tolerances: readonly (readonly [BackendChoice, number])[] = [
  ["reference", 2e-7],
  ["onnx-node", 1e-4],
  ["onnx-web", 1e-4],
  ["webgpu", 1e-4],
];

for (const [backend, tolerance] of tolerances) {
  Deno.test(`checkGolden() finds no error above ${tolerance} on ${backend}`, async (context) => {
    let executor: Executor;
    try {
      ({ executor } = await createExecutor(backend));
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
      console.log(`Not run: ${error.message}.`);
      return;
    }
    try {
      for (const path of [...casesIn(own), ...casesIn(shared)]) {
        await context.step(path.replace(/^.*\//, ""), async () => {
          const golden = await loadGoldenCase(path);
          const errors = await checkGolden(golden, executor);
          assert.equal(errors.length, Object.keys(golden.expected).length);
          assert.deepEqual(errors.filter(({ relative }) => !(relative <= tolerance)), []);
        });
      }
    } finally {
      await executor.dispose();
    }
  });
}

Deno.test("checkGolden() notices one wrong value, and a value that is not finite", async () => {
  const golden = await loadGoldenCase(`${own}lora_vit_tiny.safetensors`);
  const { executor } = await createExecutor("reference");
  const wrong = (name: string, value: number) => {
    const { shape, data } = golden.expected[name]!;
    const changed = data.slice();
    changed[1] = value;
    return { ...golden, expected: { [name]: { shape, data: changed } } };
  };
  const [gradient] = await checkGolden(wrong("grad/lora.1.k.B", 3), executor);
  assert.ok(gradient!.relative > 0.5);
  const [trained] = await checkGolden(wrong("adamw/head.weight", 3), executor);
  assert.ok(trained!.relative > 0.5);
  const broken = { ...golden, parameters: { ...golden.parameters } };
  broken.parameters["head.bias"] = { shape: [5], data: new Float32Array(5).fill(NaN) };
  const errors = await checkGolden({ ...broken, expected: { logits: golden.expected["logits"]! } }, executor);
  assert.equal(errors[0]!.relative, Infinity);
});

Deno.test("parseGoldenCase() names what does not fit", async () => {
  const content = readSafetensors(await Deno.readFile(`${own}lora_vit_tiny.safetensors`));
  const { tensors, metadata, integers } = content;
  const parse = (change: Partial<typeof content>) =>
    parseGoldenCase(writeSafetensors({ ...content, ...change }), "x.safetensors");
  const fails = (change: Partial<typeof content>, message: RegExp) =>
    assert.throws(() => parse(change), (error) => error instanceof InputError && message.test(error.message));
  assert.equal(parse({}).config.activation, "gelu-tanh");
  const { heads: _, ...without } = metadata;
  fails({ metadata: without }, /x\.safetensors: metadata: heads/);
  fails({ metadata: { ...metadata, dim: "24" } }, /"feature", wanted \[4,24\]/);
  fails({ metadata: { ...metadata, gelu: "erf-ish" } }, /gelu/);
  const { "grad/lora.0.q.B": __, ...fewer } = tensors;
  fails({ tensors: fewer }, /found nothing for "grad\/lora.0.q.B", wanted \[12,2\]/);
  fails({ integers: { labels: { shape: [4], data: Int32Array.of(3, 0, 1, 0) } } }, /labels \[3,0,1,0\]/);
  fails({ integers: { ...integers, labels: { shape: [3], data: Int32Array.of(3, 0, 2) } } }, /"labels"/);
});
