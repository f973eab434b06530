import assert from "node:assert/strict";
import { gradients } from "../../graph/autodiff.ts";
import {
  add,
  attention,
  broadcast,
  concat,
  gelu,
  layerNorm,
  linear,
  loraLinear,
  matmul,
  mul,
  narrow,
  pad,
  reshape,
  sum,
} from "../../graph/functions.ts";
import { Graph } from "../../graph/graph.ts";
import type { OpName, Tensor } from "../../graph/ops.ts";
import { checkAgainstReference, type OpCase, programOf } from "../cases.ts";
import { normal, opCase } from "../cases/case.ts";
import { createOnnxExecutor } from "./executor.ts";
import { lowerProgram } from "./lowering.ts";
import { encodeModel } from "./model.ts";
import { loadRuntime } from "./session.ts";

const executor = await createOnnxExecutor({ flavour: "node" });

/** ONNX op types of a case's program. */
function opTypes(testCase: OpCase): string[] {
  return lowerProgram(programOf(testCase)).model.graph.node.map(({ opType }) => opType);
}

function count(types: readonly string[], wanted: string): number {
  return types.filter((type) => type === wanted).length;
}

type Leaves = Readonly<Record<string, Tensor>>;

/** A LoRA projection to packed q, k and v, attention, and the gradients of LoRA training. */
function adaptedAttention({ x, w, bias, a, b, gain, seed }: Leaves, queries: number): Record<string, Tensor> {
  const qkv = loraLinear(x!, w!, bias!, a!, b!, gain!);
  const y = narrow(attention(qkv, 2), 1, 0, queries);
  const [dx, da, db, dgain] = gradients(sum(mul(y, seed!)), [x!, a!, b!, gain!]);
  return { y, dx: dx!, da: da!, db: db!, dgain: dgain! };
}

function adaptedCase(op: OpName, name: string, tokens: number, queries: number): OpCase {
  const leaves = {
    x: normal([3, tokens, 8]),
    w: normal([24, 8], 0, 0.3),
    bias: normal([24]),
    a: normal([2, 8]),
    b: normal([24, 2], 0, 0.3),
    gain: normal([2]),
    seed: normal([3, queries, 8]),
  };
  return opCase(op, name, leaves, { length: 200 }, (inputs) => adaptedAttention(inputs, queries));
}

const merged = adaptedCase("loraLinear", "with more rows than inputs", 5, 5);
const unmerged = adaptedCase("loraLinear", "with fewer rows than inputs", 2, 2);
const leading = adaptedCase("attention", "of which the first two tokens are used", 5, 2);

for (const testCase of [merged, unmerged, leading]) {
  Deno.test(`lowerProgram() keeps the meaning of ${testCase.name}`, () =>
    checkAgainstReference(executor, testCase));
}

Deno.test("lowerProgram() merges a LoRA update into the weight when there are more rows than inputs", () => {
  const weightUpdates = (testCase: OpCase) =>
    lowerProgram(programOf(testCase)).model.graph.node.filter(({ opType, input }) =>
      opType === "Gemm" && input[2] === "w"
    ).length;
  assert.equal(weightUpdates(merged), 1);
  assert.equal(weightUpdates(unmerged), 0);
});

Deno.test("lowerProgram() takes q, k and v from parts of the weight, and never packs their gradient", () => {
  const { node } = lowerProgram(programOf(merged)).model.graph;
  const axes = node.filter(({ opType }) => opType === "Split").map(({ attribute }) =>
    attribute!.find(({ name }) => name === "axis")!.i
  );
  // Rows of the weight, of the bias and of B; columns would be those of x wᵀ.
  assert.deepEqual(axes, [0, 0, 0]);
  // What is left to concatenate is dB, by rows.
  assert.equal(count(opTypes(merged), "Concat"), 1);
});

/** LoRA of rank 2 on q and v of a packed projection, as adapters are stacked, with a gain each. */
const stacked = opCase(
  "loraLinear",
  "on two parts of a packed projection",
  {
    x: normal([3, 9, 8]),
    w: normal([24, 8], 0, 0.3),
    bias: normal([24]),
    aq: normal([2, 8]),
    av: normal([2, 8]),
    bq: normal([8, 2], 0, 0.3),
    bv: normal([8, 2], 0, 0.3),
    gain: normal([2]),
    seed: normal([3, 9, 8]),
  },
  { length: 200 },
  ({ x, w, bias, aq, av, bq, bv, gain, seed }) => {
    const a = concat([aq, av]);
    const b = concat([pad(bq, [0, 0], [16, 0]), pad(bv, [16, 0], [0, 0])], 1);
    const y = attention(loraLinear(x, w, bias, a, b, concat([gain, gain])), 2);
    const [dx, daq, dav, dbq, dbv] = gradients(sum(mul(y, seed)), [x, aq, av, bq, bv]);
    return { y, dx: dx!, daq: daq!, dav: dav!, dbq: dbq!, dbv: dbv! };
  },
);

