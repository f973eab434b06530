/**
 * What the methods estimate, train and deploy: against PyTorch where a whole model takes part, by hand elsewhere.
 */
import assert from "node:assert/strict";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import type { StateValue } from "../../core/state.ts";
import { composeDelta } from "../../merge/delta.ts";
import { deltaError } from "../../merge/test_adapters.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { imageTable } from "../../train/table.ts";
import type { AdapterMethodState } from "../adapter_method.ts";
import { featurePass } from "../adapter_method.ts";
import type { Fit, Fitted, Kit, Method, TaskView } from "../method.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, runMethod, testTask, tinyLora } from "../test_kit.ts";
import { batchFisher, gradientSums } from "./dense_fisher.ts";
import { combine, type EwcLoraState } from "./ewc_lora.ts";
import type { SdLoraState } from "./sd_lora.ts";
import { assertNear, expected, waveAdapter, waveEngine, waveHead, waveTask } from "./test_waves.ts";

/** Learns one task with one epoch, and shows the training that was asked for with its losses. */
async function learnOnce(method: Method, state: StateValue, task: TaskView, kit: Kit) {
  const seen: { readonly spec: Fit; readonly fitted: Fitted }[] = [];
  const watching: Kit = {
    ...kit,
    async fit(spec) {
      const fitted = await kit.fit({ ...spec, epochs: 1 });
      seen.push({ spec, fitted });
      return fitted;
    },
  };
  const next = await method.learn(state, task, watching);
  return { ...seen[0]!, next };
}

/** Mean cross-entropy of a model's answers over a task's classes. */
async function entropyOf(adapter: Adapter, head: NamedTensors, task: TaskView, kit: Kit): Promise<number> {
  const logits = await kit.map({
    adapter,
    fixed: head,
    output: (env) => kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed),
  }, imageTable(task.train));
  const width = logits.shape[1]!;
  const losses = [...task.train.labels].map((label, row) => {
    const own = task.classes.map((c) => logits.data[row * width + c]!);
    return Math.log(own.reduce((total, value) => total + Math.exp(value), 0)) -
      logits.data[row * width + label]!;
  });
  return losses.reduce((total, value) => total + value, 0) / losses.length;
}

Deno.test("gradientSums() and batchFisher() are the Fisher of ΔW by autograd, over all draws of a batch", async () => {
  const engine = waveEngine();
  const kit = createTestKit({ engine });
  const sums = await gradientSums(kit, waveTask(1, [2, 3, 2, 3]), waveAdapter("present"), waveHead, 100);
  assert.equal(sums.count, 4);
  const [two, all] = [batchFisher(sums, 2), batchFisher(sums, 4)];
  for (const [site, wanted] of Object.entries<readonly number[]>(expected.fisher.two)) {
    assertNear(two[site]!, wanted, `pairs at ${site}`, 2e-5);
    assertNear(all[site]!, expected.fisher.all[site], `all at ${site}`, 2e-5);
    // A larger batch than there are images is all of them.
    assert.deepEqual(batchFisher(sums, 128)[site], all[site]);
  }
  await engine.dispose();
});

Deno.test("ewc-lora merges updates as they are, or their factors with all products between them", () => {
  const adapter = (a: readonly number[], b: readonly number[]): Adapter => ({
    scale: 0.5,
    importance: 1,
    pairs: {
      "0.q": { a: hostTensor([1, 2], Float32Array.from(a)), b: hostTensor([2, 1], Float32Array.from(b)) },
    },
  });
  const [one, other] = [adapter([3, 4], [1, 2]), adapter([7, 8], [5, 6])];
  const delta = (merge: "update" | "factors") => [...composeDelta(combine(one, other, merge)!, "0.q")];
  // (1, 2)ᵀ (3, 4) + (5, 6)ᵀ (7, 8), halved; and (6, 8)ᵀ (10, 12), halved: more by (1, 2)ᵀ (7, 8) + (5, 6)ᵀ (3, 4).
  assert.deepEqual(delta("update"), [19, 22, 24, 28]);
  assert.deepEqual(delta("factors"), [30, 36, 40, 48]);
  for (const merge of ["update", "factors"] as const) {
    assert.deepEqual([...composeDelta(combine(null, other, merge)!, "0.q")], [17.5, 20, 21, 24]);
  }
});

