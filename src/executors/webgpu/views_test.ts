import assert from "node:assert/strict";
import { neg, reshape, slice } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { isView, viewOf } from "./views.ts";

function build(make: (x: Tensor) => Tensor): Tensor {
  return trace((graph) => graph.output("y", make(graph.input("x", [4, 8, 16])))).outputs.y!;
}

Deno.test("isView() holds for reshapes and for slices that lie together at a bindable offset", () => {
  const part = (starts: readonly number[], sizes: readonly number[]) =>
    isView(build((x) => slice(x, starts, sizes)));
  assert.ok(isView(build((x) => reshape(x, [32, 16]))));
  assert.ok(part([1, 0, 0], [2, 8, 16]));
  assert.ok(part([3, 4, 0], [1, 2, 16]));
  assert.ok(part([3, 4, 0], [1, 1, 5]));
  assert.ok(part([2, 0, 0], [1, 1, 1]));
  assert.ok(!part([0, 1, 0], [1, 2, 16]), "offset 16");
  assert.ok(!part([0, 0, 0], [2, 4, 16]), "a gap after each row");
  assert.ok(!part([0, 0, 0], [1, 2, 15]), "a gap after each row");
  assert.ok(!isView(build(neg)));
});

Deno.test("viewOf() adds the offsets of views of views", () => {
  const y = build((x) => {
    const middle = reshape(slice(neg(x), [1, 0, 0], [2, 8, 16]), [16, 16]);
    return reshape(slice(middle, [4, 0], [3, 16]), [48]);
  });
  const { root, offset } = viewOf(y);
  assert.equal((root as Tensor).op, "unary");
  assert.equal(offset, 128 + 64);
});
