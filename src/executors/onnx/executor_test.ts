import assert from "node:assert/strict";
import { sizeOf } from "../../core/shape.ts";
import { gradients } from "../../graph/autodiff.ts";
import {
  add,
  attention,
  gather,
  gelu,
  layerNorm,
  loraLinear,
  matmul,
  mul,
  reshape,
  sub,
  sum,
} from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { checkAgainstReference, opCases, programCases } from "../cases.ts";
import type { Executor } from "../executor.ts";
import { createOnnxExecutor } from "./executor.ts";
import type { Flavour } from "./session.ts";

/** The executor of a flavour, or why there is none. */
async function tryFlavour(flavour: Flavour): Promise<Executor | string> {
  try {
    return await createOnnxExecutor({ flavour });
  } catch (error) {
    return String(error);
  }
}

/** A counter that adds its input, reads itself, and can be asked for its old value. */
async function counter(executor: Executor) {
  const state = executor.tensor({ shape: [2], values: Float32Array.of(1, 2), label: "counter" });
  const program = trace((graph) => {
    const old = graph.state("counter", [2]);
    graph.output("old", old);
    graph.update("counter", add(old, graph.input("step", [2])));
  });
  return { state, executable: await executor.compile(program, { counter: state }) };
}

const steps = (a: number, b: number) => ({ step: Float32Array.of(a, b) });

function stateTests(name: string, executor: Executor, ignore: boolean): void {
  const test = (fact: string, fn: () => Promise<void>) => Deno.test({ name: `${name} ${fact}`, ignore, fn });

  test("applies runs, writes and reads in the order of the calls", async () => {
    const { state, executable } = await counter(executor);
    const results = [
      executable.run(steps(1, 1), ["old"]),
      state.read(),
      executable.run(steps(1, 1)),
      (state.write(Float32Array.of(10, 20)), executable.run(steps(1, 1), ["old"])),
      executable.run(steps(5, 5)),
      state.read(),
    ];
    assert.deepEqual(await Promise.all(results), [
      { old: Float32Array.of(1, 2) },
      Float32Array.of(2, 3),
      {},
      { old: Float32Array.of(10, 20) },
      {},
      Float32Array.of(16, 26),
    ]);
  });

  test("copies what callers give and get", async () => {
    const { state, executable } = await counter(executor);
    const inputs = steps(1, 1);
    const first = executable.run(inputs, ["old"]);
    inputs.step.fill(100);
    const { old } = await first;
    const read = await state.read();
    const written = Float32Array.of(7, 7);
    state.write(written);
    written.fill(100);
    old!.fill(100);
    read.fill(100);
    for (let i = 0; i < 3; i++) await executable.run(steps(1, 0));
    assert.deepEqual(await state.read(), Float32Array.of(10, 7));
    assert.deepEqual(old, Float32Array.of(100, 100));
    assert.deepEqual(read, Float32Array.of(100, 100));
  });

  test("takes float64 values and rounds them", async () => {
    const { state, executable } = await counter(executor);
    state.write(Float64Array.of(0.1, 0));
    await executable.run({ step: Float64Array.of(0, 0.3) });
    assert.deepEqual(await state.read(), Float32Array.of(0.1, 0.3));
  });

  test("names the program node of a failure, keeps the states, and goes on", async () => {
    const table = executor.tensor({ shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) });
    const program = trace((graph) => {
      const rows = graph.state("table", [2, 2]);
      graph.update("table", gather(rows, graph.input("index", [2], "i32")));
    });
    const executable = await executor.compile(program, { table });
    await assert.rejects(
      () => executable.run({ index: Int32Array.of(0, 5) }),
      /^Error: Cannot run at gather\(\[2,2\], \[2\]\) -> \[2,2\]: .*out of/s,
    );
    assert.deepEqual(await table.read(), Float32Array.of(1, 2, 3, 4));
    await executable.run({ index: Int32Array.of(1, 0) });
    assert.deepEqual(await table.read(), Float32Array.of(3, 4, 1, 2));
  });

  test("refuses disposed tensors and executables, but finishes what was asked before", async () => {
    const { state, executable } = await counter(executor);
    const running = executable.run(steps(1, 1), ["old"]);
    const reading = state.read();
    executable.dispose();
    executable.dispose();
    state.dispose();
    assert.deepEqual(await running, { old: Float32Array.of(1, 2) });
    assert.deepEqual(await reading, Float32Array.of(2, 3));
    await assert.rejects(() => executable.run(steps(1, 1)), /Cannot run: the executable is disposed/);
    await assert.rejects(() => state.read(), /Cannot use counter: it is disposed/);
    assert.throws(() => state.write(Float32Array.of(1, 1)), /Cannot use counter: it is disposed/);
  });

  test("refuses wrong bindings, feeds, names and sizes", async () => {
    const { state, executable } = await counter(executor);
    await assert.rejects(() => executable.run({}), /input "step" has no values, wanted 2/);
    await assert.rejects(() => executable.run(steps(1, 1), ["sum"]), /the program has no output "sum"/);
    assert.throws(
      () => state.write(Float32Array.of(1)),
      /Cannot write counter: found 1 values, wanted 2 for \[2\]/,
    );
    assert.throws(
      () => executor.tensor({ shape: [3], values: Float32Array.of(1) }),
      /found 1 values, wanted 3/,
    );
    const program = trace((graph) => graph.output("y", graph.state("x", [2])));
    await assert.rejects(() => executor.compile(program, {}), /Cannot bind state "x": found nothing/);
    const other = await createOnnxExecutor();
    await assert.rejects(
      () => executor.compile(program, { x: other.tensor({ shape: [2] }) }),
      /Cannot bind state "x": the tensor belongs to another executor/,
    );
    await other.dispose();
  });

  test("bakes frozen tensors into programs and refuses to write them", async () => {
    const frozen = executor.tensor({ shape: [2], values: Float32Array.of(1, 2), frozen: true, label: "w" });
    assert.throws(() => frozen.write(Float32Array.of(1, 1)), /Cannot write w: it is frozen/);
    const executable = await executor.compile(
      trace((graph) => graph.output("y", mul(graph.state("w", [2]), graph.input("x", [2])))),
      { w: frozen },
    );
    const { y } = await executable.run({ x: Float32Array.of(3, 4) }, ["y"]);
    assert.deepEqual(y, Float32Array.of(3, 8));
    assert.deepEqual(await frozen.read(), Float32Array.of(1, 2));
  });

  test("does nothing when nothing is read or updated", async () => {
    const executable = await executor.compile(
      trace((graph) => graph.output("y", sum(graph.input("x", [2])))),
      {},
    );
    assert.deepEqual(await executable.run({ x: Float32Array.of(1, 2) }), {});
    await assert.rejects(() => executable.run({ x: Float32Array.of(1) }), /input "x" has 1 values, wanted 2/);
  });
}

