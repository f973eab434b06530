import assert from "node:assert/strict";
import { add, broadcast, exp, gelu, mul, neg, reshape } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { createContext } from "./context.ts";
import type { Fusion, LoweringContext } from "./kernel.ts";
import { read, write } from "./kernel.ts";
import { lowerNode, schedule } from "./schedule.ts";

const limits = {
  maxBufferSize: 1,
  maxStorageBufferBindingSize: 1,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
};

function context(): LoweringContext {
  const description = {
    vendor: "",
    architecture: "",
    description: "",
    software: false,
    features: [],
    limits,
  };
  return createContext(description, "auto", { forced: {}, measured: () => undefined, answered: () => {} });
}

/** exp(x) + y in one dispatch. */
const expAdd: Fusion = (_program, uses) => (node) => {
  if (node.op !== "binary" || node.attributes.fn !== "add") return undefined;
  const [a, b] = node.operands;
  if (a!.op !== "unary" || a!.attributes.fn !== "exp" || uses(a!) > 1) return undefined;
  return [{
    kernel: "test/exp_add",
    source: "",
    entryPoint: "main",
    constants: {},
    uniforms: [],
    bindings: [read(a!.operands[0]!), read(b!), write(node)],
    workgroups: [1, 1, 1],
  }];
};

Deno.test("schedule() lets a fusion swallow nodes that nothing else needs", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [4]);
    graph.output("y", neg(add(exp(x), x)));
  });
  const { steps } = schedule(program, context, [expAdd]);
  assert.deepEqual(steps.map(({ dispatch }) => dispatch.kernel), ["test/exp_add", "elementwise/neg"]);
});

Deno.test("schedule() tells a fusion about other uses", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [4]);
    const e = exp(x);
    graph.output("y", add(e, x));
    graph.output("e", e);
  });
  const { steps } = schedule(program, context, [expAdd]);
  assert.deepEqual(steps.map(({ dispatch }) => dispatch.kernel), ["elementwise/exp", "elementwise/add"]);
});

Deno.test("schedule() runs neither views nor values that are only read through", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [2, 4]);
    const row = broadcast(reshape(exp(graph.input("row", [4])), [1, 4]), [2, 4]);
    graph.output("y", mul(x, row));
  });
  const { steps } = schedule(program, context, []);
  assert.deepEqual(steps.map(({ dispatch }) => dispatch.kernel), ["elementwise/exp", "elementwise/mul"]);
});

Deno.test("lowerNode() refuses an op without kernels", () => {
  const program = trace((graph) => graph.output("y", gelu(graph.input("x", [4]))));
  assert.throws(() => lowerNode(program.inputs.x as never, context()), /Cannot run input: it has no kernel/);
});
