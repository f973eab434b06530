/**
 * The derivative of every op against central differences in float64.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import { gradients } from "../../graph/autodiff.ts";
import * as fn from "../../graph/functions.ts";
import { type Graph, type Program, trace } from "../../graph/graph.ts";
import type { BinaryFn, OpName, Tensor, UnaryFn } from "../../graph/ops.ts";
import { between, bytes, drawLeaf, given, integers, type LeafSpec, normal } from "../cases/case.ts";
import type { HostArray } from "../executor.ts";
import { createReferenceExecutor } from "./executor.ts";

const reference = createReferenceExecutor();

/** An op at a point where it is smooth. */
interface SmoothCase {
  readonly inputs: Readonly<Record<string, LeafSpec>>;
  apply(leaves: Readonly<Record<string, Tensor>>, graph: Graph): Tensor;
}

function smooth<I extends string>(
  inputs: Readonly<Record<I, LeafSpec>>,
  apply: (leaves: Readonly<Record<I, Tensor>>, graph: Graph) => Tensor,
): SmoothCase {
  return { inputs, apply: (leaves, graph) => apply(leaves as Record<I, Tensor>, graph) };
}

/** Σ weights ∘ y with fixed random weights: a loss to which every element matters differently. */
function weightedSum(y: Tensor, label: string): Tensor {
  const rng = createRng(1, label);
  const graph = y.graph as Graph;
  return fn.sum(
    fn.mul(y, graph.constant(Array.from({ length: sizeOf(y.shape) }, () => rng.normal()), y.shape)),
  );
}

/** The loss and its gradients by input; at order 2 the loss is a weighted sum of first gradients. */
function differentiate({ inputs, apply }: SmoothCase, order: 1 | 2): Program {
  return trace((graph) => {
    const leaves = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, graph.input(name, shape, dtype)]),
    );
    const names = Object.keys(inputs).filter((name) => inputs[name]!.dtype === "f32");
    const sources = names.map((name) => leaves[name]!);
    let loss = weightedSum(apply(leaves, graph), "first");
    if (order === 2) {
      loss = gradients(loss, sources).map((gradient, i) => weightedSum(gradient, `second ${i}`))
        .reduce((total, part) => fn.add(total, part));
    }
    graph.output("loss", loss);
    gradients(loss, sources).forEach((gradient, i) => graph.output(`d ${names[i]}`, gradient));
  });
}

/** Compares each partial derivative with (f(x + h) - f(x - h)) / 2h. */
async function checkGradients(label: string, testCase: SmoothCase, order: 1 | 2 = 1): Promise<void> {
  const run = await reference.compile(differentiate(testCase, order), {});
  const feeds: Record<string, HostArray> = Object.fromEntries(
    Object.entries(testCase.inputs).map(([name, spec]) => {
      const { values, dtype } = drawLeaf(spec, `gradient of ${label}/${name}`);
      return [name, dtype === "f32" ? Float64Array.from(values) : values];
    }),
  );
  const lossAt = async (name: string, i: number, shift: number) => {
    const moved = feeds[name]!.slice();
    moved[i]! += shift;
    return (await run.run({ ...feeds, [name]: moved }, ["loss"])).loss![0]!;
  };
  for (const [name, { dtype, shape }] of Object.entries(testCase.inputs)) {
    if (dtype !== "f32") continue;
    const gradient = (await run.run(feeds, [`d ${name}`]))[`d ${name}`]!;
    const scale = Math.max(1, ...Array.from(gradient, Math.abs));
    assert.equal(gradient.length, sizeOf(shape));
    for (let i = 0; i < gradient.length; i++) {
      const step = 1e-5;
      const wanted = (await lossAt(name, i, step) - await lossAt(name, i, -step)) / (2 * step);
      const error = Math.abs(gradient[i]! - wanted) / scale;
      assert.ok(error < 1e-8, `${label}: d ${name}[${i}] is ${gradient[i]}, central difference ${wanted}`);
    }
  }
}