Deno.test("lowerProgram() leaves out the zeros around stacked LoRA factors", async () => {
  await checkAgainstReference(executor, stacked);
  const { node } = lowerProgram(programOf(stacked)).model.graph;
  assert.deepEqual(node.filter(({ opType }) => opType === "Pad"), []);
  const gemms = node.filter(({ opType }) => opType === "Gemm");
  // Of w's parts, those of q and v have an update; k is taken as it is, forward and backward.
  assert.equal(gemms.filter(({ input }) => input[1] === "aq" || input[1] === "av").length, 2);
  // dy b of q and of v; u of both; dA of both; dB of q and of v; q, k and v, and back.
  assert.equal(gemms.length, 2 + 2 + 1 + 1 + 2 + 3 + 3);
});

Deno.test("lowerProgram() keeps the meaning of LoRA factors stacked in other ways", async () => {
  const leaves = {
    x: normal([3, 9, 8]),
    w: normal([24, 8], 0, 0.3),
    bias: normal([24]),
    seed: normal([3, 9, 8]),
  };
  const parts = (b: (first: Tensor, second: Tensor) => readonly Tensor[], rows: readonly [number, number]) =>
    opCase(
      "loraLinear",
      "stacked otherwise",
      {
        ...leaves,
        a: normal([3, 8]),
        first: normal([rows[0], 1], 0, 0.3),
        second: normal([rows[1], 2], 0, 0.3),
        gain: normal([3]),
      },
      { length: 200 },
      ({ x, w, bias, a, first, second, gain, seed }) => {
        const y = attention(loraLinear(x, w, bias, a, concat(b(first, second), 1), gain), 2);
        const [dx, da, one, two] = gradients(sum(mul(y, seed)), [x, a, first, second]);
        return { y, dx: dx!, da: da!, one: one!, two: two! };
      },
    );
  const cases = {
    "v before q": parts((v, q) => [pad(v, [16, 0], [0, 0]), pad(q, [0, 0], [16, 0])], [8, 8]),
    "both on k": parts((k, l) => [pad(k, [8, 0], [8, 0]), pad(l, [8, 0], [8, 0])], [8, 8]),
    "q, and all": parts((q, all) => [pad(q, [0, 0], [16, 0]), all], [8, 24]),
    "over an edge": parts((a, b) => [pad(a, [4, 0], [12, 0]), pad(b, [16, 0], [0, 0])], [8, 8]),
    "half a part": parts((a, b) => [pad(a, [0, 0], [20, 0]), pad(b, [16, 0], [0, 0])], [4, 8]),
  };
  for (const testCase of Object.values(cases)) await checkAgainstReference(executor, testCase);
});

Deno.test("lowerProgram() attends for the used tokens only", () => {
  const { node } = lowerProgram(programOf(leading)).model.graph;
  assert.equal(node.filter(({ opType }) => opType === "Softmax").length, 1);
  assert.equal(node.filter(({ opType }) => opType === "Pad").length, 1);
});

const scaled = opCase(
  "matmul",
  "times a number",
  { a: normal([2, 3, 4]), b: normal([2, 4, 5]), c: normal([3, 4]), d: normal([4, 5]) },
  { length: 4 },
  ({ a, b, c, d }) => {
    const shared = matmul(c, d);
    return {
      batched: mul(matmul(a, b), 0.5),
      plain: mul(-3, matmul(c, d)),
      shared: add(shared, mul(shared, 2)),
    };
  },
);

Deno.test("lowerProgram() scales a product that is used once inside the product", async () => {
  await checkAgainstReference(executor, scaled);
  // `plain` and `shared` are the same product, so it is used three times.
  assert.equal(count(opTypes(scaled), "Mul"), 2);
});

const shapes = opCase(
  "reshape",
  "within a chain of elementwise ops",
  {
    x: normal([2, 3, 4]),
    row: normal([4]),
    column: normal([2, 3, 1]),
    plane: normal([3, 4]),
    flat: normal([6, 4]),
  },
  { length: 4 },
  ({ x, row, column, plane, flat }, graph) => {
    const normed = layerNorm(x, row, row, 1e-5);
    const chain = mul(add(gelu(normed), row), reshape(flat, [2, 3, 4]));
    const wide = broadcast(graph.fill(2), [2, 3, 4]);
    return {
      chain,
      column: mul(chain, column),
      plane: mul(chain, plane),
      wide: add(wide, chain),
      again: reshape(add(reshape(chain, [24]), 1), [4, 6]),
    };
  },
);

Deno.test("lowerProgram() keeps the meaning of values in several shapes", () =>
  checkAgainstReference(executor, shapes));

