import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { type NamedTensors } from "../core/tensors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Adapter, adapterToTensors, createAdapter } from "../nn/adapter.ts";
import { classifiers } from "../classifiers/mod.ts";
import type { ExtraLoss } from "./adapter_method.ts";
import { type EwcState, penalty } from "./ewc.ts";
import { fisherInformation } from "./fisher.ts";
import { createMethod } from "./mod.ts";
import { createTestKit, randomStep, runMethod, testTask, tinyConfig, tinyLora } from "./test_kit.ts";

function unused(): never {
  throw new Error("the term needs no images");
}

/** The term's value at an adapter, by the reference executor. */
async function penaltyAt(term: ExtraLoss, adapter: Adapter): Promise<number> {
  const values = adapterToTensors(adapter);
  const program = trace((graph) => {
    const inputs = (prefix: string, tensors: NamedTensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, { shape }]): [string, Tensor] => [
          name,
          graph.input(`${prefix}${name}`, shape),
        ]),
      );
    const none = graph.fill(0);
    const env = { graph, fixed: {}, rows: unused, encode: unused };
    const context = { env, feature: none, logits: none, adapter: inputs("", values), forward: unused };
    graph.output("penalty", term.build({ ...context, tensors: inputs("extra.", term.tensors) }));
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const feeds = [
    ...Object.entries(values).map(([name, { data }]) => [name, data] as const),
    ...Object.entries(term.tensors).map(([name, { data }]) => [`extra.${name}`, data] as const),
  ];
  return (await executable.run(Object.fromEntries(feeds), ["penalty"])).penalty![0]!;
}

async function after(spec: string, tasks: number) {
  const run = await runMethod(createMethod(spec), { tasks });
  return { ...run, own: run.own as readonly EwcState[] };
}

Deno.test("ewc adds λ Σ F (θ - θ*)² with F = γ F₁ + F₂", async () => {
  const { own, states, trained } = await after("ewc:lambda=3,gamma=0.5,samples=7", 2);
  const { adapter, fisher } = own.at(-1)!;
  const term = penalty(adapter!, fisher, 3);
  const fishers = await Promise.all([0, 1].map((index) => {
    const { classifier } = states[index + 1] as unknown as { readonly classifier: NamedTensors };
    const head = { policy: classifiers.linear, state: classifier };
    return fisherInformation(createTestKit({ task: index }), testTask(index), trained[index]!, head, 7);
  }));
  const moved = createAdapter(tinyConfig, tinyLora, createRng(9, "moved"));
  const [anchor, now] = [adapterToTensors(adapter!), adapterToTensors(moved)];
  let wanted = 0;
  for (const name of Object.keys(anchor).filter((name) => name !== "lora.importance")) {
    anchor[name]!.data.forEach((value, i) => {
      const information = 0.5 * fishers[0]![name]!.data[i]! + fishers[1]![name]!.data[i]!;
      wanted += 3 * information * (now[name]!.data[i]! - value) ** 2;
    });
  }
  const found = await penaltyAt(term, moved);
  assert.ok(wanted > 0 && Math.abs(found / wanted - 1) < 1e-5, `${found} is not ${wanted}`);
  assert.equal(await penaltyAt(term, adapter!), 0);
});

Deno.test("ewc's term is zero everywhere on the first task and with λ = 0", async () => {
  const far = createAdapter(tinyConfig, tinyLora, createRng(5, "far"));
  const start = createTestKit().freshAdapter("task 0");
  assert.equal(await penaltyAt(penalty(start, null, 1000), far), 0);
  const { adapter, fisher } = (await after("ewc", 2)).own.at(-1)!;
  assert.equal(await penaltyAt(penalty(adapter!, fisher, 0), far), 0);
});

Deno.test("ewc trains under its term: the anchor is the last task's adapter", async () => {
  const seen: (readonly (readonly number[])[])[] = [];
  const { trained } = await runMethod(createMethod("ewc:samples=11"), {
    tasks: 2,
    train: randomStep(),
    onTraining({ spec: { fixed } }) {
      const names = Object.keys(fixed!).filter((name) => name.startsWith("extra.anchor."));
      seen.push(names.map((name) => [...fixed![name]!.data]));
    },
  });
  const { "lora.importance": _, ...factors } = adapterToTensors(trained[0]!);
  assert.deepEqual(seen[1], Object.values(factors).map(({ data }) => [...data]));
});