/** Values no two of which are close, so that small steps change no comparison. */
function apart(shape: readonly number[]): LeafSpec {
  const size = sizeOf(shape);
  const order = createRng(0, `apart ${shape}`).shuffle(Array.from({ length: size }, (_, i) => i));
  return given(shape, order.map((rank) => (rank - size / 2 + 0.25) * 0.3));
}

const unaryCases: { readonly [F in UnaryFn]: SmoothCase } = {
  neg: smooth({ x: normal([3]) }, ({ x }) => fn.neg(x)),
  exp: smooth({ x: normal([3]) }, ({ x }) => fn.exp(x)),
  log: smooth({ x: between([3], 0.5, 2) }, ({ x }) => fn.log(x)),
  sqrt: smooth({ x: between([3], 0.5, 2) }, ({ x }) => fn.sqrt(x)),
  reciprocal: smooth({ x: between([3], 0.5, 2) }, ({ x }) => fn.reciprocal(x)),
  abs: smooth({ x: apart([4]) }, ({ x }) => fn.abs(x)),
  sign: smooth({ x: apart([4]) }, ({ x }) => fn.sign(x)),
  tanh: smooth({ x: normal([3]) }, ({ x }) => fn.tanh(x)),
  erf: smooth({ x: normal([3]) }, ({ x }) => fn.erf(x)),
  relu: smooth({ x: apart([4]) }, ({ x }) => fn.relu(x)),
};

function binaryCase(name: BinaryFn, b: LeafSpec = normal([3, 1])): SmoothCase {
  return smooth({ a: normal([2, 1, 2]), b }, ({ a, b }) => fn[name](a, b));
}

const binaryCases: { readonly [F in BinaryFn]: SmoothCase } = {
  add: binaryCase("add"),
  sub: binaryCase("sub"),
  mul: binaryCase("mul"),
  div: binaryCase("div", between([3, 1], 0.5, 2)),
  maximum: binaryCase("maximum"),
  minimum: binaryCase("minimum"),
  greater: binaryCase("greater"),
  greaterEqual: binaryCase("greaterEqual"),
  equal: binaryCase("equal"),
};

const flags = [[false, false], [false, true], [true, false], [true, true]] as const;
const adamOptions = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3 };