Deno.test("ewc-lora accumulates F as γ F + F_t, taken at what is deployed", async () => {
  const run = await runMethod(createMethod("ewc-lora:gamma=0.5,batch=2"), { tasks: 2 });
  const states = run.states as unknown as readonly AdapterMethodState<EwcLoraState>[];
  const found = await Promise.all([1, 2].map(async (after) => {
    const { own, classifier } = states[after]!;
    const deployed = combine(own.merged, own.last, "update")!;
    const kit = createTestKit({ task: after - 1 });
    return batchFisher(await gradientSums(kit, testTask(after - 1), deployed, classifier, 512), 2);
  }));
  for (const [site, values] of Object.entries(states[2]!.own.fisher!)) {
    const wanted = [...values].map((_, i) => 0.5 * found[0]![site]![i]! + found[1]![site]![i]!);
    assertNear(values, wanted, site, 1e-5);
  }
});

Deno.test("sd-lora deploys and trains directions of length 1 under magnitudes, as PyTorch does", async () => {
  const engine = waveEngine();
  const kit = createTestKit({ engine });
  const method = createMethod("sd-lora");
  const own: SdLoraState = {
    adapters: [waveAdapter("first"), waveAdapter("second"), waveAdapter("third", 0.9)],
    magnitudes: [0.6, 1.1],
  };
  const task = waveTask(3, [6, 7]);
  const state = { own, classifier: waveHead };
  const { passes } = await method.deploy(state, kit);
  const { data } = await kit.map(passes[0]!, imageTable(task.train));
  assertNear(data, expected.sdLora.feature, "feature", 2e-5);
  // The loss before the first step: three directions at 0.8, and a fresh update, which is zero.
  const { fitted, next } = await learnOnce(method, state, task, kit);
  assertNear([fitted.losses[0]!], [expected.sdLora.loss], "loss", 2e-5);
  const { magnitudes } = (next as AdapterMethodState<SdLoraState>).own;
  assert.ok(magnitudes.length === 3 && magnitudes.every((value) => value !== 0.8));
  await engine.dispose();
});

for (const spec of ["o-lora:lambda=0", "ewc-lora", "ewc-lora:merge=factors", "sd-lora:magnitude=null"]) {
  Deno.test(`${spec} begins a task at the sum of all before it`, async () => {
    const method = createMethod(spec);
    const { states } = await runMethod(method, { tasks: 2 });
    const kit = createTestKit({ task: 2 });
    const task = testTask(2);
    const { classifier, own } = states[2] as unknown as AdapterMethodState<EwcLoraState>;
    const { fitted } = await learnOnce(method, states[2]!, task, kit);
    const deployed = spec.includes("factors")
      ? combine(own.merged, own.last, "factors")!
      : (await method.deploy(states[2]!, kit)).merged!.adapter!;
    assertNear([fitted.losses[0]!], [await entropyOf(deployed, classifier, task, kit)], "loss", 2e-5);
  });
}

Deno.test("o-lora deploys the sum of its adapters", async () => {
  const { trained, deployed } = await runMethod(createMethod("o-lora"), { tasks: 3 });
  const error = deltaError(
    deployed!,
    (site) =>
      trained.map((adapter) => composeDelta(adapter, site)).reduce((total, delta) =>
        total.map((value, i) => value + delta[i]!)
      ),
  );
  assert.ok(error < 1e-6, `${error}`);
});

Deno.test("lwf asks for the logits of the model before the task, over the classes before it", async () => {
  const method = createMethod("lwf:lambda=0.7");
  const { states, trained } = await runMethod(method, { tasks: 2 });
  const kit = createTestKit({ task: 2 });
  const task = testTask(2);
  const { classifier } = states[2] as unknown as AdapterMethodState<null>;
  const { spec } = await learnOnce(method, states[2]!, task, kit);
  const wanted = await kit.map({
    adapter: trained[1]!,
    fixed: classifier,
    output: (env) => kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed),
  }, imageTable(task.train));
  assert.deepEqual(spec.tables.main.columns!["teacher"], wanted);
  const { "extra.seen": seen, "extra.strength": strength } = spec.fixed!;
  assert.deepEqual([...seen!.data.keys()].filter((label) => seen!.data[label] === 1), [0, 1, 2, 3]);
  assert.deepEqual([...strength!.data], [Math.fround(0.7)]);
  const first = await learnOnce(method, states[0]!, testTask(0), kit);
  assert.deepEqual([...first.spec.fixed!["extra.strength"]!.data], [0]);
});

Deno.test("terms of earlier tasks are nothing on the first: it trains as naive does", async () => {
  const { deployed: wanted } = await runMethod(createMethod("naive"), { tasks: 1, train: "really" });
  for (const spec of ["lwf", "o-lora", "ewc-lora", "treelora", "treelora:pull=product"]) {
    const { deployed } = await runMethod(createMethod(spec), { tasks: 1, train: "really" });
    const error = deltaError(deployed!, (site) => composeDelta(wanted!, site));
    assert.ok(error < 1e-6, `${spec} is ${error} off`);
  }
});

