/**
 * Graphs over plain numbers, and the numbers that PyTorch and NumPy gave for them.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { trace } from "../../graph/graph.ts";
import { createPacking, pack } from "../../nn/packing.ts";
import { LOSS_RING, noiseName, packedRows, traceStep } from "../../train/step.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Named } from "../../train/table.ts";
import type { StateValue } from "../../core/state.ts";
import type { Fit, Kit } from "../method.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, testTask } from "../test_kit.ts";

/** What `fixtures/methods/systems/make.py` printed. */
export const numbers = JSON.parse(
  Deno.readTextFileSync(new URL("../../../fixtures/methods/systems/systems.json", import.meta.url)),
);

/** A tensor of plain numbers. */
export function tensorOf(shape: readonly number[], values: readonly number[]): HostTensor {
  return hostTensor(shape, Float32Array.from(values));
}

/** The values of some outputs, on inputs. */
export async function evaluate(
  inputs: NamedTensors,
  build: (inputs: Named) => Named,
): Promise<Record<string, number[]>> {
  const names: string[] = [];
  const program = trace((graph) => {
    const given = Object.entries(inputs).map(([name, { shape }]) =>
      [name, graph.input(name, shape)] as const
    );
    for (const [name, tensor] of Object.entries(build(Object.fromEntries(given)))) {
      names.push(name);
      graph.output(name, tensor);
    }
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const used = Object.entries(inputs).filter(([name]) => Object.hasOwn(program.inputs, name));
  const feeds = Object.fromEntries(used.map(([name, { data }]) => [name, data]));
  const outputs = await executable.run(feeds, names);
  return Object.fromEntries(names.map((name) => [name, [...outputs[name]!]]));
}

/** Steps of a rule on a loss of some parameters. */
export async function steps(
  optimiser: Optimiser,
  start: NamedTensors,
  loss: (parameters: Named, fixed: Named) => Tensor,
  { rate, count, noise = [], fixed = {} }: {
    readonly rate: number;
    readonly count: number;
    /** Of each step, of each draw. */
    readonly noise?: readonly (readonly (readonly number[])[])[];
    readonly fixed?: NamedTensors;
  },
): Promise<{ readonly values: Record<string, number[]>; readonly rows: number[][] }> {
  const executor = createReferenceExecutor();
  const packing = createPacking(Object.entries(start).map(([name, { shape }]) => ({ name, shape })));
  const rows = packedRows(optimiser);
  const first = pack(packing, start);
  const values = new Float64Array(rows * packing.size);
  values.set(first);
  optimiser.init?.(first).forEach((slot, i) => values.set(slot, (1 + i) * packing.size));
  let given: Named | undefined;
  const program = traceStep({
    packing,
    optimiser,
    fixed: (graph) =>
      given ??= Object.fromEntries(
        Object.entries(fixed).map(([name, { shape }]) => [name, graph.state(`fixed.${name}`, shape)]),
      ),
    loss(graph) {
      const known = given ??= Object.fromEntries(
        Object.entries(fixed).map(([name, { shape }]) => [name, graph.state(`fixed.${name}`, shape)]),
      );
      return (parameters) => loss(parameters, known);
    },
  });
  const states = {
    packed: executor.tensor({ shape: [rows, packing.size], values }),
    decay: executor.tensor({ shape: [packing.size] }),
    losses: executor.tensor({ shape: [LOSS_RING] }),
    ...Object.fromEntries(
      Object.entries(fixed).map((
        [name, { shape, data }],
      ) => [`fixed.${name}`, executor.tensor({ shape, values: data })]),
    ),
  };
  const bound = Object.fromEntries(
    Object.entries(states).filter(([name]) => Object.hasOwn(program.states, name)),
  );
  const executable = await executor.compile(program, bound);
  for (let step = 0; step < count; step++) {
    await executable.run({
      hyper: Float64Array.from(optimiser.hyper(rate, step)),
      ringSlot: Int32Array.of(step),
      ...Object.fromEntries((noise[step] ?? []).map((draw, i) => [noiseName(i), Float64Array.from(draw)])),
    });
  }
  const found = await states.packed.read();
  const { size } = packing;
  return {
    values: Object.fromEntries(
      packing.entries.map(({ name, offset, size }) => [name, [...found.subarray(offset, offset + size)]]),
    ),
    rows: Array.from({ length: rows }, (_, row) => [...found.subarray(row * size, (row + 1) * size)]),
  };
}

/** Fails unless all numbers are within a millionth. */
export function assertNear(found: readonly number[], wanted: readonly number[], tolerance = 1e-6): void {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - wanted[i]!) <= tolerance, `${i}: found ${value}, wanted ${wanted[i]}`);
  });
}

/** Runs a method and shows what it trains. Gives the states, from before the first task. */
export async function watched<State extends StateValue>(
  spec: string,
  tasks: number,
  see: (fit: Fit) => void,
): Promise<readonly State[]> {
  const method = createMethod(spec);
  const states = [method.init(createTestKit())];
  for (let index = 0; index < tasks; index++) {
    const kit = createTestKit({ task: index });
    const seeing: Kit = {
      ...kit,
      fit(fit) {
        see(fit);
        return kit.fit(fit);
      },
    };
    states.push(await method.learn(states.at(-1)!, testTask(index), seeing));
  }
  return states as unknown as readonly State[];
}