/** For each op, cases that between them move every operand a derivative exists for. */
const cases: { readonly [K in Exclude<OpName, "input" | "state">]: Readonly<Record<string, SmoothCase>> } = {
  constant: {
    times: smooth({ x: normal([2]) }, ({ x }, graph) => fn.mul(x, graph.constant([2, 3, 4, 5], [2, 2]))),
  },
  uniform: { times: smooth({ x: normal([2]) }, ({ x }, graph) => fn.mul(x, fn.uniform(graph, [3, 2], 5))) },
  unary: unaryCases,
  binary: {
    ...binaryCases,
    "scalar with tensor": smooth({ a: normal([]), b: normal([3]) }, ({ a, b }) => fn.mul(a, b)),
    "operand twice": smooth({ x: between([3], 0.5, 2) }, ({ x }) => fn.add(fn.mul(x, x), fn.div(x, x))),
  },
  where: {
    broadcast: smooth(
      { condition: apart([3, 1]), a: normal([2]), b: normal([2, 1, 1]) },
      ({ condition, a, b }) => fn.where(fn.greater(condition, 0), a, b),
    ),
  },
  reduce: {
    sum: smooth({ x: normal([2, 3, 2]) }, ({ x }) => fn.sum(x, { axes: [0, 2] })),
    "sum kept": smooth({ x: normal([2, 3]) }, ({ x }) => fn.sum(x, { axes: [1], keepDims: true })),
    mean: smooth({ x: normal([2, 3]) }, ({ x }) => fn.mean(x)),
    max: smooth({ x: apart([2, 3, 2]) }, ({ x }) => fn.max(x, { axes: [0, 2] })),
  },
  matmul: {
    ...Object.fromEntries(flags.flatMap(([transposeA, transposeB]) => {
      const [a, b] = [transposeA ? [2, 3] : [3, 2], transposeB ? [4, 2] : [2, 4]];
      const options = { transposeA, transposeB };
      return [[], [2], [2, 1]].map((batch) => [
        `${JSON.stringify(options)} batch [${batch}]`,
        smooth(
          { a: normal([...batch, ...a]), b: normal([...batch, ...b]) },
          ({ a, b }, graph) => graph.make("matmul", options, [a, b]),
        ),
      ]);
    })),
    "one matrix for a batch": smooth(
      { a: normal([2, 3, 2]), b: normal([2, 4]) },
      ({ a, b }) => fn.matmul(a, b),
    ),
    "with itself": smooth({ x: normal([3, 2]) }, ({ x }) => fn.matmul(x, x, { transposeA: true })),
    "square of itself": smooth({ x: normal([3, 3]) }, ({ x }) => fn.matmul(x, x)),
  },
  reshape: { any: smooth({ x: normal([2, 3]) }, ({ x }) => fn.reshape(x, [3, 2])) },
  transpose: {
    cycle: smooth({ x: normal([2, 3, 4]) }, ({ x }) => fn.transpose(x, [2, 0, 1])),
    swap: smooth({ x: normal([2, 3]) }, ({ x }) => fn.transpose(x, [1, 0])),
  },
  slice: { inner: smooth({ x: normal([3, 4]) }, ({ x }) => fn.slice(x, [1, 1], [2, 2])) },
  pad: { uneven: smooth({ x: normal([2, 2]) }, ({ x }) => fn.pad(x, [1, 0], [0, 2])) },
  concat: {
    three: smooth(
      { a: normal([2, 1]), b: normal([2, 3]), c: normal([2, 2]) },
      ({ a, b, c }) => fn.concat([a, b, c], 1),
    ),
    "operand twice": smooth({ x: normal([2, 2]) }, ({ x }) => fn.concat([x, fn.neg(x), x], -1)),
  },
  broadcast: { "new and old axis": smooth({ x: normal([2, 1]) }, ({ x }) => fn.broadcast(x, [3, 2, 2])) },
  gather: {
    repeated: smooth(
      { table: normal([4, 2]), index: given([5], [3, 0, 3, 3, 1], "i32") },
      ({ table, index }) => fn.gather(table, index),
    ),
    "matrix of indices": smooth(
      { table: normal([3, 2, 2]), index: integers([2, 2], 3) },
      ({ table, index }) => fn.gather(table, index),
    ),
    "scalar index": smooth(
      { table: normal([3, 2]), index: given([], [2], "i32") },
      ({ table, index }) => fn.gather(table, index),
    ),
    "table of scalars": smooth(
      { table: normal([3]), index: integers([4], 3) },
      ({ table, index }) => fn.gather(table, index),
    ),
  },
  scatterAdd: {
    repeated: smooth(
      { x: normal([4, 2]), index: given([4], [2, 0, 2, 2], "i32") },
      ({ x, index }) => fn.scatterAdd(x, index, 3),
    ),
  },
  oneHot: {
    times: smooth(
      { x: normal([3]), index: integers([2], 3) },
      ({ x, index }) => fn.mul(x, fn.oneHot(index, 3)),
    ),
  },
  fromBytes: {
    times: smooth(
      { x: normal([2]), images: bytes([3, 2]) },
      ({ x, images }) => fn.mul(x, fn.fromBytes(images)),
    ),
  },
  softmax: { rows: smooth({ x: normal([2, 3]) }, ({ x }) => fn.softmax(x)) },
  topKThreshold: {
    pruned: smooth({ x: apart([6]) }, ({ x }) => fn.prune(x, fn.topKThreshold(x, 3))),
  },
  softmaxGrad: {
    both: smooth(
      { y: normal([2, 3]), dy: normal([2, 3]) },
      ({ y, dy }, graph) => graph.make("softmaxGrad", {}, [y, dy]),
    ),
    "operand twice": smooth({ x: normal([2, 3]) }, ({ x }, graph) => graph.make("softmaxGrad", {}, [x, x])),
  },
  gelu: {
    erf: smooth({ x: normal([4]) }, ({ x }) => fn.gelu(x, "erf")),
    tanh: smooth({ x: normal([4]) }, ({ x }) => fn.gelu(x, "tanh")),
  },
  geluGrad: {
    erf: smooth(
      { x: normal([4]), dy: normal([4]) },
      ({ x, dy }, graph) => graph.make("geluGrad", { kind: "erf" }, [x, dy]),
    ),
    tanh: smooth(
      { x: normal([4]), dy: normal([4]) },
      ({ x, dy }, graph) => graph.make("geluGrad", { kind: "tanh" }, [x, dy]),
    ),
  },
  layerNorm: Object.fromEntries(
    [[4], [3, 4], [2, 2, 4]].map((shape) => [
      `rank ${shape.length}`,
      smooth(
        { x: normal(shape), gamma: normal([4]), beta: normal([4]) },
        ({ x, gamma, beta }) => fn.layerNorm(x, gamma, beta, 1e-2),
      ),
    ]),
  ),
  layerNormGrad: {
    rows: smooth(
      { x: normal([2, 3]), gamma: normal([3]), dy: normal([2, 3]) },
      ({ x, gamma, dy }, graph) => graph.make("layerNormGrad", { epsilon: 1e-2 }, [x, gamma, dy]),
    ),
  },
  linear: {
    matrix: smooth(
      { x: normal([3, 2]), w: normal([4, 2]), bias: normal([4]) },
      ({ x, w, bias }) => fn.linear(x, w, bias),
    ),
    batch: smooth(
      { x: normal([2, 3, 2]), w: normal([4, 2]), bias: normal([4]) },
      ({ x, w, bias }) => fn.linear(x, w, bias),
    ),
    "operand twice": smooth({ x: normal([3, 3]), bias: normal([3]) }, ({ x, bias }) => fn.linear(x, x, bias)),
  },
  loraLinear: Object.fromEntries(
    [[3], [2, 3]].map((lead) => [
      `lead ${lead}`,
      smooth(
        {
          x: normal([...lead, 2]),
          w: normal([4, 2]),
          bias: normal([4]),
          a: normal([3, 2]),
          b: normal([4, 3]),
          gain: normal([3]),
        },
        ({ x, w, bias, a, b, gain }) => fn.loraLinear(x, w, bias, a, b, gain),
      ),
    ]),
  ),
  attention: {
    "one head": smooth({ qkv: normal([1, 3, 6]) }, ({ qkv }) => fn.attention(qkv, 1)),
    "batch and heads": smooth({ qkv: normal([2, 3, 12]) }, ({ qkv }) => fn.attention(qkv, 2)),
  },
  attentionGrad: {
    "batch and heads": smooth(
      { qkv: normal([2, 2, 6]), dy: normal([2, 2, 2]) },
      ({ qkv, dy }, graph) => graph.make("attentionGrad", { heads: 2 }, [qkv, dy]),
    ),
  },
  crossEntropy: {
    masked: smooth(
      { logits: normal([3, 3]), labels: given([3], [0, 2, 2], "i32") },
      ({ logits, labels }, graph) => fn.crossEntropy(logits, labels, graph.constant([1, 0, 1], [3])),
    ),
  },
  crossEntropyGrad: {
    masked: smooth(
      { logits: normal([2, 4]), labels: given([2], [0, 3], "i32"), dy: normal([2]) },
      ({ logits, labels, dy }, graph) =>
        graph.make("crossEntropyGrad", {}, [logits, labels, graph.constant([1, 0, 1, 1], [4]), dy]),
    ),
  },
  prune: { half: smooth({ x: apart([6]) }, ({ x }, graph) => fn.prune(x, graph.constant([0.5], []))) },
  tiesMerge: { three: smooth({ stack: apart([3, 4]) }, ({ stack }) => fn.tiesMerge(stack)) },
  dropRescale: { half: smooth({ x: normal([6]) }, ({ x }) => fn.dropRescale(x, 0.5, 3)) },
  loraGram: {
    pairs: smooth({ a: normal([2, 2, 3]), b: normal([2, 4, 2]) }, ({ a, b }) => fn.loraGram(a, b)),
    "operand twice": smooth({ x: normal([2, 2, 2]) }, ({ x }) => fn.loraGram(x, x)),
  },
  adamwStep: {
    all: smooth(
      { packed: between([3, 2], 0.5, 1), grad: normal([2]), decay: normal([2]), hyper: between([3], 0.5, 1) },
      ({ packed, grad, decay, hyper }) => fn.adamwStep(packed, grad, decay, hyper, adamOptions),
    ),
  },
  sgdStep: {
    all: smooth(
      { packed: normal([2, 2]), grad: normal([2]), decay: normal([2]), hyper: normal([1]) },
      ({ packed, grad, decay, hyper }) => fn.sgdStep(packed, grad, decay, hyper, { momentum: 0.9 }),
    ),
  },
};

