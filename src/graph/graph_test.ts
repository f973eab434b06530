import assert from "node:assert/strict";
import { gradients } from "./autodiff.ts";
import { expand } from "./expand.ts";
import * as fn from "./functions.ts";
import { Graph, type Program, trace } from "./graph.ts";
import { isComposite, type Tensor } from "./ops.ts";

/** What every program must satisfy. */
function checkProgram(program: Program): void {
  const position = new Map(program.nodes.map((node, i) => [node, i]));
  assert.equal(position.size, program.nodes.length, "no node twice");
  for (const node of program.nodes) {
    for (const operand of node.operands) {
      assert.ok(position.get(operand)! < position.get(node)!, `operands of ${node.op} come first`);
      assert.ok(operand.id < node.id, "ids ascend");
    }
  }
  const results = [...Object.values(program.outputs), ...Object.values(program.updates)];
  for (const node of results) assert.ok(position.has(node), "results are among the nodes");
  const used = new Set<Tensor>([...results, ...program.nodes.flatMap(({ operands }) => operands)]);
  for (const node of program.nodes) {
    const written = node.op === "state" && node.attributes.name in program.updates;
    assert.ok(used.has(node) || written, `${node.op} is needed`);
    if (node.op === "state") assert.equal(program.states[node.attributes.name], node);
    if (node.op === "input") assert.equal(program.inputs[node.attributes.name], node);
  }
  for (const state of Object.values(program.states)) assert.ok(position.has(state as Tensor));
}

function network(graph: Graph): void {
  const x = graph.input("x", [2, 5, 8]);
  graph.input("unused", [3]);
  const state = (name: string, shape: readonly number[]) => graph.state(name, shape);
  const parameters = [
    state("w", [24, 8]),
    state("bias", [24]),
    state("gamma", [8]),
    state("beta", [8]),
  ] as const;
  const [w, bias, gamma, beta] = parameters;
  const y = fn.attention(fn.linear(fn.layerNorm(x, gamma, beta, 1e-6), w, bias), 2);
  const logits = fn.reshape(fn.narrow(fn.gelu(y), 1, 0, 1), [2, 8]);
  const losses = fn.crossEntropy(logits, graph.input("labels", [2], "i32"), graph.fill(1, [8]));
  const loss = fn.mean(losses);
  graph.output("loss", loss);
  fn.exp(loss);
  gradients(loss, parameters).forEach((gradient, i) => {
    const { attributes } = parameters[i]! as Extract<Tensor, { op: "state" }>;
    graph.update(attributes.name, fn.sub(parameters[i]!, fn.mul(gradient, 0.1)));
  });
}

Deno.test("trace() orders nodes, keeps only what is needed, and so does expand()", () => {
  const program = trace(network);
  checkProgram(program);
  checkProgram(expand(program));
  checkProgram(expand(program, ({ op }) => op === "attention" || op === "layerNorm"));
});

Deno.test("expand() keeps native composites and expands the rest, also inside expansions", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [2, 3]);
    const [w, bias] = [graph.input("w", [4, 3]), graph.input("bias", [4])];
    graph.output(
      "y",
      fn.gelu(
        fn.loraLinear(x, w, bias, graph.input("a", [1, 3]), graph.input("b", [4, 1]), graph.input("g", [1])),
      ),
    );
  });
  const composites = (native: readonly string[]) =>
    expand(program, ({ op }) => native.includes(op)).nodes.filter(isComposite).map(({ op }) => op);
  assert.deepEqual(composites([]), []);
  assert.deepEqual(composites(["gelu"]), ["gelu"]);
  assert.deepEqual(composites(["linear"]), ["linear"]);
  assert.deepEqual(composites(["loraLinear", "linear", "gelu"]), ["loraLinear", "gelu"]);
});

Deno.test("trace() declares unused inputs, but not unused states", () => {
  const program = trace((graph) => {
    graph.input("x", [2]);
    graph.state("s", [2]);
    graph.output("y", graph.constant([1], [1]));
  });
  for (const found of [program, expand(program)]) {
    assert.deepEqual(Object.keys(found.inputs), ["x"]);
    assert.deepEqual(Object.keys(found.states), []);
    assert.deepEqual(found.nodes.map(({ op }) => op), ["constant"]);
  }
});

