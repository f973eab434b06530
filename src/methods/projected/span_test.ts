import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { dimensionOf, emptySpan, grow, restOf, type Span } from "./span.ts";
import { assertClose, numbers } from "./test_numbers.ts";

const { moments, shares } = numbers.growth;
const size = moments[0]!.length;

const rules = {
  // Second moments themselves: the squares of the inputs' singular values.
  gpm: (second: Matrix) => second,
  // Squares of the second moments' singular values.
  inflora: (second: Matrix) => second.mmul(second),
} as const;

for (const [name, energiesOf] of Object.entries(rules)) {
  Deno.test(`grow() agrees with DualGPM on singular values, and keeps the smaller half, for ${name}`, () => {
    let span = emptySpan(size);
    numbers.growth[name as keyof typeof rules].forEach(({ kind, columns, projector }, task) => {
      span = grow(span, energiesOf(new Matrix(moments[task]!)), shares[task]!);
      assert.equal(span.keeps, kind === "remove" ? "span" : "rest");
      assert.equal(span.basis.length, size * columns);
      assert.equal(dimensionOf(span), kind === "remove" ? columns : size - columns);
      assertClose(Matrix.sub(Matrix.eye(size), restOf(span)).to1DArray(), projector.flat());
    });
  });
}

Deno.test("grow() adds nothing to a span that holds the share already, nor to one that is everything", () => {
  const energies = new Matrix(moments[0]!);
  const span = grow(emptySpan(size), energies, 0.9);
  assert.equal(grow(span, energies, 0.9), span);
  const everything: Span = { size, keeps: "rest", basis: new Float32Array() };
  assert.equal(grow(everything, energies, 0.9999), everything);
  assert.equal(grow(emptySpan(size), Matrix.zeros(size, size), 0.9).basis.length, 0);
});
