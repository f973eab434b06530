import assert from "node:assert/strict";
import { expand } from "./expand.ts";
import * as fn from "./functions.ts";
import { type Graph, trace } from "./graph.ts";
import type { Tensor } from "./ops.ts";

Deno.test("make() returns the operand that a node would equal", () => {
  trace((graph) => {
    const x = graph.input("x", [2, 3]);
    const same: readonly (readonly [string, Tensor])[] = [
      ["x + 0", fn.add(x, 0)],
      ["0 + x", fn.add(0, x)],
      ["x - 0", fn.sub(x, 0)],
      ["x * 1", fn.mul(x, 1)],
      ["1 * x", fn.mul(1, x)],
      ["x / 1", fn.div(x, 1)],
      ["x + zeros", fn.add(x, graph.fill(0, [2, 3]))],
      ["reshape", fn.reshape(x, [2, 3])],
      ["transpose", fn.transpose(x, [0, 1])],
      ["slice", fn.slice(x, [0, 0], [2, 3])],
      ["pad", fn.pad(x, [0, 0], [0, 0])],
      ["concat", fn.concat([x], 1)],
      ["broadcast", fn.broadcast(x, [2, 3])],
      ["sum over nothing", fn.sum(x, { axes: [] })],
      ["sumTo", fn.sumTo(x, [2, 3])],
    ];
    for (const [name, node] of same) assert.equal(node, x, name);
  });
});

Deno.test("make() keeps nodes that only look like an operand", () => {
  trace((graph) => {
    const x = graph.input("x", [2, 3]);
    const different: readonly (readonly [string, Tensor])[] = [
      ["0 - x", fn.sub(0, x)],
      ["1 / x", fn.div(1, x)],
      ["x * 0", fn.mul(x, 0)],
      ["a larger shape", fn.add(x, graph.fill(0, [2, 2, 3]))],
      ["zeros that are not constant", fn.add(x, graph.input("zeros", [2, 3]))],
      ["several constants", fn.mul(x, graph.constant([1, 1, 1], [3]))],
      ["max", fn.maximum(x, 0)],
      ["swapped axes of equal size", fn.transpose(graph.input("square", [2, 2]), [1, 0])],
    ];
    for (const [name, node] of different) assert.notEqual(node, x, name);
  });
});

/** Ops of a program and of what lowering makes of it. */
function opsBeforeAndAfter(build: (x: Tensor, graph: Graph) => Tensor) {
  const program = trace((graph) => graph.output("y", build(graph.input("x", [2, 3, 4]), graph)));
  return [program, expand(program)].map(({ nodes }) => nodes.map(({ op }) => op).join(" "));
}

Deno.test("expand() goes around nodes, and tracing does not", () => {
  const found = {
    neg: opsBeforeAndAfter((x) => fn.neg(fn.neg(x))),
    reshape: opsBeforeAndAfter((x) => fn.reshape(fn.reshape(x, [6, 4]), [8, 3])),
    "reshape back": opsBeforeAndAfter((x) => fn.reshape(fn.reshape(x, [6, 4]), [2, 3, 4])),
    transpose: opsBeforeAndAfter((x) => fn.transpose(fn.transpose(x, [1, 2, 0]), [1, 2, 0])),
    "transpose back": opsBeforeAndAfter((x) => fn.transpose(fn.transpose(x, [1, 2, 0]), [2, 0, 1])),
    slice: opsBeforeAndAfter((x) => fn.narrow(fn.narrow(x, 2, 1, 3), 2, 1, 2)),
    broadcast: opsBeforeAndAfter((x) => fn.broadcast(fn.broadcast(x, [1, 2, 3, 4]), [5, 2, 3, 4])),
  };
  assert.deepEqual(found, {
    neg: ["input unary unary", "input"],
    reshape: ["input reshape reshape", "input reshape"],
    "reshape back": ["input reshape reshape", "input"],
    transpose: ["input transpose transpose", "input transpose"],
    "transpose back": ["input transpose transpose", "input"],
    slice: ["input slice slice", "input slice"],
    broadcast: ["input broadcast broadcast", "input broadcast"],
  });
});

Deno.test("expand() merges the attributes of the nodes it joins", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [2, 3, 4]);
    graph.output("slice", fn.slice(fn.slice(x, [0, 1, 1], [2, 2, 3]), [1, 0, 1], [1, 1, 2]));
    graph.output("transpose", fn.transpose(fn.transpose(x, [1, 2, 0]), [1, 2, 0]));
  });
  const { outputs } = expand(program);
  assert.deepEqual(outputs.slice!.attributes, { starts: [1, 1, 2], sizes: [1, 1, 2] });
  assert.deepEqual(outputs.transpose!.attributes, { perm: [2, 0, 1] });
});