Deno.test("trace() keeps a state that is only written", () => {
  const program = trace((graph) => {
    graph.state("s", [1]);
    graph.update("s", graph.constant([1], [1]));
  });
  assert.deepEqual(Object.keys(expand(program).states), ["s"]);
  checkProgram(program);
});

Deno.test("make() gives equal expressions the same node", () => {
  trace((graph) => {
    const [x, y] = [graph.input("x", [2, 3]), graph.input("y", [2, 3])];
    assert.equal(fn.add(x, y), fn.add(x, y));
    assert.equal(fn.exp(fn.mul(x, 2)), fn.exp(fn.mul(x, 2)));
    assert.equal(graph.constant([1, 2], [2]), graph.constant(Float32Array.of(1, 2), [2]));
    assert.equal(fn.uniform(graph, [3], 1), fn.uniform(graph, [3], 1));
    assert.equal(graph.state("s", [2]), graph.state("s", [2]));
  });
});

Deno.test("make() keeps apart what differs in attributes, operands, order, shape, type or bits", () => {
  trace((graph) => {
    const [x, y] = [graph.input("x", [2, 2]), graph.input("y", [2, 2])];
    const nodes = [
      fn.sub(x, y),
      fn.sub(y, x),
      fn.matmul(x, y),
      fn.matmul(x, y, { transposeA: true }),
      fn.matmul(x, y, { transposeB: true }),
      fn.gelu(x, "erf"),
      fn.gelu(x, "tanh"),
      graph.constant([1, 2], [2]),
      graph.constant([1, 2], [1, 2]),
      graph.constant([1, 2], [2], "i32"),
      graph.constant([1, 2 + 2 ** -50], [2]),
      graph.constant([0], []),
      graph.constant([-0], []),
      graph.constant([NaN], []),
      fn.uniform(graph, [3], 1),
      fn.uniform(graph, [3], 2),
    ];
    assert.equal(new Set(nodes).size, nodes.length);
  });
});

Deno.test("make() refuses operands of another graph", () => {
  const x = new Graph().input("x", [2]);
  const y = new Graph().input("y", [2]);
  assert.throws(
    () => fn.add(x, y),
    /Cannot apply add|Cannot apply binary: an operand belongs to another graph/,
  );
});

Deno.test("input(), state(), output() and update() refuse names that are taken or unknown", () => {
  trace((graph) => {
    const x = graph.input("x", [2]);
    graph.state("s", [2]);
    assert.throws(() => graph.input("x", [2]), /Cannot declare input "x": the name is taken/);
    assert.throws(() => graph.state("s", [3]), /Cannot declare state "s": the name is taken/);
    assert.throws(() => graph.state("s", [2], "i32"), /Cannot declare state "s": the name is taken/);
    graph.output("y", x);
    assert.throws(() => graph.output("y", x), /Cannot name output "y": the name is taken/);
    assert.throws(() => graph.update("t", x), /Cannot update state "t": the program has no such state/);
    graph.update("s", x);
    assert.throws(() => graph.update("s", x), /Cannot update state "s": it is updated already/);
  });
});

Deno.test("input(), state(), output() and update() accept the names of object properties", () => {
  const program = trace((graph) => {
    const x = graph.input("constructor", [2]);
    graph.state("toString", [2]);
    assert.throws(() => graph.update("valueOf", x), /no such state/);
    graph.update("toString", x);
    graph.output("hasOwnProperty", x);
  });
  assert.deepEqual(Object.keys(program.inputs), ["constructor"]);
  assert.deepEqual(Object.keys(program.states), ["toString"]);
});

Deno.test("update() refuses another shape or type", () => {
  trace((graph) => {
    graph.state("s", [2]);
    const wrong = /Cannot update state "s": found f32\[3\], wanted f32\[2\]/;
    assert.throws(() => graph.update("s", graph.fill(0, [3])), wrong);
    assert.throws(
      () => graph.update("s", graph.constant([1, 2], [2], "i32")),
      /found i32\[2\], wanted f32\[2\]/,
    );
  });
});

Deno.test("constant() refuses a wrong number of values", () => {
  assert.throws(() => new Graph().constant([1, 2], [3]), /found 2 values, wanted 3/);
});
