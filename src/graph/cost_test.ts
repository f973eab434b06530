import assert from "node:assert/strict";
import { gradients } from "./autodiff.ts";
import { type Cost, costOf } from "./cost.ts";
import { expand } from "./expand.ts";
import * as fn from "./functions.ts";
import { type Graph, type Program, trace } from "./graph.ts";
import { compositeOps, type OpName, type Tensor } from "./ops.ts";

function costOfTensor(build: (graph: Graph) => Tensor): Cost {
  const { flop, bytes } = costOf(trace((graph) => graph.output("y", build(graph))));
  return { flop, bytes };
}

/** Worked by hand; sizes are distinct primes where they can be, so that no two factors can be confused. */
const worked: Readonly<
  Record<string, readonly [build: (graph: Graph) => Tensor, flop: number, bytes: number]>
> = {
  "a product [2,3] by [3,5]": [
    (g) => fn.matmul(g.input("a", [2, 3]), g.input("b", [3, 5])),
    2 * 2 * 3 * 5,
    4 * (6 + 15 + 10),
  ],
  "the same with both operands stored transposed": [
    (g) => fn.matmul(g.input("a", [3, 2]), g.input("b", [5, 3]), { transposeA: true, transposeB: true }),
    2 * 2 * 3 * 5,
    4 * (6 + 15 + 10),
  ],
  "a batch of 7 products": [
    (g) => fn.matmul(g.input("a", [7, 2, 3]), g.input("b", [7, 3, 5])),
    7 * 2 * 2 * 3 * 5,
    4 * 7 * (6 + 15 + 10),
  ],
  "a square: one operand, read once": [
    (g) => {
      const x = g.input("x", [11]);
      return fn.mul(x, x);
    },
    11,
    4 * (11 + 11),
  ],
  "a sum with a broadcast row": [
    (g) => fn.add(g.input("x", [2, 3]), g.input("row", [3])),
    6,
    4 * (6 + 3 + 6),
  ],
  "a reduction: one FLOP for each element read": [
    (g) => fn.sum(g.input("x", [2, 3]), { axes: [1], keepDims: true }),
    6,
    4 * (6 + 2),
  ],
  "softmax": [(g) => fn.softmax(g.input("x", [2, 3])), 5 * 6, 4 * (6 + 6)],
  "a reshape: nothing": [(g) => fn.reshape(g.input("x", [2, 3]), [6]), 0, 0],
  "a transpose": [(g) => fn.transpose(g.input("x", [2, 3]), [1, 0]), 0, 4 * (6 + 6)],
  "bytes as numbers": [(g) => fn.fromBytes(g.input("x", [2, 3], "u8")), 0, 6 + 4 * 6],
  "a slice: reads what it gives": [(g) => fn.narrow(g.input("x", [100, 3]), 0, 5, 2), 0, 4 * (6 + 6)],
  "a gather: reads what it gives, and the index": [
    (g) => fn.gather(g.input("x", [100, 3]), g.input("i", [2], "i32")),
    0,
    4 * (6 + 2 + 6),
  ],
  "scatter-add: one addition for each update": [
    (g) => fn.scatterAdd(g.input("x", [2, 3]), g.input("i", [2], "i32"), 7),
    6,
    4 * (6 + 2 + 21),
  ],
  // x wᵀ is 2·5·3·2, the bias one more for each of the 10 results.
  "linear [2,3] to [2,5]": [
    (g) => fn.linear(g.input("x", [2, 3]), g.input("w", [5, 3]), g.input("bias", [5])),
    60 + 10,
    4 * (6 + 15 + 5 + 10),
  ],
  // u = x aᵀ: 2·2·3·1 FLOP, 6 + 3 + 2 elements. Then linear's 70; u ∘ gain: 2; times bᵀ: 2·2·1·5; their sum: 10.
  "loraLinear of rank 1 over that": [
    (g) =>
      fn.loraLinear(
        ...[g.input("x", [2, 3]), g.input("w", [5, 3]), g.input("bias", [5])] as const,
        ...[g.input("a", [1, 3]), g.input("b", [5, 1]), g.input("gain", [1])] as const,
      ),
    12 + 70 + 2 + 20 + 10,
    4 * (6 + 3 + 2) + 4 * (6 + 15 + 5 + 2 + 5 + 1 + 10),
  ],
  // Per row of d = 3: mean 3 + 1, centring 3, squares 3, their mean 3 + 1, epsilon, root, reciprocal, scaling 3, gamma 3,
  // beta 3.
  "layerNorm of 2 rows of 3": [
    (g) => fn.layerNorm(g.input("x", [2, 3]), g.input("gamma", [3]), g.input("beta", [3]), 1e-6),
    2 * (4 + 3 + 3 + 4 + 3 + 3 + 3 + 3),
    4 * (6 + 3 + 3 + 6),
  ],
  // 7 images, 5 tokens, 2 heads of 3: scaling q, scores, softmax, values.
  "attention": [
    (g) => fn.attention(g.input("qkv", [7, 5, 18]), 2),
    7 * (5 * 6 + 2 * (2 * 5 * 5 * 3) + 2 * (5 * 5 * 5) + 2 * (2 * 5 * 5 * 3)),
    4 * 7 * 5 * (18 + 6),
  ],
  // x/√2, erf, + 1, · 1/2, · x.
  "gelu": [(g) => fn.gelu(g.input("x", [11])), 5 * 11, 4 * (11 + 11)],
};

