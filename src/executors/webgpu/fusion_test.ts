import assert from "node:assert/strict";
import { sizeOf } from "../../core/shape.ts";
import { gradients } from "../../graph/autodiff.ts";
import * as fn from "../../graph/functions.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type LeafSpec, normal, type OpCase, opCase, programOf } from "../cases/case.ts";
import type { LoweringContext } from "./kernel.ts";
import { fuseProducts } from "./fusion.ts";
import { nativeProgram, schedule } from "./schedule.ts";
import { caseTests } from "./testing.ts";

const context: LoweringContext = {
  software: true,
  maxInvocations: 256,
  maxWorkgroupStorageBytes: 16_384,
  scratch: (label, size) => ({ kind: "scratch", label, size }),
  variant: (_family, _shapeClass, [first]) => first!,
};

/** Ops of the nodes that get dispatches of their own, in order. */
function dispatched(testCase: OpCase): string[] {
  const { steps } = schedule(nativeProgram(programOf(testCase)), () => context, [fuseProducts]);
  return [...new Set(steps.map(({ node }) => node))].map(({ op }) => op);
}

function fused<I extends string>(
  name: string,
  inputs: Readonly<Record<I, LeafSpec>>,
  apply: (leaves: Readonly<Record<I, Tensor>>, graph: Graph) => Tensor | Record<string, Tensor>,
): OpCase {
  return opCase("matmul", `fused ${name}`, inputs, { length: 64 }, apply);
}

const x = normal([2, 5, 12]);
const layer = { x, w: normal([8, 12]), bias: normal([8]) };
const odd = { x: normal([7, 5]), w: normal([9, 5]), bias: normal([9]) };
const lora = { ...layer, a: normal([3, 12]), b: normal([8, 3]), gain: normal([3]) };
const residual = normal([2, 5, 8]);

