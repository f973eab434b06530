import assert from "node:assert/strict";
import { add, broadcast, concat, mul, reshape, sum } from "../../graph/functions.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { withAnyBatch } from "./any_batch.ts";
import { lowerProgram } from "./lowering.ts";
import { encodeModel, type ModelProto } from "./model.ts";
import { loadRuntime } from "./session.ts";

/** A model of a function of x [batch, 2, 3]. */
function modelOf(build: (x: Tensor, batch: number, graph: Graph) => Tensor): ModelProto {
  return withAnyBatch((batch) => {
    const program = trace((graph) => {
      graph.output("y", build(graph.input("x", [batch, 2, 3]), batch, graph));
    });
    return lowerProgram(program, { portable: true }).model;
  }, "x");
}

async function run(model: ModelProto, batch: number) {
  const { createSession, Tensor } = await loadRuntime("node", 1);
  const session = await createSession(encodeModel(model));
  const x = Float32Array.from({ length: batch * 6 }, (_, i) => i);
  const { y } = await session.run({ x: new Tensor("float32", x, [batch, 2, 3]) });
  await session.release();
  return { x, dims: y!.dims, y: y!.data as Float32Array };
}

Deno.test("withAnyBatch() keeps the batch in reshapes and broadcasts", async () => {
  const model = modelOf((x, batch, graph) => {
    const first = broadcast(graph.constant([1, 2, 3], [1, 1, 3]), [batch, 1, 3]);
    const rows = reshape(concat([first, x], 1), [batch * 3, 3]);
    const spread = broadcast(graph.constant([1, 2, 3], [1, 3]), [batch * 3, 3]);
    return reshape(concat([spread, mul(rows, 2)], 1), [batch, 3, 6]);
  });
  for (const batch of [1, 2, 5]) {
    const { x, dims, y } = await run(model, batch);
    assert.deepEqual(dims, [batch, 3, 6]);
    for (let i = 0; i < batch; i++) {
      const rows = [[1, 2, 3], [...x.subarray(6 * i, 6 * i + 3)], [...x.subarray(6 * i + 3, 6 * i + 6)]];
      const wanted = rows.flatMap((row) => [1, 2, 3, ...row.map((value) => 2 * value)]);
      assert.deepEqual([...y.subarray(18 * i, 18 * (i + 1))], wanted);
    }
  }
  const { input, output, node } = model.graph;
  for (const value of [input[0]!, output[0]!]) {
    assert.deepEqual(value.type!.tensorType!.shape!.dim[0], { dimParam: "batch" });
  }
  assert.equal(node.filter(({ opType }) => opType === "Shape").length, 1);
});

Deno.test("withAnyBatch() refuses a program whose values depend on the batch size", () => {
  const refused: readonly ((x: Tensor, batch: number, graph: Graph) => Tensor)[] = [
    (x, batch) => mul(x, 1 / batch),
    (_, batch, graph) => broadcast(graph.constant([1], [1]), [batch + 1]),
    (x, batch) => batch % 10 === 3 ? x : add(x, 1),
    (x, batch) => sum(reshape(x, [batch, 6]), { axes: [0] }),
  ];
  for (const build of refused) {
    assert.throws(
      () => modelOf(build),
      /^RangeError: Cannot make a model for any batch size: the batch changes/,
    );
  }
});