for (const [op, byName] of Object.entries(cases)) {
  for (const [name, testCase] of Object.entries(byName)) {
    const label = `${op} ${name}`;
    Deno.test(`gradients() of ${label} are central differences`, () => checkGradients(label, testCase));
  }
}

const twice: Readonly<Record<string, SmoothCase>> = {
  "mul and exp": smooth({ x: normal([3]) }, ({ x }) => fn.mul(fn.exp(x), x)),
  div: cases.binary.div!,
  tanh: unaryCases.tanh,
  erf: unaryCases.erf,
  matmul: smooth({ a: normal([2, 2]), b: normal([2, 2]) }, ({ a, b }) => fn.exp(fn.matmul(a, b))),
  softmax: cases.softmax.rows!,
  "gelu erf": cases.gelu.erf!,
  "gelu tanh": cases.gelu.tanh!,
  layerNorm: cases.layerNorm["rank 2"]!,
  linear: cases.linear.matrix!,
  loraLinear: cases.loraLinear["lead 3"]!,
  attention: cases.attention["one head"]!,
  crossEntropy: cases.crossEntropy.masked!,
  gather: smooth(
    { x: normal([3, 2]), index: integers([4], 3) },
    ({ x, index }) => fn.exp(fn.gather(x, index)),
  ),
};