/** Cases with the ops that are left to dispatch. */
const table: readonly (readonly [OpCase, readonly string[]])[] = [
  [fused("linear, relu", layer, ({ x, w, bias }) => fn.relu(fn.linear(x, w, bias))), ["unary"]],
  [fused("linear, gelu by erf", odd, ({ x, w, bias }) => fn.gelu(fn.linear(x, w, bias))), ["gelu"]],
  [
    fused("linear, gelu by tanh", layer, ({ x, w, bias }) => fn.gelu(fn.linear(x, w, bias), "tanh")),
    ["gelu"],
  ],
  [
    fused(
      "linear, residual",
      { ...layer, residual },
      ({ x, w, bias, residual }) => fn.add(residual, fn.linear(x, w, bias)),
    ),
    ["binary"],
  ],
  [
    fused(
      "linear, relu, residual",
      { ...odd, residual: normal([7, 9]) },
      ({ x, w, bias, residual }) => fn.add(fn.relu(fn.linear(x, w, bias)), residual),
    ),
    ["binary"],
  ],
  [
    fused(
      "loraLinear, gelu, residual",
      { ...lora, residual },
      ({ x, w, bias, a, b, gain, residual }) =>
        fn.add(fn.gelu(fn.loraLinear(x, w, bias, a, b, gain)), residual),
    ),
    ["matmul", "binary"],
  ],
  [
    fused("matmul, bias, reshape, relu", { a: normal([6, 5]), b: normal([5, 7]), bias: normal([7]) }, ({
      a,
      b,
      bias,
    }) => fn.relu(fn.reshape(fn.add(fn.matmul(a, b), bias), [2, 3, 7]))),
    ["unary"],
  ],
  [
    fused("batched matmul, product", { a: normal([3, 4, 8]), b: normal([3, 8, 4]), c: normal([3, 4, 4]) }, ({
      a,
      b,
      c,
    }) => fn.mul(fn.matmul(a, b), c)),
    ["binary"],
  ],
  ...(["erf", "tanh"] as const).map((kind) =>
    [
      fused(
        `matmul, slope of gelu by ${kind}`,
        { a: normal([6, 8]), b: normal([8, 4]), pre: normal([6, 4]) },
        (
          { a, b, pre },
          graph,
        ) => graph.make("geluGrad", { kind }, [pre, fn.matmul(a, b)]),
      ),
      ["geluGrad"],
    ] as const
  ),
  [
    fused(
      "long k, residual",
      { a: normal([3, 300]), b: normal([300, 8]), c: normal([3, 8]) },
      ({ a, b, c }) => fn.add(fn.matmul(a, b), c),
    ),
    ["binary"],
  ],
  [
    fused("two products and a residual", {
      dy: normal([2, 5, 8]),
      w: normal([8, 12]),
      du: normal([2, 5, 3]),
      a: normal([3, 12]),
      residual: normal([2, 5, 12]),
    }, ({ dy, w, du, a, residual }) => fn.add(residual, fn.add(fn.matmul(du, a), fn.matmul(dy, w)))),
    ["binary"],
  ],
  [
    fused(
      "two products, transposed",
      {
        dy: normal([6, 8]),
        w: normal([12, 8]),
        du: normal([6, 5]),
        a: normal([12, 5]),
      },
      ({ dy, w, du, a }) =>
        fn.add(fn.matmul(dy, w, { transposeB: true }), fn.matmul(du, a, { transposeB: true })),
    ),
    ["binary"],
  ],
];
/** Patterns that must not be taken apart. */
const kept: readonly (readonly [OpCase, readonly string[]])[] = [
  [
    fused("nothing: the product is an output", layer, ({ x, w, bias }) => {
      const y = fn.linear(x, w, bias);
      return { y, z: fn.relu(y) };
    }),
    ["linear", "unary"],
  ],
  [
    fused("nothing: the product has two users", layer, ({ x, w, bias }) => {
      const y = fn.linear(x, w, bias);
      return fn.mul(fn.gelu(y), fn.exp(y));
    }),
    ["linear", "gelu", "unary", "binary"],
  ],
  [
    fused("nothing: the product twice", layer, ({ x, w, bias }) => {
      const y = fn.linear(x, w, bias);
      return fn.add(y, y);
    }),
    ["linear", "binary"],
  ],
  [
    fused("nothing: the product is the smaller one", {
      a: normal([1, 4]),
      b: normal([4, 5]),
      c: normal([3, 5]),
    }, (
      { a, b, c },
    ) => fn.add(fn.matmul(a, b), c)),
    ["matmul", "binary"],
  ],
  [
    fused("only one of a product and its transpose", {
      a: normal([6, 8]),
      b: normal([8, 6]),
      u: normal([6, 2]),
      v: normal([6, 2]),
    }, ({ a, b, u, v }) => fn.add(fn.matmul(a, b), fn.matmul(u, v, { transposeB: true }))),
    ["matmul", "binary"],
  ],
];

for (const [testCase, ops] of [...table, ...kept]) {
  Deno.test(`fuseProducts() leaves ${ops.join(", ")} of ${testCase.name}`, () => {
    assert.deepEqual(dispatched(testCase), ops);
  });
}
caseTests([...table, ...kept].map(([testCase]) => testCase));

/** Loss and gradients of a LoRA layer between others, all in one program. */
const step = fused("LoRA layer, backward", lora, ({ x, w, bias, a, b, gain }) => {
  const hidden = fn.gelu(fn.loraLinear(fn.gelu(x), w, bias, a, b, gain));
  const [dx, da, db, dgain] = gradients(fn.sum(fn.mul(hidden, hidden)), [x, a, b, gain]);
  return { dx: dx!, da: da!, db: db!, dgain: dgain! };
});
caseTests([step]);

Deno.test("fuseProducts() computes the input gradient of a LoRA layer by one kernel, without b a", () => {
  const program = nativeProgram(programOf(step));
  const { steps } = schedule(program, () => context, [fuseProducts]);
  const products = steps.filter(({ dispatch }) => dispatch.kernel.startsWith("matmul/"));
  const dx = products.filter(({ node, dispatch }) =>
    node.op === "geluGrad" && dispatch.constants.LOW_RANK === 1
  );
  assert.equal(dx.length, 1);
  for (const { node } of products) assert.notEqual(sizeOf(node.shape), 8 * 12, "b a or dW was formed");
});
