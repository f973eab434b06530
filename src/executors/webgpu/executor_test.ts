import assert from "node:assert/strict";
import { add, exp, mul, neg, sum } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { checkAgainstReference, programCases } from "../cases.ts";
import { createReferenceExecutor } from "../reference/executor.ts";
import { createWebGpuExecutor } from "./executor.ts";
import { gpuTest, kernelTests } from "./testing.ts";

kernelTests(["input", "state", "constant"]);

for (const profile of ["software", "hardware"] as const) {
  for (const testCase of programCases) {
    gpuTest(`webgpu ${testCase.name} (${profile})`, async (gpu) => {
      await checkAgainstReference(await createWebGpuExecutor({ gpu, profile }), testCase);
    });
  }
}

const doubling = trace((graph) => {
  const s = graph.state("s", [3]);
  graph.update("s", mul(s, 2));
  graph.output("old", s);
});

gpuTest("run() without reads applies updates in order, and more runs than fit the queue", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const s = executor.tensor({ shape: [3], values: Float32Array.of(1, -1, 0.5) });
  const executable = await executor.compile(doubling, { s });
  for (let i = 0; i < 20; i++) await executable.run({});
  assert.deepEqual(await s.read(), Float32Array.of(2 ** 20, -(2 ** 20), 2 ** 19));
});

gpuTest("run() may be called again before the first call is awaited", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const s = executor.tensor({ shape: [3], values: Float32Array.of(1, 2, 3) });
  const executable = await executor.compile(doubling, { s });
  const results = await Promise.all([1, 2, 3].map(() => executable.run({}, ["old"])));
  assert.deepEqual(results.map(({ old }) => old![0]), [1, 2, 4]);
});

gpuTest("programs share tensors, and their memory", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const s = executor.tensor({ shape: [3], values: Float32Array.of(1, 2, 3) });
  const double = await executor.compile(doubling, { s });
  assert.equal(executor.arenaBytes, 256);
  const negate = await executor.compile(
    trace((graph) => {
      graph.update("t", neg(graph.state("t", [3])));
      graph.output("exp", exp(graph.input("x", [3])));
    }),
    { t: s },
  );
  assert.equal(executor.arenaBytes, 3 * 256);
  await double.run({});
  const { exp: exponentials } = await negate.run({ x: Float32Array.of(0, 0, 0) }, ["exp"]);
  await double.run({});
  assert.deepEqual(exponentials, Float32Array.of(1, 1, 1));
  assert.deepEqual(await s.read(), Float32Array.of(-4, -8, -12));
  double.dispose();
  negate.dispose();
  assert.equal(executor.arenaBytes, 0);
});

gpuTest("compile() refuses what the device cannot bind, naming the tensor", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const size = gpu.description.limits.maxStorageBufferBindingSize / 4 + 4;
  assert.throws(
    () => executor.tensor({ shape: [size], label: "everything" }),
    /Cannot create tensor "everything": found \d+ bytes, wanted at most/,
  );
  const program = trace((graph) => {
    const row = graph.input("row", [1, 64]);
    graph.output("sum", mul(row, graph.input("column", [Math.ceil(size / 64), 1])));
  });
  await assert.rejects(
    executor.compile(program, {}),
    /RangeError: Cannot create binary #2 .* wanted at most/,
  );
  assert.equal(executor.arenaBytes, 0);
});

gpuTest("compile() refuses tensors of another backend, and one tensor updated twice", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const foreign = createReferenceExecutor().tensor({ shape: [3] });
  await assert.rejects(
    executor.compile(doubling, { s: foreign }),
    /"s": the tensor belongs to another backend/,
  );
  const twice = trace((graph) => {
    for (const name of ["a", "b"]) graph.update(name, add(graph.state(name, [3]), 1));
  });
  const tensor = executor.tensor({ shape: [3] });
  await assert.rejects(
    executor.compile(twice, { a: tensor, b: tensor }),
    /Cannot bind states "a" and "b": both are updated, and share a tensor/,
  );
});

gpuTest("run() refuses unknown outputs, disposed programs and disposed tensors", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const s = executor.tensor({ shape: [3], label: "weights" });
  const executable = await executor.compile(doubling, { s });
  await assert.rejects(executable.run({}, ["y"]), /Cannot run: the program has no output "y"/);
  s.dispose();
  await assert.rejects(executable.run({}), /Cannot use tensor "weights": it was disposed of/);
  executable.dispose();
  await assert.rejects(executable.run({}), /Cannot run: the program was disposed of/);
});

gpuTest("tensor() refuses a write of the wrong length or to a frozen tensor", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const tensor = executor.tensor({ shape: [2, 2], label: "w" });
  assert.throws(() => tensor.write(Float32Array.of(1)), /Cannot write tensor "w": found 1 values, wanted 4/);
  const frozen = executor.tensor({ shape: [1], values: Float32Array.of(7), frozen: true, label: "f" });
  assert.throws(() => frozen.write(Float32Array.of(1)), /Cannot write tensor "f": it is frozen/);
  assert.deepEqual(await frozen.read(), Float32Array.of(7));
});

gpuTest("tensor() converts what it is given", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const index = executor.tensor({ shape: [3], dtype: "i32", values: Float64Array.of(1, -2, 3) });
  assert.deepEqual(await index.read(), Int32Array.of(1, -2, 3));
  const part = executor.tensor({ shape: [2], values: new Float32Array([1, 2, 3, 4]).subarray(1, 3) });
  assert.deepEqual(await part.read(), Float32Array.of(2, 3));
});

Deno.test("dispose() frees a device of its own, and what used it says so", async (t) => {
  const executor = await createWebGpuExecutor().catch(() => undefined);
  await t.step({
    name: "with an adapter",
    ignore: !executor,
    fn: async () => {
      const tensor = executor!.tensor({ shape: [1] });
      await executor!.dispose();
      await assert.rejects(tensor.read(), /Cannot use the GPU: the device was disposed of/);
    },
  });
});

gpuTest("info names the adapter, the profile and the variants in use", async (gpu) => {
  const executor = await createWebGpuExecutor({
    gpu,
    profile: "hardware",
    variants: { reduce: "invocation" },
  });
  assert.equal(executor.info.backend, "webgpu");
  assert.equal(executor.info.device, gpu.description.description);
  assert.equal(executor.info.details.profile, "hardware");
  const program = trace((graph) => graph.output("y", sum(graph.input("x", [500]))));
  (await executor.compile(program, {})).dispose();
  const variants = Object.entries(executor.info.details).filter(([name]) =>
    name.startsWith("variant reduce")
  );
  assert.deepEqual(variants, [["variant reduce 1x512x1", "invocation"]]);
  await executor.dispose();
  gpu.check();
});
