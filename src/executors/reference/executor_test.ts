import assert from "node:assert/strict";
import * as fn from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { createReferenceExecutor } from "./executor.ts";

const reference = createReferenceExecutor();

function countingProgram() {
  return trace((graph) => {
    const [s, x] = [graph.state("s", [2]), graph.input("x", [2])];
    graph.output("old", s);
    graph.update("s", fn.add(s, x));
  });
}

Deno.test("tensor() keeps float64 and integer values, and starts at zero", async () => {
  const values = Float64Array.of(0.1, 1e300);
  assert.deepEqual(await reference.tensor({ shape: [2], values }).read(), values);
  assert.deepEqual(await reference.tensor({ shape: [2, 1] }).read(), new Float64Array(2));
  const labels = reference.tensor({ shape: [2], dtype: "i32", values: Int32Array.of(-1, 7) });
  assert.deepEqual(await labels.read(), Int32Array.of(-1, 7));
  assert.deepEqual(await reference.tensor({ shape: [1], dtype: "i32" }).read(), new Int32Array(1));
});

Deno.test("tensor() shares no memory with what was written or read", async () => {
  const values = Float64Array.of(1, 2);
  const tensor = reference.tensor({ shape: [2], values });
  values[0] = 9;
  (await tensor.read())[1] = 9;
  assert.deepEqual(await tensor.read(), Float64Array.of(1, 2));
});

Deno.test("tensor() refuses a wrong number of values, a write when frozen, and use after disposal", async () => {
  const wrong = { shape: [2], values: new Float32Array(3), label: "weights" };
  assert.throws(
    () => reference.tensor(wrong),
    /Cannot write weights of shape \[2\]: found 3 values, wanted 2/,
  );
  const frozen = reference.tensor({ shape: [1], frozen: true });
  assert.throws(() => frozen.write(new Float32Array(1)), /it is frozen/);
  frozen.dispose();
  await assert.rejects(frozen.read(), /it is disposed/);
});

Deno.test("run() applies updates after outputs are read, and reads only what is asked for", async () => {
  const s = reference.tensor({ shape: [2], values: Float32Array.of(1, 2) });
  const executable = await reference.compile(countingProgram(), { s });
  const x = Int32Array.of(10, 20);
  assert.deepEqual(await executable.run({ x }), {});
  assert.deepEqual(await executable.run({ x }, ["old"]), { old: Float64Array.of(11, 22) });
  assert.deepEqual(await s.read(), Float64Array.of(21, 42));
});

Deno.test("run() returns values that later runs do not change", async () => {
  const s = reference.tensor({ shape: [2] });
  const executable = await reference.compile(countingProgram(), { s });
  const { old } = await executable.run({ x: Float32Array.of(1, 1) }, ["old"]);
  await executable.run({ x: Float32Array.of(1, 1) });
  old!.fill(5);
  assert.deepEqual(await s.read(), Float64Array.of(2, 2));
});

Deno.test("run() refuses missing, unknown and misshapen inputs, and unknown outputs", async () => {
  const s = reference.tensor({ shape: [2] });
  const executable = await reference.compile(countingProgram(), { s });
  const x = new Float32Array(2);
  await assert.rejects(executable.run({}), /input "x" has no values, wanted 2/);
  await assert.rejects(executable.run({ x: new Float32Array(3) }), /input "x" has 3 values, wanted 2/);
  await assert.rejects(executable.run({ x, y: x }), /the program has no input "y"/);
  await assert.rejects(executable.run({ x }, ["new"]), /Cannot read output "new"/);
  assert.deepEqual(await s.read(), new Float64Array(2), "a refused run must update nothing");
});

Deno.test("compile() refuses states without a fitting tensor", async () => {
  const program = countingProgram();
  const refuse = (s: Parameters<typeof reference.tensor>[0], message: RegExp) =>
    assert.rejects(reference.compile(program, { s: reference.tensor(s) }), message);
  await assert.rejects(reference.compile(program, {}), /found nothing, wanted f32\[2\]/);
  await refuse({ shape: [3] }, /found f32\[3\], wanted f32\[2\]/);
  await refuse({ shape: [2], dtype: "i32" }, /found i32\[2\], wanted f32\[2\]/);
  await refuse({ shape: [2], frozen: true }, /the program updates it, but the tensor is frozen/);
  const foreign = { ...reference.tensor({ shape: [2] }), shape: [2], dtype: "f32", frozen: false } as const;
  const stranger = { ...foreign, write() {}, read: () => Promise.resolve(new Float64Array(2)), dispose() {} };
  await assert.rejects(reference.compile(program, { s: stranger }), /belongs to another executor/);
});

Deno.test("createReferenceExecutor() rounds every value to float32 when asked to", async () => {
  const program = trace((graph) => graph.output("y", fn.mul(graph.input("x", [1]), 0.1)));
  const feeds = { x: Float64Array.of(3) };
  const exact = await (await reference.compile(program, {})).run(feeds, ["y"]);
  const single = createReferenceExecutor({ rounding: "f32" });
  const rounded = await (await single.compile(program, {})).run(feeds, ["y"]);
  assert.equal(exact.y![0], 3 * 0.1);
  assert.equal(rounded.y![0], Math.fround(3 * Math.fround(0.1)));
});
