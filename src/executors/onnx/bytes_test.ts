import assert from "node:assert/strict";
import { fromBytes, mul } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { withAnyBatch } from "./any_batch.ts";
import { lowerProgram } from "./lowering.ts";
import { dataTypes } from "./model.ts";

const program = (batch: number) =>
  trace((graph) => {
    graph.output("y", mul(fromBytes(graph.input("images", [batch, 3], "u8")), graph.fill(2)));
    graph.output("kept", fromBytes(graph.state("kept", [3], "u8")));
    graph.state("next", [5], "u8");
    graph.update("next", graph.input("fed", [5], "u8"));
  });

Deno.test("lowerProgram() declares bytes as UINT8 and stores frozen ones a byte each", () => {
  const { graph } = lowerProgram(program(2), { frozen: { kept: Uint8Array.of(1, 2, 255) } }).model;
  const types = graph.input.map(({ name, type }) => [name, type!.tensorType!.elemType]);
  assert.deepEqual(types, [["images", dataTypes.uint8], ["fed", dataTypes.uint8], ["next", dataTypes.uint8]]);
  const next = graph.output.find(({ name }) => name === "next next")!;
  assert.equal(next.type!.tensorType!.elemType, dataTypes.uint8);
  const kept = graph.initializer.find(({ name }) => name === "kept")!;
  assert.deepEqual([kept.dataType, [...kept.rawData!]], [dataTypes.uint8, [1, 2, 255]]);
  assert.equal(graph.node.filter(({ opType }) => opType === "Cast").length, 2);
});

Deno.test("withAnyBatch() leaves the batch of bytes open", () => {
  const { graph } = withAnyBatch((batch) => lowerProgram(program(batch)).model, "images");
  const [images] = graph.input;
  assert.equal(images!.type!.tensorType!.elemType, dataTypes.uint8);
  assert.deepEqual(images!.type!.tensorType!.shape!.dim, [{ dimParam: "batch" }, { dimValue: 3 }]);
});
