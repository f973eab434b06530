import assert from "node:assert/strict";
import type { Shape } from "../core/shape.ts";
import * as fn from "./functions.ts";
import { Graph } from "./graph.ts";
import type { OpAttributes, OpName, Tensor } from "./ops.ts";

const graph = new Graph();
let count = 0;

function f(...shape: Shape): Tensor {
  return graph.input(`f32 ${count++}`, shape);
}

function i(...shape: Shape): Tensor {
  return graph.input(`i32 ${count++}`, shape, "i32");
}

function b(...shape: Shape): Tensor {
  return graph.input(`u8 ${count++}`, shape, "u8");
}

function make<K extends OpName>(op: K, attributes: OpAttributes[K], ...operands: Tensor[]): () => Tensor {
  return () => graph.make(op, attributes, operands);
}

const plain = { transposeA: false, transposeB: false };
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** For each op, calls that must fail and the message. Leaves and elementwise ops of one argument cannot fail by shape. */
const refused: { readonly [K in OpName]: readonly (readonly [() => Tensor, RegExp])[] } = {
  input: [[() => graph.input("a", [0]), /Cannot create input "a" of shape \[0\]: sizes must be positive/]],
  state: [[
    () => graph.state("a", [1.5]),
    /Cannot create state "a" of shape \[1.5\]: sizes must be positive/,
  ]],
  constant: [[() => graph.constant([], [0]), /Cannot create constant of shape \[0\]/]],
  uniform: [[() => fn.uniform(graph, [-1], 0), /Cannot create uniform of shape \[-1\]/]],
  unary: [[() => fn.exp(i(2)), /Cannot apply unary: found operand of type i32, wanted f32/]],
  binary: [
    [() => fn.add(f(2), f(3)), /Cannot broadcast \[2\] with \[3\]: sizes 2 and 3 must be equal or 1/],
    [() => fn.add(f(2), i(2)), /Cannot apply binary: found operand of type i32, wanted f32/],
  ],
  where: [
    [() => fn.where(f(2), f(3), f(1)), /Cannot broadcast \[2\] with \[3\]/],
    [() => fn.where(i(2), f(2), f(2)), /Cannot apply where: found operand of type i32/],
  ],
  reduce: [
    [
      make("reduce", { fn: "sum", axes: [] }, f(2)),
      /Cannot apply reduce: found axes \[\], wanted ascending axes of \[2\]/,
    ],
    [
      make("reduce", { fn: "sum", axes: [1, 0] }, f(2, 3)),
      /found axes \[1,0\], wanted ascending axes of \[2,3\]/,
    ],
    [make("reduce", { fn: "max", axes: [2] }, f(2, 3)), /found axes \[2\]/],
    [() => fn.sum(f(2, 3), { axes: [0, -2] }), /found axes \[0,0\]/],
    [() => fn.sum(f(2, 3), { axes: [-3] }), /Cannot use axis -3: the tensor has 2 axes/],
  ],
  matmul: [
    [make("matmul", plain, f(4, 7), f(8, 3)), /a\[4,7\] by b\[8,3\], wanted equal inner sizes, not 7 and 8/],
    [make("matmul", { ...plain, transposeA: true }, f(4, 7), f(7, 3)), /equal inner sizes, not 4 and 7/],
    [make("matmul", plain, f(2, 4, 7), f(3, 7, 3)), /wanted equal ranks and batch axes/],
    [make("matmul", plain, f(2, 4, 7), f(7, 3)), /wanted equal ranks and batch axes/],
    [make("matmul", plain, f(4), f(4)), /wanted equal ranks and batch axes/],
  ],
  reshape: [
    [() => fn.reshape(f(2, 3), [5]), /Cannot apply reshape: found \[2,3\], wanted the size of \[5\]/],
    [() => fn.reshape(f(2, 3), [-2, -3]), /Cannot create reshape of shape \[-2,-3\]/],
  ],
  transpose: [
    [() => fn.transpose(f(2, 3), [0, 0]), /found perm \[0,0\], wanted a permutation of the axes of \[2,3\]/],
    [() => fn.transpose(f(2, 3), [0]), /found perm \[0\]/],
  ],
  slice: [
    [() => fn.slice(f(4), [2], [3]), /found starts \[2\] sizes \[3\], wanted a part of \[4\]/],
    [() => fn.slice(f(4), [-1], [1]), /found starts \[-1\]/],
    [() => fn.slice(f(4), [0], [0]), /sizes \[0\]/],
    [() => fn.slice(f(4, 2), [0], [1]), /wanted a part of \[4,2\]/],
    [() => fn.narrow(f(4, 2), 2, 0, 1), /Cannot use axis 2: the tensor has 2 axes/],
  ],
  pad: [[() => fn.pad(f(4), [-1], [0]), /found \[-1\] and \[0\], wanted non-negative per axis of \[4\]/]],
  concat: [
    [make("concat", { axis: 0 }), /Cannot apply concat: found no operands, wanted at least one/],
    [() => fn.concat([]), /Cannot concatenate: found no tensors, wanted at least one/],
    [() => fn.concat([f(2, 3), f(2, 4)]), /found operand of shape \[2,4\], wanted \[2,3\]/],
    [() => fn.concat([f(2), i(2)]), /found operand of type i32, wanted f32/],
    [() => fn.concat([f(2, 3)], 2), /Cannot use axis 2: the tensor has 2 axes/],
    [make("concat", { axis: 2 }, f(2, 3)), /Cannot apply concat: found axis 2, wanted an axis of \[2,3\]/],
  ],
  broadcast: [
    [() => fn.broadcast(f(3), [2]), /Cannot broadcast \[3\] with \[2\]/],
    [() => fn.broadcast(f(3), [1]), /found \[3\], wanted a shape that broadcasts to \[1\]/],
    [() => fn.broadcast(f(2, 1), [1]), /found \[2,1\], wanted a shape that broadcasts to \[1\]/],
    [() => fn.broadcast(f(1), [0]), /Cannot create broadcast of shape \[0\]/],
  ],
  gather: [
    [() => fn.gather(f(3), f(2)), /Cannot apply gather: found index of type f32, wanted i32/],
    [() => fn.gather(f(), i(2)), /found table of shape \[\], wanted rank 1 or more/],
  ],
  scatterAdd: [
    [() => fn.scatterAdd(f(3, 2), i(2), 4), /found index of shape \[2\], wanted \[3\]/],
    [() => fn.scatterAdd(i(3), i(3), 4), /found updates of type i32, wanted f32/],
    [() => fn.scatterAdd(f(3), f(3), 4), /found index of type f32, wanted i32/],
    [() => fn.scatterAdd(f(), i(), 4), /found updates of shape \[\], wanted rank 1 or more/],
    [() => fn.scatterAdd(f(3), i(3), 0), /Cannot create scatterAdd of shape \[0\]/],
  ],
  oneHot: [
    [() => fn.oneHot(f(3), 4), /found index of type f32, wanted i32/],
    [() => fn.oneHot(i(3), 0), /Cannot create oneHot of shape \[3,0\]/],
  ],
  fromBytes: [
    [() => fn.fromBytes(f(3)), /Cannot apply fromBytes: found x of type f32, wanted u8/],
    [() => fn.fromBytes(i(3)), /found x of type i32, wanted u8/],
  ],
  softmax: [[() => fn.softmax(f()), /found x of shape \[\], wanted rank 1 or more/]],
  topKThreshold: [
    [() => fn.topKThreshold(f(2, 3), 7), /found k = 7, wanted an integer from 1 to 6/],
    [() => fn.topKThreshold(f(2, 3), 0), /found k = 0/],
    [() => fn.topKThreshold(f(2, 3), 1.5), /found k = 1.5/],
  ],
  softmaxGrad: [[make("softmaxGrad", {}, f(2), f(3)), /found dy of shape \[3\], wanted \[2\]/]],
  gelu: [[() => fn.gelu(i(2)), /found operand of type i32/]],
  geluGrad: [[make("geluGrad", { kind: "erf" }, f(2), f(1)), /found dy of shape \[1\], wanted \[2\]/]],
  layerNorm: [
    [() => fn.layerNorm(f(2, 3), f(2), f(3), 1e-6), /found gamma of shape \[2\], wanted \[3\]/],
    [() => fn.layerNorm(f(2, 3), f(3), f(1, 3), 1e-6), /found beta of shape \[1,3\], wanted \[3\]/],
    [() => fn.layerNorm(f(), f(1), f(1), 1e-6), /found x of shape \[\], wanted rank 1 or more/],
  ],
  layerNormGrad: [
    [make("layerNormGrad", { epsilon: 1 }, f(2, 3), f(3), f(3)), /found dy of shape \[3\], wanted \[2,3\]/],
  ],
  linear: [
    [() => fn.linear(f(2, 3), f(3, 4), f(3)), /found w of shape \[3,4\], wanted \[3,3\]/],
    [() => fn.linear(f(2, 3), f(4, 3), f(3)), /found bias of shape \[3\], wanted \[4\]/],
    [() => fn.linear(f(3), f(4, 3), f(4)), /found x of shape \[3\], wanted rank 2 or more/],
  ],
  loraLinear: [
    [
      () => fn.loraLinear(f(2, 3), f(4, 3), f(4), f(2, 3), f(4, 1), f(2)),
      /found b of shape \[4,1\], wanted \[4,2\]/,
    ],
    [
      () => fn.loraLinear(f(2, 3), f(4, 3), f(4), f(2, 3), f(4, 2), f(1)),
      /found gain of shape \[1\], wanted \[2\]/,
    ],
    [
      make("loraLinear", {}, f(2, 3), f(4, 3), f(4), f(3, 2), f(4, 2), f(2)),
      /found u of shape \[3,2\], wanted \[2,2\]/,
    ],
  ],
  attention: [
    [() => fn.attention(f(1, 2, 12), 3), /found qkv of shape \[1,2,12\], wanted .* dim divisible by 3/],
    [() => fn.attention(f(2, 12), 2), /found qkv of shape \[2,12\]/],
    [() => fn.attention(f(1, 2, 12), -1), /found -1 heads, wanted a positive integer/],
    [() => fn.attention(f(1, 2, 9), 1.5), /found 1.5 heads/],
  ],
  attentionGrad: [
    [
      make("attentionGrad", { heads: 1 }, f(1, 2, 12), f(1, 2, 12)),
      /found dy of shape \[1,2,12\], wanted \[1,2,4\]/,
    ],
    [make("attentionGrad", { heads: 3 }, f(1, 2, 12), f(1, 2, 4)), /dim divisible by 3/],
  ],
  crossEntropy: [
    [() => fn.crossEntropy(f(2), i(2), f(2)), /found logits of shape \[2\], wanted \[n,classes\]/],
    [() => fn.crossEntropy(f(2, 3), f(2), f(3)), /found labels of type f32, wanted i32/],
    [() => fn.crossEntropy(f(2, 3), i(3), f(3)), /found labels of shape \[3\], wanted \[2\]/],
    [() => fn.crossEntropy(f(2, 3), i(2), f(2)), /found mask of shape \[2\], wanted \[3\]/],
    [() => fn.crossEntropy(i(2, 3), i(2), f(3)), /found logits of type i32, wanted f32/],
    [() => fn.crossEntropy(f(2, 3), i(2), i(3)), /found mask of type i32, wanted f32/],
  ],
  crossEntropyGrad: [
    [make("crossEntropyGrad", {}, f(2, 3), f(2), f(3), f(2)), /found labels of type f32, wanted i32/],
    [make("crossEntropyGrad", {}, f(2, 3), i(2), f(3), f(2, 3)), /found dy of shape \[2,3\], wanted \[2\]/],
  ],
  prune: [[() => fn.prune(f(2), f(1)), /found threshold of shape \[1\], wanted \[\]/]],
  tiesMerge: [[() => fn.tiesMerge(f()), /found stack of shape \[\], wanted rank 1 or more/]],
  dropRescale: [
    [() => fn.dropRescale(f(2), 1, 0), /found rate 1, wanted 0 <= rate < 1/],
    [() => fn.dropRescale(f(2), NaN, 0), /found rate NaN/],
  ],
  loraGram: [
    [() => fn.loraGram(f(2, 3), f(2, 4, 3)), /found a or b without three axes/],
    [() => fn.loraGram(f(2, 3, 5), f(2, 4, 2)), /found b of shape \[2,4,2\], wanted \[2,4,3\]/],
    [() => fn.loraGram(f(2, 3, 5), f(1, 4, 3)), /found b of shape \[1,4,3\], wanted \[2,4,3\]/],
  ],
  adamwStep: [
    [() => fn.adamwStep(f(2, 5), f(5), f(5), f(3), adam), /found packed of shape \[2,5\], wanted \[3,5\]/],
    [() => fn.adamwStep(f(3, 5), f(5), f(1), f(3), adam), /found decay of shape \[1\], wanted \[5\]/],
    [() => fn.adamwStep(f(3, 5), f(5), f(5), f(2), adam), /found hyper of shape \[2\], wanted \[3\]/],
    [() => fn.adamwStep(f(3, 6), f(2, 3), f(6), f(3), adam), /found grad of shape \[2,3\], wanted \[6\]/],
  ],
  sgdStep: [
    [
      () => fn.sgdStep(f(3, 5), f(5), f(5), f(1), { momentum: 0 }),
      /found packed of shape \[3,5\], wanted \[2,5\]/,
    ],
    [
      () => fn.sgdStep(f(2, 5), f(5), f(5), f(3), { momentum: 0 }),
      /found hyper of shape \[3\], wanted \[1\]/,
    ],
  ],
};