Deno.test("slca's adapter learns at a share of the classifier's rate", async () => {
  const method = createMethod("slca:rate=0.25,samples=2,epochs=1");
  const kit = createTestKit();
  const { spec } = await learnOnce(method, method.init(kit), testTask(0), kit);
  const rates = ["lora.0.q.A", "lora.1.fc1.B", "lora.importance", "head.weight"].map((name) =>
    spec.rate!(name)
  );
  assert.deepEqual(rates, [0.25, 0.25, 0, 1]);
});

Deno.test("ssiat moves means by the shift of new images, near ones counting more", async () => {
  const method = createMethod("ssiat:samples=2,epochs=1");
  const { states, trained } = await runMethod(method, {
    tasks: 2,
    taskOf: (index) => testTask(index, 5),
    train: "really",
  });
  const kit = createTestKit();
  const images = imageTable(testTask(1, 5).train);
  const featuresOf = async (adapter: Adapter) => {
    const { data, shape: [, width] } = await kit.map(featurePass(adapter), images);
    return Array.from({ length: 5 }, (_, row) => [...data.subarray(row * width!, (row + 1) * width!)]);
  };
  const [before, after] = [await featuresOf(trained[0]!), await featuresOf(trained[1]!)];
  const means = (state: StateValue) => {
    const { data, shape } = (state as unknown as AdapterMethodState<null>).classifier["head.mean"]!;
    return [0, 1].map((label) => [...data.subarray(label * shape[1]!, (label + 1) * shape[1]!)]);
  };
  for (const [label, mean] of means(states[1]!).entries()) {
    const squares = before.map((row) => row.reduce((total, value, i) => total + (value - mean[i]!) ** 2, 0));
    const variance = 0.2 ** 2 * squares.reduce((total, value) => total + value, 0) / 5;
    const weights = squares.map((square) => Math.exp(-square / (2 * variance)));
    const whole = weights.reduce((total, value) => total + value, 0);
    const wanted = mean.map((value, i) =>
      value +
      weights.reduce((total, weight, row) => total + weight / whole * (after[row]![i]! - before[row]![i]!), 0)
    );
    assertNear(means(states[2]!)[label]!, wanted, `mean of ${label}`, 1e-5);
    assert.notDeepEqual(wanted, mean);
  }
});

Deno.test("ssiat trains on cosines times a scale, and scores by cosines", async () => {
  const method = createMethod("ssiat:scale=5,samples=2,epochs=1");
  const engine = waveEngine();
  const kit = createTestKit({ engine });
  const task = waveTask(0, [2, 3]);
  const { fitted } = await learnOnce(
    method,
    {
      ...method.init(kit) as object,
      classifier: {
        ...(method.init(kit) as unknown as AdapterMethodState<null>).classifier,
        ...waveHead,
      },
    } as StateValue,
    task,
    kit,
  );
  const { data, shape: [, width] } = await kit.map(featurePass(undefined), imageTable(task.train));
  const cosine = (row: number, label: number) => {
    const [x, w] = [data.subarray(row * width!), waveHead["head.weight"]!.data.subarray(label * width!)];
    let [product, xx, ww] = [0, 0, 0];
    for (let i = 0; i < width!; i++) {
      product += x[i]! * w[i]!;
      xx += x[i]! ** 2;
      ww += w[i]! ** 2;
    }
    return product / Math.sqrt(xx * ww);
  };
  const losses = [2, 3].map((label, row) =>
    Math.log(Math.exp(5 * cosine(row, 2)) + Math.exp(5 * cosine(row, 3))) - 5 * cosine(row, label)
  );
  assertNear([fitted.losses[0]!], [(losses[0]! + losses[1]!) / 2], "loss", 2e-5);
  const { merged } = await method.deploy(method.init(kit), kit);
  assert.equal(merged!.head!.kind, "cosine");
  await engine.dispose();
});

Deno.test("treelora keeps gradients and rows of A by layer, and remembers every task", async () => {
  const { own, trained } = await runMethod(createMethod("treelora:rounds=3"), { tasks: 3 });
  const { traces } = own.at(-1) as unknown as {
    readonly traces: readonly { readonly gradients: Float32Array[]; readonly rows: Float32Array[] }[];
  };
  assert.equal(traces.length, 3);
  const adapter = trained.at(-1)!;
  const rows = ["q", "v", "fc1"].flatMap((target) => [...adapter.pairs[`1.${target}`]!.a.data]);
  assert.deepEqual([...traces[2]!.rows[1]!], rows);
  // A and B of q, v and fc1.
  const { rank } = tinyLora;
  assert.deepEqual(
    traces[2]!.gradients.map(({ length }) => length),
    [0, 1].map(() => rank * (3 * 8 + 2 * 8 + 16)),
  );
  assert.ok(traces[2]!.gradients[0]!.some((value) => value !== 0));
});