for (const [name, [build, flop, bytes]] of Object.entries(worked)) {
  Deno.test(`costOf() agrees with the worked example of ${name}`, () => {
    assert.deepEqual(costOfTensor(build), { flop, bytes });
  });
}

Deno.test("costOf() agrees with a Vision Transformer's forward pass worked by hand", () => {
  // 3 images of 2 patches of 4 numbers, width 6, one block of 2 heads, hidden width 10, 5 classes.
  const [n, t, d, heads, hidden, classes, patch] = [3, 3, 6, 2, 10, 5, 4] as const;
  const program = trace((graph) => {
    const map = (name: string, x: Tensor, inputs: number, outputs: number) =>
      fn.linear(x, graph.state(`${name}.w`, [outputs, inputs]), graph.state(`${name}.b`, [outputs]));
    const norm = (name: string, x: Tensor) =>
      fn.layerNorm(x, graph.state(`${name}.w`, [d]), graph.state(`${name}.b`, [d]), 1e-6);
    const embedded = map("embed", graph.input("patches", [n, t - 1, patch]), patch, d);
    const cls = fn.broadcast(graph.state("cls", [1, 1, d]), [n, 1, d]);
    let x = fn.add(fn.concat([cls, embedded], 1), graph.state("positions", [1, t, d]));
    x = fn.add(x, map("proj", fn.attention(map("qkv", norm("norm1", x), d, 3 * d), heads), d, d));
    x = fn.add(x, map("fc2", fn.gelu(map("fc1", norm("norm2", x), d, hidden)), hidden, d));
    const feature = norm("norm", fn.reshape(fn.narrow(x, 1, 0, 1), [n, d]));
    graph.output("logits", map("head", feature, d, classes));
  });
  const linear = (rows: number, inputs: number, outputs: number) => rows * outputs * (2 * inputs + 1);
  const layerNorm = (rows: number) => rows * (7 * d + 5);
  const rows = n * t;
  const headDim = d / heads;
  const parts = {
    linear: linear(n * (t - 1), patch, d) + linear(rows, d, 3 * d) + linear(rows, d, d) +
      linear(rows, d, hidden) + linear(rows, hidden, d) + linear(n, d, classes),
    layerNorm: 2 * layerNorm(rows) + layerNorm(n),
    attention: rows * d + n * heads * (2 * 2 * t * t * headDim + 5 * t * t),
    gelu: 5 * rows * hidden,
    // Positions and the two residual sums.
    binary: 3 * rows * d,
  };
  const { flop, byOp } = costOf(program);
  for (const [op, wanted] of Object.entries(parts)) assert.equal(byOp[op as OpName]!.flop, wanted, op);
  assert.equal(flop, Object.values(parts).reduce((sum, part) => sum + part, 0));
  assert.deepEqual(byOp.linear!.nodes, 6);
});