for (const [op, calls] of Object.entries(refused)) {
  Deno.test(`inferType() refuses operands that do not fit ${op}`, () => {
    for (const [call, message] of calls) assert.throws(call, message);
  });
}

Deno.test("inferType() gives every result its shape", () => {
  const cases: readonly (readonly [Tensor, Shape])[] = [
    [fn.add(f(2, 1, 3), f(4, 1)), [2, 4, 3]],
    [fn.where(f(2, 1), f(3), f()), [2, 3]],
    [fn.sum(f(2, 3, 4), { axes: [0, -1] }), [3]],
    [fn.max(f(2, 3, 4), { axes: [1], keepDims: true }), [2, 1, 4]],
    [fn.sum(f(2, 3)), []],
    [fn.sumTo(f(5, 2, 3), [2, 1]), [2, 1]],
    [fn.sumTo(f(1), []), []],
    [fn.matmul(f(2, 5, 3), f(2, 7, 5), { transposeA: true, transposeB: true }), [2, 3, 7]],
    [fn.matmul(f(2, 5, 3), f(3, 7)), [2, 5, 7]],
    [fn.transpose(f(2, 3, 4), [2, 0, 1]), [4, 2, 3]],
    [fn.narrow(f(2, 3, 4), -1, 1, 2), [2, 3, 2]],
    [fn.pad(f(2, 3), [1, 0], [0, 2]), [3, 5]],
    [fn.concat([f(2, 3), f(2, 1)], -1), [2, 4]],
    [fn.gather(f(7, 3), i(2, 2)), [2, 2, 3]],
    [fn.gather(f(7, 3), i()), [3]],
    [fn.scatterAdd(f(4, 3), i(4), 9), [9, 3]],
    [fn.oneHot(i(2, 3), 5), [2, 3, 5]],
    [fn.fromBytes(b(2, 3)), [2, 3]],
    [fn.linear(f(2, 3, 4), f(5, 4), f(5)), [2, 3, 5]],
    [fn.attention(f(2, 3, 12), 2), [2, 3, 4]],
    [fn.crossEntropy(f(4, 3), i(4), f(3)), [4]],
    [fn.topKThreshold(f(4, 3), 2), []],
    [fn.tiesMerge(f(4, 3, 2)), [3, 2]],
    [fn.loraGram(f(4, 2, 3), f(4, 5, 2)), [4, 4]],
  ];
  for (const [node, shape] of cases) {
    assert.deepEqual(node.shape, shape, node.op);
    assert.equal(node.dtype, "f32", node.op);
  }
});