Deno.test("lowerProgram() names a shape of a value once", () => {
  const chain = opCase(
    "gelu",
    "between products",
    { x: normal([2, 3, 4]), w: normal([4, 4]), bias: normal([4]) },
    { length: 4 },
    ({ x, w, bias }) => add(linear(gelu(linear(x, w, bias)), w, bias), x),
  );
  // The input as rows and the result in its shape; nothing in between.
  assert.equal(count(opTypes(chain), "Reshape"), 2);
});

Deno.test("lowerProgram() shares the statistics of a layer norm with its derivative", async () => {
  const norm = opCase(
    "layerNorm",
    "with its derivative",
    { x: normal([5, 8]), gamma: normal([8]), beta: normal([8]), seed: normal([5, 8]) },
    { length: 16 },
    ({ x, gamma, beta, seed }) => {
      const y = layerNorm(x, gamma, beta, 1e-5);
      return { y, dx: gradients(sum(mul(y, seed)), [x])[0]! };
    },
  );
  await checkAgainstReference(executor, norm);
  assert.equal(count(opTypes(norm), "LayerNormalization"), 1);
});

Deno.test("lowerProgram() computes the error function of GELU and of its derivative once", async () => {
  const activation = (withDerivative: boolean) =>
    opCase(
      "gelu",
      withDerivative ? "with its derivative" : "alone",
      { x: normal([5, 8], 0, 2), seed: normal([5, 8]) },
      { length: 4 },
      ({ x, seed }) => {
        const y = gelu(x);
        return { y, ...(withDerivative && { dx: gradients(sum(mul(y, seed)), [x])[0]! }) };
      },
    );
  await checkAgainstReference(executor, activation(true));
  assert.equal(count(opTypes(activation(true)), "Erf"), 1);
  assert.equal(count(opTypes(activation(true)), "Gelu"), 0);
  assert.deepEqual(opTypes(activation(false)), ["Gelu"]);
});

Deno.test("lowerProgram() gives GELU the same bits with its derivative beside it as alone", async () => {
  const values = Float32Array.from({ length: 4096 }, (_, i) => (i - 2048) / 256);
  const run = async (withDerivative: boolean) => {
    const graph = new Graph();
    const x = graph.input("x", [64, 64]);
    const y = gelu(x);
    graph.output("y", y);
    if (withDerivative) graph.output("dx", gradients(sum(y), [x])[0]!);
    const executable = await executor.compile(graph.finish(), {});
    const { y: found } = await executable.run({ x: values }, withDerivative ? ["y", "dx"] : ["y"]);
    executable.dispose();
    return found;
  };
  assert.deepEqual(await run(true), await run(false));
});

Deno.test("lowerProgram() makes frozen states initialisers, and feeds the others", () => {
  const graph = new Graph();
  graph.output("y", mul(add(graph.state("w", [2]), graph.state("v", [2])), graph.input("x", [2])));
  const lowered = lowerProgram(graph.finish(), { frozen: { w: Float32Array.of(1, 2) } });
  assert.deepEqual(lowered.model.graph.input.map(({ name }) => name), ["x", "v"]);
  assert.deepEqual(lowered.model.graph.initializer.map(({ name }) => name), ["w"]);
  assert.deepEqual(lowered.states, { v: "v" });
});

Deno.test("lowerProgram() gives inputs, outputs and updates of one name different values", () => {
  const graph = new Graph();
  const x = graph.input("x", [2]);
  const state = graph.state("state", [2]);
  graph.output("x", add(x, state));
  graph.output("next state", x);
  graph.update("state", mul(state, x));
  const { inputs, states, outputs, updates } = lowerProgram(graph.finish());
  const names = [inputs, states, outputs, updates].flatMap((record) => Object.values(record));
  assert.equal(new Set(names).size, 5);
});

Deno.test("lowerProgram() can do with the ONNX standard alone", async () => {
  const program = programOf(leading);
  const { model, inputs, outputs } = lowerProgram(program, { portable: true, metadata: { origin: "test" } });
  assert.ok(model.graph.node.every(({ domain }) => !domain));
  assert.deepEqual(model.opsetImport.map(({ domain }) => domain), [""]);
  assert.deepEqual(model.metadataProps, [{ key: "origin", value: "test" }]);
  const { createSession, Tensor } = await loadRuntime("node", 1);
  const session = await createSession(encodeModel(model));
  const feeds = Object.fromEntries(
    Object.entries(leading.inputs).map(([name, { values, shape }]) => [
      inputs[name]!,
      new Tensor("float32", values as Float32Array, shape),
    ]),
  );
  const results = await session.run(feeds);
  const executable = await executor.compile(program, {});
  const values = Object.fromEntries(
    Object.entries(leading.inputs).map(([name, leaf]) => [name, leaf.values]),
  );
  for (const [name, wanted] of Object.entries(await executable.run(values, Object.keys(outputs)))) {
    const found = results[outputs[name]!]!.data as Float32Array;
    found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-4, `${name} at ${i}`));
  }
  executable.dispose();
  await session.release();
});
