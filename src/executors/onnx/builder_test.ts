import assert from "node:assert/strict";
import { ModelBuilder } from "./builder.ts";

Deno.test("ModelBuilder drops nodes and initialisers that no output needs", () => {
  const builder = new ModelBuilder();
  const x = builder.input("x", [2], "f32");
  builder.emit("Add", [x, builder.scalar(3)]);
  builder.output("y", builder.emit("Mul", [x, builder.scalar(2)]), [2], "f32");
  const { graph } = builder.finish();
  assert.deepEqual(graph.node.map(({ opType }) => opType), ["Mul"]);
  assert.equal(graph.initializer.length, 1);
});

Deno.test("ModelBuilder drops optional outputs that nobody reads, and keeps demanded ones", () => {
  const builder = new ModelBuilder();
  const x = builder.input("x", [2, 3], "f32");
  const [, , deviation] = builder.emitMany("LayerNormalization", [x, x], 3, { required: 1 });
  builder.output("deviation", deviation!, [2, 1], "f32");
  const [, mean] = builder.emitMany("LayerNormalization", [x, x], 3, { required: 1 });
  builder.output("mean", mean!, [2, 1], "f32");
  const [values] = builder.emitMany("TopK", [x, builder.ints([1])], 2);
  builder.output("values", values!, [2, 1], "f32");
  const outputs = builder.finish().graph.node.map(({ output }) => output.map((name) => name !== ""));
  assert.deepEqual(outputs, [[true, false, true], [true, true], [true, true]]);
});

Deno.test("ModelBuilder gives a value the name of its output, and passes it on for a second one", () => {
  const builder = new ModelBuilder();
  const x = builder.input("x", [2], "f32");
  const value = builder.emit("Neg", [x]);
  assert.equal(builder.output("y", value, [2], "f32"), "y");
  assert.equal(builder.output("z", value, [2], "f32"), "z");
  assert.equal(builder.output("x", x, [2], "f32"), "x#2");
  const nodes = builder.finish().graph.node.map(({ opType, input, output }) => [opType, ...input, ...output]);
  // What "z" needs is most, so it comes last.
  assert.deepEqual(nodes, [["Neg", "x", "y"], ["Identity", "x", "x#2"], ["Identity", "y", "z"]]);
});

Deno.test("ModelBuilder stores equal short constants once", () => {
  const builder = new ModelBuilder();
  assert.equal(builder.ints([1, 2]), builder.ints([1, 2]));
  assert.notEqual(builder.ints([1, 2]), builder.ints([2, 1]));
  assert.notEqual(builder.scalar(1), builder.constant(Float32Array.of(1), [1]));
  assert.notEqual(builder.scalar(0), builder.scalar(-0));
});

Deno.test("ModelBuilder stores every weight under its name", () => {
  const builder = new ModelBuilder();
  const weights = ["a.bias", "b.bias"].map((name) => builder.weight(name, Float32Array.of(0), [1]));
  assert.deepEqual(weights, ["a.bias", "b.bias"]);
  assert.notEqual(builder.constant(Float32Array.of(0), [1]), "a.bias");
});

Deno.test("ModelBuilder names nodes by their origin", () => {
  const builder = new ModelBuilder();
  const x = builder.input("x", [1], "f32");
  builder.from("gelu 7");
  const y = builder.emit("Erf", [x]);
  builder.output("y", builder.emit("Mul", [x, y]), [1], "f32");
  assert.deepEqual(builder.finish().graph.node.map(({ name }) => name), ["gelu 7", "gelu 7#2"]);
});