Deno.test("inferType() keeps integers where values only move", () => {
  const cases = [
    fn.reshape(i(4), [2, 2]),
    fn.narrow(i(4), 0, 1, 2),
    fn.concat([i(4), i(1)]),
    fn.gather(i(4), i(2)),
  ];
  for (const node of cases) assert.equal(node.dtype, "i32", node.op);
});

Deno.test("inferType() lets nothing but fromBytes read bytes", () => {
  const calls = [
    () => fn.neg(b(4)),
    () => fn.add(f(4), b(4)),
    () => fn.reshape(b(4), [2, 2]),
    () => fn.narrow(b(4), 0, 1, 2),
    () => fn.concat([b(4), b(1)]),
    () => fn.transpose(b(2, 2), [1, 0]),
    () => fn.gather(b(4, 3), i(2)),
    () => fn.gather(f(4, 3), b(2)),
    () => fn.scatterAdd(b(4, 3), i(4), 5),
    () => fn.oneHot(b(3), 4),
    () => fn.crossEntropy(f(4, 3), b(4), f(3)),
  ];
  for (const call of calls) {
    assert.throws(call, /^RangeError: Cannot apply \w+: found operand of type u8, wanted/);
  }
});

Deno.test("functions refuse two numbers", () => {
  assert.throws(() => fn.add(1, 2), /Cannot apply add: found two numbers, wanted at least one tensor/);
});
