import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Adapter, adapterToTensors, createAdapter } from "../nn/adapter.ts";
import { type ExtraLoss } from "../train/training.ts";
import type { EwcState } from "./ewc.ts";
import { createMethod } from "./mod.ts";
import { createTestKit, randomStep, runMethod, testTask, tinyConfig, tinyLora } from "./test_kit.ts";

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
    const context = { graph, adapter: inputs("", values), feature: none, logits: none };
    graph.output("penalty", term.build({ ...context, tensors: inputs("extra.", term.tensors) }));
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const feeds = [
    ...Object.entries(values).map(([name, { data }]) => [name, data] as const),
    ...Object.entries(term.tensors).map(([name, { data }]) => [`extra.${name}`, data] as const),
  ];
  return (await executable.run(Object.fromEntries(feeds), ["penalty"])).penalty![0]!;
}

async function termAfter(spec: string, tasks: number) {
  const method = createMethod(spec);
  const kit = createTestKit();
  const { states } = await runMethod(method, { tasks, kit });
  const training = await method.begin(states.at(-1)!, testTask(tasks), kit);
  return { term: training.extraLoss!, start: training.start, states: states as readonly EwcState[] };
}

Deno.test("ewc adds λ Σ F (θ - θ*)² with F = γ F₁ + F₂", async () => {
  const { term, start } = await termAfter("ewc:lambda=3,gamma=0.5,samples=7", 2);
  const kit = createTestKit();
  const fishers = await Promise.all([0, 1].map((index) => kit.fisher(start, testTask(index), 7)));
  const moved = randomStep(9)({ start, trainImportance: true }, testTask(2));
  const [anchor, now] = [adapterToTensors(start), adapterToTensors(moved)];
  let wanted = 0;
  for (const name of Object.keys(anchor).filter((name) => name !== "lora.importance")) {
    anchor[name]!.data.forEach((value, i) => {
      const fisher = 0.5 * fishers[0]![name]!.data[i]! + fishers[1]![name]!.data[i]!;
      wanted += 3 * fisher * (now[name]!.data[i]! - value) ** 2;
    });
  }
  const found = await penaltyAt(term, moved);
  assert.ok(wanted > 0.1 && Math.abs(found / wanted - 1) < 1e-5, `${found} is not ${wanted}`);
  assert.equal(await penaltyAt(term, start), 0);
});

Deno.test("ewc's term is zero everywhere on the first task and with λ = 0", async () => {
  const far = createAdapter(tinyConfig, tinyLora, createRng(5, "far"));
  assert.equal(await penaltyAt((await termAfter("ewc", 0)).term, far), 0);
  assert.equal(await penaltyAt((await termAfter("ewc:lambda=0", 2)).term, far), 0);
});

Deno.test("ewc asks for the Fisher information at the end of a task, at the trained adapter", async () => {
  const asked: { adapter: Adapter; samples: number }[] = [];
  const plain = createTestKit();
  const kit = {
    ...plain,
    fisher(adapter: Adapter, task: Parameters<typeof plain.fisher>[1], samples: number) {
      asked.push({ adapter, samples });
      return plain.fisher(adapter, task, samples);
    },
  };
  const { trained } = await runMethod(createMethod("ewc:samples=11"), { tasks: 2, kit });
  assert.deepEqual(asked, trained.map(({ adapter }) => ({ adapter, samples: 11 })));
});

Deno.test("ewc says which tensor the Fisher information lacks", async () => {
  const kit = { ...createTestKit(), fisher: () => Promise.resolve({ "lora.0.q.A": hostTensor([2, 8]) }) };
  await assert.rejects(runMethod(createMethod("ewc"), { tasks: 1, kit }), /found none of lora.0.q.B/);
});
