/**
 * What prompts choose and how they enter, against NumPy and PyTorch (`fixtures/methods/prompts/make.py`).
 */
import assert from "node:assert/strict";
import { classifiers } from "../../classifiers/mod.ts";
import { createRng } from "../../core/rng.ts";
import { sizeOf } from "../../core/shape.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { gradients } from "../../graph/autodiff.ts";
import { mean, mul } from "../../graph/functions.ts";
import { createBackbone } from "../../nn/backbone.ts";
import { backboneTensors } from "../../nn/config.ts";
import { evaluate } from "../../nn/testing.ts";
import { Engine } from "../../train/engine.ts";
import type { Fit, Kit, Method } from "../method.ts";
import { createMethod } from "../mod.ts";
import { mix } from "../pieces/selection.ts";
import { createTestKit, runMethod, testTask, tinyConfig } from "../test_kit.ts";
import { componentWeights, orthogonality, orthogonalRows } from "./coda_prompt.ts";
import { choosePrompts } from "./l2p.ts";
import type { PromptState } from "./prompt_method.ts";

type Nested = number | readonly Nested[];

const numbers: Readonly<Record<"l2p" | "prefix" | "coda", Readonly<Record<string, Nested>>>> = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/prompts/numbers.json", import.meta.url)),
);

function flat(value: Nested): number[] {
  return typeof value === "number" ? [value] : value.flatMap(flat);
}

function shapeOf(value: Nested): number[] {
  return typeof value === "number" ? [] : [value.length, ...shapeOf(value[0]!)];
}

function tensor(value: Nested) {
  return hostTensor(shapeOf(value), Float32Array.from(flat(value)));
}

function close(found: ArrayLike<number>, wanted: Nested, tolerance = 1e-5): void {
  const values = flat(wanted);
  assert.equal(found.length, values.length);
  values.forEach((value, i) => {
    assert.ok(
      Math.abs(found[i]! - value) <= tolerance * Math.max(1, Math.abs(value)),
      `${found[i]}, ${value}`,
    );
  });
}

/** Evaluates with the named numbers of a case as states. */
function evaluateCase(
  values: Readonly<Record<string, Nested>>,
  names: readonly string[],
  build: Parameters<typeof evaluate>[0],
) {
  return evaluate(build, Object.fromEntries(names.map((name) => [name, tensor(values[name]!)])));
}

Deno.test("l2p takes for each query the prompts of the nearest keys, and pulls these keys alone", async () => {
  const { query, keys, pool, tokens, fit, keySlope } = numbers.l2p;
  const found = await evaluateCase(numbers.l2p, ["query", "keys", "pool"], (graph) => {
    const states = {
      keys: graph.state("keys", shapeOf(keys!)),
      pool: graph.state("pool", shapeOf(pool!)),
    };
    const chosen = choosePrompts(graph.state("query", shapeOf(query!)), states, 2);
    const [slope] = gradients(mul(mean(chosen.fit), -0.5), [states.keys]);
    return { ...chosen, slope: slope! };
  });
  close(found["tokens"]!, tokens!);
  close(found["fit"]!, fit!);
  close(found["slope"]!, keySlope!);
});

/** The weights of the fixture: sines, in timm's order. */
function sineWeights(): NamedTensors {
  return Object.fromEntries(
    backboneTensors(tinyConfig).map(({ name, shape }, index) => {
      const data = Float32Array.from(
        { length: sizeOf(shape) },
        (_, i) => 0.4 * Math.sin(0.7 * i + index + 1),
      );
      return [name, hostTensor(shape, data)];
    }),
  );
}

Deno.test("dualprompt's features are those of torch's attention with the G-prompt and each image's own E-prompt", async () => {
  const { images, general, experts, keys, chosen, query, feature } = numbers.prefix;
  assert.deepEqual(chosen, [1, 0]);
  const backbone = createBackbone({
    id: "sines",
    config: tinyConfig,
    weights: sineWeights(),
    pixels: { mean: [0.5], std: [0.5] },
  });
  const engine = new Engine(createReferenceExecutor(), backbone, { channels: 1, height: 8, width: 8 });
  const kit = createTestKit({ engine });
  const table = {
    count: 2,
    images: { images: Uint8Array.from(flat(images!)), labels: new Int32Array(2), count: 2 },
  };
  close((await kit.map({ output: (env) => env.encode(env.rows().images).feature }, table)).data, query!);

  const state: PromptState = {
    prompts: {
      tensors: { general: tensor(general!), experts: tensor(experts!), keys: tensor(keys!) },
      tasks: 2,
    },
    classifier: kit.freshClassifier(),
  };
  const method = createMethod("dualprompt:pool=2,length=3,generalBlocks=1,expertBlocks=1");
  const { passes: [pass] } = await method.deploy(state, kit);
  close((await kit.map(pass!, table)).data, feature!);
  await engine.dispose();
});

