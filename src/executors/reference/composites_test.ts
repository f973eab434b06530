/**
 * What composite ops mean, written a second time as scalar loops: the expansions are the definition, so they are
 * held against the formulas of the papers here. Gradients are held against differences in `gradients_test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createRng, hash32, hashToUnit } from "../../core/rng.ts";
import type { Shape } from "../../core/shape.ts";
import { expand } from "../../graph/expand.ts";
import * as fn from "../../graph/functions.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import { isComposite, type Tensor } from "../../graph/ops.ts";
import { opCases, programOf } from "../cases.ts";
import { erf } from "./erf.ts";
import { createReferenceExecutor } from "./executor.ts";

const reference = createReferenceExecutor();

function values(size: number, label: string): Float64Array {
  const rng = createRng(0, `composites ${label}`);
  return Float64Array.from({ length: size }, () => rng.normal());
}

/** Applies an op to fed tensors. */
async function apply(
  feeds: readonly (readonly [Shape, Float64Array | Int32Array])[],
  build: (graph: Graph, ...operands: Tensor[]) => Tensor,
): Promise<Float64Array> {
  const program = trace((graph) => {
    const operands = feeds.map(([shape, data], i) =>
      graph.input(`${i}`, shape, data instanceof Int32Array ? "i32" : "f32")
    );
    graph.output("y", build(graph, ...operands));
  });
  const inputs = Object.fromEntries(feeds.map(([, data], i) => [`${i}`, data]));
  return (await (await reference.compile(program, {})).run(inputs, ["y"])).y as Float64Array;
}

function assertNear(found: ArrayLike<number>, wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(found[i]! - value) < 1e-12 * scale, `at ${i} found ${found[i]}, wanted ${value}`);
  });
}

/** Calls `make` for every index below `n`. */
function each<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

const total = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);

