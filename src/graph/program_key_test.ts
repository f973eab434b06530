import assert from "node:assert/strict";
import { add, mul, narrow, reshape, sum, transpose } from "./functions.ts";
import { type Graph, trace } from "./graph.ts";
import { programKey } from "./program_key.ts";

function keyOf(build: (graph: Graph) => void): string {
  return programKey(trace(build));
}

function product(graph: Graph, factor: number | Float64Array = 2): void {
  const x = graph.input("x", [2, 3]);
  const w = graph.state("w", [3]);
  const constant = typeof factor === "number" ? factor : graph.constant(factor, [3]);
  const y = mul(mul(x, w), constant);
  graph.output("y", y);
  graph.update("w", sum(y, { axes: [0] }));
}

Deno.test("programKey() is the same for two traces of one function, whatever else their graphs hold", () => {
  const key = keyOf((graph) => product(graph));
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(keyOf((graph) => product(graph)), key);
  const withUnused = keyOf((graph) => {
    graph.state("unused", [7]);
    graph.constant([1, 2, 3], [3]);
    product(graph);
  });
  assert.equal(withUnused, key);
});

Deno.test("programKey() ignores the order in which results are named", () => {
  const named = (names: readonly ("a" | "b")[]) =>
    keyOf((graph) => {
      const x = graph.input("x", [2]);
      const values = { a: mul(x, x), b: add(x, 1) };
      for (const name of names) graph.output(name, values[name]);
    });
  assert.equal(named(["a", "b"]), named(["b", "a"]));
});

Deno.test("programKey() differs where programs do", () => {
  const variants: Record<string, (graph: Graph) => void> = {
    product: (graph) => product(graph),
    "another number": (graph) => product(graph, 2 + 2 ** -51),
    "zero": (graph) => product(graph, 0),
    "negative zero": (graph) => product(graph, -0),
    "a constant vector": (graph) => product(graph, Float64Array.of(2, 2, 2)),
    "one element of a constant vector": (graph) => product(graph, Float64Array.of(2, 2, 3)),
    "an input's name": (graph) => graph.output("y", graph.input("x2", [2, 3])),
    "an input": (graph) => graph.output("y", graph.input("x", [2, 3])),
    "an input's type": (graph) => graph.output("y", graph.input("x", [2, 3], "i32")),
    "an input's shape": (graph) => graph.output("y", graph.input("x", [3, 2])),
    "a state in place of an input": (graph) => graph.output("y", graph.state("x", [2, 3])),
    "an output's name": (graph) => graph.output("z", graph.input("x", [2, 3])),
    "an unused input": (graph) => {
      graph.output("y", graph.input("x", [2, 3]));
      graph.input("more", [1]);
    },
    "an update": (graph) => {
      const x = graph.state("x", [2, 3]);
      graph.output("y", x);
      graph.update("x", add(x, 1));
    },
    "an update that is an output too": (graph) => {
      const x = graph.state("x", [2, 3]);
      graph.output("y", add(x, 1));
      graph.update("x", add(x, 1));
    },
    "an attribute": (graph) => graph.output("y", narrow(graph.input("x", [2, 3]), 1, 0, 2)),
    "another attribute": (graph) => graph.output("y", narrow(graph.input("x", [2, 3]), 1, 1, 2)),
    "an op": (graph) => graph.output("y", reshape(graph.input("x", [2, 3]), [3, 2])),
    "another op": (graph) => graph.output("y", transpose(graph.input("x", [2, 3]), [1, 0])),
    "operands": (graph) => {
      const [a, b] = [graph.input("a", [2]), graph.input("b", [2])];
      graph.output("y", graph.make("binary", { fn: "sub" }, [a, b]));
    },
    "operands the other way": (graph) => {
      const [a, b] = [graph.input("a", [2]), graph.input("b", [2])];
      graph.output("y", graph.make("binary", { fn: "sub" }, [b, a]));
    },
    "names that look like a list": (graph) => {
      const x = graph.input('a":[]\n"b', [1]);
      graph.output("y", x);
    },
  };
  const known = new Map<string, string>();
  for (const [name, build] of Object.entries(variants)) {
    const key = keyOf(build);
    assert.equal(known.get(key), undefined, `"${name}" has the key of "${known.get(key)}"`);
    known.set(key, name);
  }
});

Deno.test("programKey() tells attributes that JSON cannot", () => {
  const scaled = (epsilon: number) =>
    keyOf((graph) => {
      const [x, w] = [graph.input("x", [2, 3]), graph.input("w", [3])];
      graph.output("y", graph.make("layerNorm", { epsilon }, [x, w, w]));
    });
  const keys = [NaN, Infinity, -Infinity, 0, -0, 1e-6].map(scaled);
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("programKey() is linear: 20,000 nodes and a constant of a million numbers", () => {
  const large = (last: number) =>
    keyOf((graph) => {
      let x = graph.input("x", [2]);
      for (let i = 0; i < 20_000; i++) x = add(mul(x, x), x);
      graph.output("y", x);
      const values = new Float64Array(1_000_000);
      values[values.length - 1] = last;
      graph.output("z", graph.constant(values, [values.length]));
    });
  assert.notEqual(large(0), large(1));
});