Deno.test("coda-prompt weighs open components by cos(q ⊙ A, K) and penalises them alone", async () => {
  const { query, keys, attentions, components, open, gamma, prompt, penalty } = numbers.coda;
  const names = ["query", "keys", "attentions", "components", "open"];
  const found = await evaluateCase(numbers.coda, names, (graph) => {
    const [q, k, a, p, o] = [query, keys, attentions, components, open].map((value, i) =>
      graph.state(names[i]!, shapeOf(value!))
    );
    const weights = componentWeights(q!, k!, a!);
    return { weights, prompt: mix(weights, p!), penalty: orthogonality(p!, o!) };
  });
  close(found["weights"]!, gamma!);
  close(found["prompt"]!, prompt!);
  close(found["penalty"]!, penalty!);
});

Deno.test("coda-prompt's new components are orthogonal to earlier ones, also where there is no room", () => {
  const earlier = Float64Array.of(2, 0, 0, 0, 0, 3, 3, 0);
  const rows = orthogonalRows(earlier, 3, 4, createRng(0, "rows"));
  const row = (i: number) => rows.subarray(4 * i, 4 * i + 4);
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);
  for (const i of [0, 1, 2]) assert.ok(Math.abs(dot(row(i), row(i)) - 1) < 1e-12);
  for (const i of [0, 1]) {
    for (const start of [0, 4]) {
      assert.ok(Math.abs(dot(row(i), earlier.subarray(start, start + 4))) < 1e-12);
    }
  }
  assert.ok(Math.abs(dot(row(0), row(1))) < 1e-12);
  // Four rows fill four dimensions.
  assert.ok(Math.abs(dot(row(2), row(0))) > 1e-6 || Math.abs(dot(row(2), row(1))) > 1e-6);
});

/** The states of a run of real trainings, and what each training was asked for. */
async function trained(spec: string, tasks: number) {
  const method: Method = createMethod(spec);
  const kit = createTestKit({ classifier: classifiers.ncm });
  const asked: Fit[] = [];
  const watched: Kit = {
    ...kit,
    fit(fit) {
      asked.push(fit);
      return kit.fit(fit);
    },
  };
  const states = [method.init(kit)];
  for (let index = 0; index < tasks; index++) {
    states.push(await method.learn(states.at(-1)!, testTask(index, 4), watched));
  }
  return { states: states as unknown as PromptState[], asked };
}

Deno.test("coda-prompt trains the components of its task alone, and the last ones when the pool is used up", async () => {
  const { states } = await trained("coda-prompt:pool=4,perTask=2,length=1", 3);
  const rows = (index: number) => {
    const { shape: [blocks, pool, size], data } = states[index]!.prompts.tensors["components"]!;
    assert.deepEqual([blocks, pool, size], [2, 4, 16]);
    return Array.from({ length: 4 }, (_, row) => [...data.subarray(row * 16, (row + 1) * 16)]);
  };
  const zero = Array(16).fill(0);
  assert.deepEqual(rows(1).slice(2), [zero, zero]);
  assert.notDeepEqual(rows(1).slice(0, 2), [zero, zero]);
  assert.deepEqual(rows(2).slice(0, 2), rows(1).slice(0, 2));
  assert.notDeepEqual(rows(2).slice(2), [zero, zero]);
  assert.deepEqual(rows(3).slice(0, 2), rows(1).slice(0, 2));
  assert.notDeepEqual(rows(3).slice(2), rows(2).slice(2));
});

Deno.test("dualprompt trains the prompt and key of its task, from those before; beyond the pool the nearest", async () => {
  const { states, asked } = await trained("dualprompt:pool=2", 3);
  const experts = (tensors: NamedTensors) => {
    const { data } = tensors["experts"]!;
    return [data.slice(0, data.length / 2), data.slice(data.length / 2)];
  };
  const kept = states.map(({ prompts }) => experts(prompts.tensors));
  assert.notDeepEqual(kept[1]![0], kept[0]![0]);
  assert.deepEqual(kept[1]![1], kept[0]![1]);
  assert.deepEqual(experts(asked[1]!.start)[1], kept[1]![0]);
  assert.deepEqual(kept[2]![0], kept[1]![0]);
  assert.notDeepEqual(kept[2]![1], kept[1]![1]);
  assert.deepEqual(asked.map(({ fixed }) => [...fixed!["own"]!.data]), [[1, 0], [0, 1], [0, 0]]);
  assert.notDeepEqual(kept[3], kept[2]);
});

Deno.test("prompts train at their own rate, and what scores is the mean of prompts, for l2p, or the feature", async () => {
  const { asked: [fit] } = await trained("l2p:promptRate=3", 1);
  assert.deepEqual(["keys", "pool", "head.weight"].map((name) => fit!.rate!(name)), [3, 3, 1]);
  const kit = createTestKit();
  const scored = async (read: string) => {
    const { predictor } = await runMethod(createMethod(`l2p:read=${read}`), { tasks: 1 });
    return (await kit.map(predictor.passes[0]!, { count: 2, images: testTask(0).train })).data;
  };
  assert.notDeepEqual(await scored("prompts"), await scored("feature"));
});