Deno.test("gelu is x Φ(x), or its tanh approximation", async () => {
  const x = values(9, "gelu");
  assertNear(
    await apply([[[9], x]], (_, x) => fn.gelu(x!)),
    [...x].map((x) => x * (1 + erf(x / Math.SQRT2)) / 2),
  );
  assertNear(
    await apply([[[9], x]], (_, x) => fn.gelu(x!, "tanh")),
    [...x].map((x) => x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  );
});

Deno.test("layerNorm centres and scales each row by its population variance", async () => {
  const [rows, width, epsilon] = [3, 4, 1e-2];
  const [x, gamma, beta] = [values(12, "x"), values(4, "gamma"), values(4, "beta")];
  const found = await apply(
    [[[rows, width], x], [[width], gamma], [[width], beta]],
    (_, x, gamma, beta) => fn.layerNorm(x!, gamma!, beta!, epsilon),
  );
  const wanted = each(rows, (r) => {
    const row = [...x.subarray(r * width, (r + 1) * width)];
    const mean = total(row) / width;
    const variance = total(row.map((v) => (v - mean) ** 2)) / width;
    return row.map((v, i) => (v - mean) / Math.sqrt(variance + epsilon) * gamma[i]! + beta[i]!);
  });
  assertNear(found, wanted.flat());
});

Deno.test("loraLinear adds the gained low-rank product to the frozen layer", async () => {
  const [n, inputs, outputs, rank] = [3, 4, 5, 2];
  const [x, w, bias] = [values(n * inputs, "x"), values(outputs * inputs, "w"), values(outputs, "bias")];
  const [a, b, gain] = [values(rank * inputs, "a"), values(outputs * rank, "b"), values(rank, "gain")];
  const found = await apply(
    [[[n, inputs], x], [[outputs, inputs], w], [[outputs], bias], [[rank, inputs], a], [[outputs, rank], b], [
      [rank],
      gain,
    ]],
    (_, x, w, bias, a, b, gain) => fn.loraLinear(x!, w!, bias!, a!, b!, gain!),
  );
  // The merged weight w + b diag(gain) a.
  const merged = (o: number, i: number) =>
    w[o * inputs + i]! + total(each(rank, (r) => b[o * rank + r]! * gain[r]! * a[r * inputs + i]!));
  const wanted = each(
    n,
    (row) => each(outputs, (o) => bias[o]! + total(each(inputs, (i) => x[row * inputs + i]! * merged(o, i)))),
  );
  assertNear(found, wanted.flat());
});

Deno.test("attention mixes values by softmax of scaled scores, in each head and sample alone", async () => {
  const [batch, tokens, heads, headDim] = [2, 3, 2, 4];
  const dim = heads * headDim;
  const qkv = values(batch * tokens * 3 * dim, "qkv");
  const part = (which: number, s: number, t: number, h: number, d: number) =>
    qkv[(s * tokens + t) * 3 * dim + which * dim + h * headDim + d]!;
  const found = await apply([[[batch, tokens, 3 * dim], qkv]], (_, qkv) => fn.attention(qkv!, heads));
  const wanted = each(batch, (s) =>
    each(tokens, (t) =>
      each(heads, (h) => {
        const scores = each(tokens, (other) =>
          total(each(headDim, (d) => part(0, s, t, h, d) * part(1, s, other, h, d))) / Math.sqrt(headDim));
        const weights = scores.map(Math.exp);
        return each(headDim, (d) =>
          total(weights.map((weight, other) =>
            weight * part(2, s, other, h, d)
          )) / total(weights));
      })));
  assertNear(found, wanted.flat(3));
});

Deno.test("crossEntropy is the negative log-probability among the classes of the mask", async () => {
  const [n, classes] = [3, 4];
  const logits = values(n * classes, "logits");
  const labels = Int32Array.of(0, 3, 2);
  const mask = [1, 0, 1, 1];
  const found = await apply(
    [[[n, classes], logits], [[n], labels], [[classes], Float64Array.from(mask)]],
    (_, logits, labels, mask) => fn.crossEntropy(logits!, labels!, mask!),
  );
  const wanted = each(n, (row) => {
    const exponentials = each(classes, (c) => mask[c]! * Math.exp(logits[row * classes + c]!));
    return -Math.log(exponentials[labels[row]!]! / total(exponentials));
  });
  assertNear(found, wanted);
});

Deno.test("prune keeps what reaches the threshold", async () => {
  const found = await apply(
    [[[4], Float64Array.of(1, -2, 0.5, 2)], [[], Float64Array.of(1)]],
    (_, x, threshold) => fn.prune(x!, threshold!),
  );
  assertNear(found, [1, -2, 0, 2]);
});

Deno.test("tiesMerge elects a sign by mass and averages the entries that agree", async () => {
  const stack = Float64Array.of(3, -1, 2, 0, -1, -2, -2, 0, 1, -4, 0, 0);
  const found = await apply([[[3, 4], stack]], (_, stack) => fn.tiesMerge(stack!));
  // Sums are 3, -7, 0, 0: the third column has no majority.
  assertNear(found, [2, -7 / 3, 0, 0]);
});

Deno.test("dropRescale drops by the counter-based hash and keeps the expectation", async () => {
  const x = values(1000, "x");
  const found = await apply([[[1000], x]], (_, x) => fn.dropRescale(x!, 0.25, 9));
  assertNear(found, each(1000, (i) => hashToUnit(hash32(9, i)) >= 0.25 ? x[i]! / 0.75 : 0));
  assert.ok(Math.abs(found.filter((value) => value === 0).length - 250) < 50);
});

Deno.test("loraGram is the Gram matrix of the products b a", async () => {
  const [n, rank, inputs, outputs] = [3, 2, 4, 5];
  const [a, b] = [values(n * rank * inputs, "a"), values(n * outputs * rank, "b")];
  const found = await apply(
    [[[n, rank, inputs], a], [[n, outputs, rank], b]],
    (_, a, b) => fn.loraGram(a!, b!),
  );
  const products = each(
    n,
    (k) =>
      each(
        outputs,
        (o) =>
          each(inputs, (i) =>
            total(each(rank, (r) => b[(k * outputs + o) * rank + r]! * a[(k * rank + r) * inputs + i]!))),
      ).flat(),
  );
  assertNear(
    found,
    each(n, (k) => each(n, (l) => total(products[k]!.map((v, i) => v * products[l]![i]!)))).flat(),
  );
});

Deno.test("adamwStep is Adam with bias correction and decoupled decay", async () => {
  const size = 3;
  const [beta1, beta2, epsilon, rate, t] = [0.9, 0.99, 1e-8, 0.1, 4];
  const packed = values(3 * size, "packed").map((value, i) => i < 2 * size ? value : value * value);
  const [grad, decay] = [values(size, "grad"), Float64Array.of(0.01, 0, 0.1)];
  const hyper = Float64Array.of(rate, 1 - beta1 ** t, 1 - beta2 ** t);
  const found = await apply(
    [[[3, size], packed], [[size], grad], [[size], decay], [[3], hyper]],
    (_, packed, grad, decay, hyper) =>
      fn.adamwStep(packed!, grad!, decay!, hyper!, { beta1, beta2, epsilon }),
  );
  const steps = each(size, (i) => {
    const [theta, m, v, g] = [packed[i]!, packed[size + i]!, packed[2 * size + i]!, grad[i]!];
    const first = beta1 * m + (1 - beta1) * g;
    const second = beta2 * v + (1 - beta2) * g * g;
    const direction = first / (1 - beta1 ** t) / (Math.sqrt(second / (1 - beta2 ** t)) + epsilon);
    return [theta - rate * direction - rate * decay[i]! * theta, first, second];
  });
  assertNear(found, each(3, (row) => steps.map((step) => step[row]!)).flat());
});

Deno.test("sgdStep is momentum SGD with coupled decay", async () => {
  const size = 3;
  const [packed, grad, decay] = [values(2 * size, "packed"), values(size, "grad"), values(size, "decay")];
  const found = await apply(
    [[[2, size], packed], [[size], grad], [[size], decay], [[1], Float64Array.of(0.1)]],
    (_, packed, grad, decay, rate) => fn.sgdStep(packed!, grad!, decay!, rate!, { momentum: 0.9 }),
  );
  const velocity = each(size, (i) => 0.9 * packed[size + i]! + grad[i]! + decay[i]! * packed[i]!);
  assertNear(found, [...velocity.map((v, i) => packed[i]! - 0.1 * v), ...velocity]);
});

Deno.test("expand() leaves primitives only and keeps inputs, states, outputs and shapes", () => {
  for (const testCase of opCases) {
    const program = programOf(testCase);
    const expanded = expand(program);
    assert.equal(expanded.nodes.find(isComposite), undefined, testCase.name);
    assert.deepEqual(Object.keys(expanded.inputs), Object.keys(program.inputs), testCase.name);
    assert.deepEqual(Object.keys(expanded.states), Object.keys(program.states), testCase.name);
    for (const [name, { shape, dtype }] of Object.entries(program.outputs)) {
      const found = expanded.outputs[name]!;
      assert.deepEqual([found.shape, found.dtype], [shape, dtype], testCase.name);
    }
  }
});