for (const flavour of ["node", "web"] as const) {
  const found = await tryFlavour(flavour);
  const ignore = typeof found === "string";
  const name = `onnx-${flavour}`;
  if (ignore) {
    Deno.test({ name: `${name} cannot be loaded: ${found}`, ignore, fn: () => {} });
    continue;
  }
  for (const testCase of [...opCases, ...programCases]) {
    Deno.test(`${name} runs ${testCase.name} as the reference does`, () =>
      checkAgainstReference(found, testCase));
  }
  stateTests(name, found, ignore);
}

Deno.test("createOnnxExecutor() describes itself", async () => {
  const executor = await createOnnxExecutor({ flavour: "node", threads: 1 });
  assert.equal(executor.info.backend, "onnx-node");
  assert.equal(executor.info.details.flavour, "node");
  assert.equal(executor.info.details.threads, 1);
  await executor.dispose();
});

/** A step large enough for ONNX Runtime to divide it among threads: new weights of an adapted attention layer. */
const step = trace((graph) => {
  const x = graph.input("x", [32, 33, 48]);
  const names = ["a", "b", "gain"];
  const [a, b, gain] = [[4, 48], [144, 4], [4]].map((shape, i) => graph.state(names[i]!, shape));
  const normal = layerNorm(x, graph.fill(1, [48]), graph.fill(0, [48]), 1e-6);
  const w = graph.constant(Float64Array.from({ length: 144 * 48 }, (_, i) => Math.sin(i)), [144, 48]);
  const y = gelu(attention(loraLinear(normal, w, graph.fill(0.1, [144]), a!, b!, gain!), 3));
  const slopes = gradients(sum(mul(y, y)), [a!, b!, gain!]);
  slopes.forEach((slope, i) =>
    graph.update(names[i]!, sub(graph.state(names[i]!, slope.shape), mul(slope, 1e-4)))
  );
});

async function threeSteps(threads: number): Promise<Record<string, ArrayLike<number>>> {
  const executor = await createOnnxExecutor({ flavour: "node", threads });
  const make = ({ shape }: { readonly shape: readonly number[] }) => {
    const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i) / 4);
    return executor.tensor({ shape, values });
  };
  const states = Object.fromEntries(Object.entries(step.states).map(([name, node]) => [name, make(node)]));
  const executable = await executor.compile(step, states);
  const x = Float32Array.from({ length: 32 * 33 * 48 }, (_, i) => Math.sin(i * i));
  for (let i = 0; i < 3; i++) await executable.run({ x });
  const results: Record<string, ArrayLike<number>> = {};
  for (const [name, state] of Object.entries(states)) results[name] = await state.read();
  await executor.dispose();
  return results;
}

Deno.test("createOnnxExecutor() gives the same bits twice, and nearly the same with another thread count", async () => {
  const [first, again, alone] = [await threeSteps(2), await threeSteps(2), await threeSteps(1)];
  assert.deepEqual(again, first);
  for (const [name, values] of Object.entries(first)) {
    for (let i = 0; i < values.length; i++) {
      assert.ok(
        Math.abs(values[i]! - alone[name]![i]!) < 1e-5,
        `${name} at ${i}: ${values[i]}, ${alone[name]![i]}`,
      );
    }
  }
});

Deno.test("createOnnxExecutor() releases everything on dispose", async () => {
  const executor = await createOnnxExecutor({ flavour: "node", threads: 1 });
  const program = trace((graph) => {
    const x = graph.input("x", [4, 4]);
    graph.output("y", sub(matmul(x, x), reshape(x, [4, 4])));
  });
  const executable = await executor.compile(program, {});
  const running = executable.run({ x: new Float32Array(16).fill(1) }, ["y"]);
  await executor.dispose();
  assert.deepEqual(await running, { y: new Float32Array(16).fill(3) });
  await assert.rejects(() => executable.run({ x: new Float32Array(16) }), /the executable is disposed/);
});