for (const [name, testCase] of Object.entries(twice)) {
  Deno.test(`gradients() of gradients of ${name} are central differences`, () =>
    checkGradients(`twice ${name}`, testCase, 2));
}

/** Gradients of a loss at given values of its variables. */
async function gradientsAt(
  variables: readonly (readonly [shape: Shape, values: readonly number[]])[],
  build: (...variables: Tensor[]) => readonly [loss: Tensor, ...sources: Tensor[]],
): Promise<readonly number[][]> {
  const program = trace((graph) => {
    const [loss, ...sources] = build(...variables.map(([shape], i) => graph.input(`${i}`, shape)));
    gradients(loss, sources).forEach((gradient, i) => graph.output(`gradient ${i}`, gradient));
  });
  const feeds = Object.fromEntries(variables.map(([, values], i) => [`${i}`, Float64Array.from(values)]));
  const names = Object.keys(program.outputs);
  const results = await (await reference.compile(program, {})).run(feeds, names);
  return names.map((name) => [...results[name]!]);
}

Deno.test("gradients() give a tie of maximum and minimum to the first operand", async () => {
  for (const name of ["maximum", "minimum"] as const) {
    const variables = [[[1], [2]], [[2], [2, 2]]] as const;
    const found = await gradientsAt(variables, (a, b) => [fn.sum(fn[name](a!, b!)), a!, b!]);
    assert.deepEqual(found, [[2], [0, 0]], name);
  }
});

Deno.test("gradients() share a tie of a max reduction evenly", async () => {
  const found = await gradientsAt(
    [[[2, 3], [3, 1, 3, 3, 0, 7]]],
    (x) => [fn.sum(fn.max(x!, { axes: [1] })), x!],
  );
  assert.deepEqual(found, [[0.5, 0, 0.5, 0, 0, 1]]);
});