/** A program with every composite op, one node of each. */
function composites(): Program {
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  return trace((graph) => {
    let count = 0;
    const f = (...shape: number[]) => graph.input(`f${count++}`, shape);
    const labels = graph.input("labels", [4], "i32");
    const [qkv, x, vector, packed] = [f(2, 3, 12), f(4, 5), f(5), f(3, 7)];
    const nodes: readonly Tensor[] = [
      graph.make("softmaxGrad", {}, [x, f(4, 5)]),
      fn.gelu(x),
      graph.make("geluGrad", { kind: "tanh" }, [x, f(4, 5)]),
      fn.layerNorm(x, vector, f(5), 1e-6),
      graph.make("layerNormGrad", { epsilon: 1e-6 }, [x, vector, f(4, 5)]),
      fn.linear(x, f(6, 5), f(6)),
      graph.make("loraLinear", {}, [x, f(6, 5), f(6), f(4, 2), f(6, 2), f(2)]),
      fn.attention(qkv, 2),
      graph.make("attentionGrad", { heads: 2 }, [qkv, f(2, 3, 4)]),
      fn.crossEntropy(x, labels, vector),
      graph.make("crossEntropyGrad", {}, [x, labels, vector, f(4)]),
      fn.prune(x, f()),
      fn.tiesMerge(x),
      fn.dropRescale(x, 0.5, 7),
      fn.loraGram(f(3, 2, 5), f(3, 6, 2)),
      fn.adamwStep(packed, f(7), f(7), f(3), adam),
      fn.sgdStep(f(2, 7), f(7), f(7), f(1), { momentum: 0.9 }),
    ];
    nodes.forEach((node, i) => graph.output(`${i}`, node));
  });
}

Deno.test("costOf() states every composite op by its definition: the same FLOP, the bytes of one pass", () => {
  const program = composites();
  const { byOp } = costOf(program);
  for (const op of compositeOps) {
    const node = program.nodes.find((node) => node.op === op)!;
    const alone: Program = { ...program, outputs: { y: node } };
    const definition = costOf(expand(alone));
    assert.ok(definition.flop > 0, op);
    assert.equal(byOp[op]!.flop, definition.flop, op);
    const moved = new Set(node.operands);
    const size = [...moved, node].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(byOp[op]!.bytes, 4 * size, op);
    assert.ok(byOp[op]!.bytes <= definition.bytes, op);
  }
});

Deno.test("costOf() counts a node once, and nothing that no result needs", () => {
  const once = costOfTensor((g) => fn.exp(g.input("x", [3])));
  const build = (graph: Graph) => {
    const y = fn.exp(graph.input("x", [3]));
    fn.matmul(graph.input("a", [50, 50]), graph.input("b", [50, 50]));
    graph.output("y", y);
    graph.output("again", y);
    graph.state("s", [3]);
    graph.update("s", y);
  };
  const program = trace(build);
  const { byOp, flop, bytes } = costOf(program);
  assert.deepEqual({ flop, bytes }, once);
  assert.deepEqual(byOp.unary, { ...once, nodes: 1 });
  assert.equal(byOp.matmul, undefined);
  // A program put together by hand may list more than it needs.
  const x = program.inputs["x"]! as Tensor;
  const listed: Program = { ...program, nodes: [...program.nodes, fn.log(x)] };
  assert.equal(costOf(listed).flop, once.flop);
});

Deno.test("costOf() of a step: a gradient with respect to both factors triples a product", () => {
  const build = (withGradient: boolean) => (graph: Graph) => {
    const [a, b] = [graph.input("a", [2, 3]), graph.input("b", [3, 5])];
    const y = fn.matmul(a, b);
    graph.output("y", y);
    if (!withGradient) return;
    gradients(fn.sum(fn.mul(y, graph.input("dy", [2, 5]))), [a, b]).forEach((slope, i) =>
      graph.output(`slope${i}`, slope)
    );
  };
  const products = (withGradient: boolean) => costOf(trace(build(withGradient))).byOp.matmul!.flop;
  assert.equal(products(true), 3 * products(false));
});

Deno.test("costOf() is linear: 20,000 nodes in a chain and a ladder", () => {
  const { flop } = costOf(trace((graph) => {
    let x = graph.input("x", [2]);
    for (let i = 0; i < 10_000; i++) x = fn.gelu(fn.add(fn.mul(x, x), x));
    graph.output("y", x);
  }));
  assert.equal(flop, 10_000 * 2 * (5 + 2));
});