Deno.test("gradients() of abs, sign and relu are 0 at 0", async () => {
  for (const name of ["abs", "sign", "relu"] as const) {
    assert.deepEqual(await gradientsAt([[[1], [0]]], (x) => [fn.sum(fn[name](x!)), x!]), [[0]], name);
  }
});

Deno.test("gradients() are zeros where the loss does not depend on a tensor, or only through a step", async () => {
  const variables = [[[2], [1, 2]], [[3], [3, 4, 5]], [[], [6]]] as const;
  const found = await gradientsAt(variables, (x, y, z) => {
    const steps = fn.add(fn.sum(fn.greater(y!, 3.5)), fn.topKThreshold(y!, 2));
    return [fn.add(steps, z!), x!, y!, z!];
  });
  assert.deepEqual(found, [[0, 0], [0, 0, 0], [1]]);
});

Deno.test("gradients() of a loss with respect to itself are 1", async () => {
  assert.deepEqual(await gradientsAt([[[1, 1], [7]]], (loss) => [loss!, loss!]), [[1]]);
});

Deno.test("gradients() see a tensor through views of it, even if it is a view itself", async () => {
  const values = [1, 2, 3, 4, 0.5, 0.6, 0.7, 0.8];
  const found = await gradientsAt([[[2, 4], values]], (packed) => {
    const matrix = fn.reshape(fn.narrow(packed!, 0, 0, 1), [2, 2]);
    const row = fn.narrow(packed!, 0, 1, 1);
    const turned = fn.transpose(matrix, [1, 0]);
    const parts = [
      fn.mul(fn.flatten(matrix), fn.flatten(matrix)),
      fn.transpose(turned, [1, 0]),
      fn.narrow(row, 1, 1, 2),
      fn.exp(fn.neg(fn.neg(row))),
    ];
    return [parts.map((part) => fn.sum(part)).reduce((a, b) => fn.add(a, b)), matrix, row];
  });
  const ofMatrix = values.slice(0, 4).map((x) => 2 * x + 1);
  const ofRow = values.slice(4).map((x, i) => Math.exp(x) + (i === 1 || i === 2 ? 1 : 0));
  assert.deepEqual(found, [ofMatrix, ofRow]);
});

Deno.test("gradients() with respect to a negated tensor see it through another negation", async () => {
  const found = await gradientsAt([[[2], [1, 2]]], (x) => {
    const negated = fn.neg(x!);
    return [fn.sum(fn.mul(fn.neg(negated), 3)), negated];
  });
  assert.deepEqual(found, [[-3, -3]]);
});

Deno.test("gradients() of a chain of thousands of nodes exist", async () => {
  const found = await gradientsAt([[[], [1]]], (x) => {
    let y = x!;
    for (let i = 0; i < 10_000; i++) y = fn.mul(y, i % 2 === 0 ? 2 : 0.5);
    return [y, x!];
  });
  assert.deepEqual(found, [[1]]);
});

Deno.test("gradients() with respect to bytes are zero, as bytes are data", () => {
  trace((graph) => {
    const images = graph.input("images", [2, 3], "u8");
    const [gradient] = gradients(fn.sum(fn.fromBytes(images)), [images]);
    assert.deepEqual(gradient, graph.fill(0, [2, 3]));
  });
});

Deno.test("gradients() refuse constants", () => {
  trace((graph) => {
    const one = graph.constant([1], []);
    assert.throws(() => gradients(one, [one]), /found a constant, wanted an input or state/);
  });
});

Deno.test("gradients() refuse a loss of more than one element", () => {
  trace((graph) => {
    const x = graph.input("x", [2]);
    assert.throws(() => gradients(x, [x]), /found a loss of shape \[2\], wanted one element/);
  });
});

Deno.test("gradients() refuse tensors that are computed from each other", () => {
  trace((graph) => {
    const x = graph.input("x", [2]);
    const y = fn.exp(fn.add(x, 1));
    assert.throws(() => gradients(fn.sum(y), [y, x]), /found a tensor computed from another \(input \[2\]\)/);
  });
});
