import assert from "node:assert/strict";
import { assertClose, casesByOp, checkAgainstReference, opCases, programCases, programOf } from "./cases.ts";
import { createReferenceExecutor } from "./reference/executor.ts";

Deno.test("opCases has cases of every op, and each really contains its op", () => {
  for (const [op, cases] of Object.entries(casesByOp)) {
    assert.ok(cases.length > 0, `no case of ${op}`);
    for (const testCase of cases) {
      assert.equal(testCase.op, op, testCase.name);
      const found = programOf(testCase).nodes.some((node) => node.op === op);
      assert.ok(found, `${testCase.name}: ${op} was simplified away`);
    }
  }
});

Deno.test("opCases and programCases have unique names", () => {
  const names = [...opCases, ...programCases].map(({ name }) => name);
  assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
});

const single = createReferenceExecutor({ rounding: "f32" });

for (const testCase of [...opCases, ...programCases]) {
  Deno.test(`checkAgainstReference() accepts float32 rounding of ${testCase.name}`, () =>
    checkAgainstReference(single, testCase));
}

Deno.test("assertClose() names the output, the largest error and the first differing values", () => {
  const wanted = Float64Array.of(1, 2, 3, -4);
  assert.throws(
    () => assertClose("y", Float32Array.of(1, 2.5, 3, NaN), wanted, "element"),
    /y: 2 of 4 values differ, max error .*at 1 found 2.5, wanted 2 ± .*at 3 found NaN, wanted -4/,
  );
});

Deno.test("assertClose() bounds each value, or all by the largest", () => {
  const wanted = Float64Array.of(1000, 1e-3);
  const found = Float64Array.of(1000, 1.01e-3);
  assert.throws(() => assertClose("y", found, wanted, "element"));
  assert.doesNotThrow(() => assertClose("y", found, wanted, { length: 1 }));
  assert.throws(() => assertClose("y", Float64Array.of(1000.01, 1e-3), wanted, { length: 1 }));
  assert.doesNotThrow(() => assertClose("y", Float64Array.of(1000.01, 1e-3), wanted, { length: 100 }));
  assert.throws(() => assertClose("y", Float64Array.of(1000.0001, 1e-3), wanted, "exact"));
  assert.doesNotThrow(() => assertClose("y", Float64Array.of(1009, 1e-3), wanted, "exact", 1e-2));
});

Deno.test("assertClose() refuses another length and another element type", () => {
  assert.throws(
    () => assertClose("y", Float32Array.of(1), Float64Array.of(1, 2), "exact"),
    /number of values/,
  );
  assert.throws(() => assertClose("y", Float32Array.of(1), Int32Array.of(1), "exact"), /integers or not/);
});

Deno.test("checkAgainstReference() finds an executor that rounds to about three digits", async () => {
  const coarse = createReferenceExecutor();
  const broken: typeof coarse = {
    ...coarse,
    async compile(program, states) {
      const executable = await coarse.compile(program, states);
      return {
        dispose: () => executable.dispose(),
        async run(inputs, read) {
          const results = Object.entries(await executable.run(inputs, read));
          return Object.fromEntries(results.map(([name, values]) => [
            name,
            values instanceof Float64Array ? values.map((value) => Number(value.toPrecision(3))) : values,
          ]));
        },
      };
    },
  };
  for (const op of ["matmul", "attentionGrad", "layerNorm", "loraGram", "unary"] as const) {
    await assert.rejects(checkAgainstReference(broken, casesByOp[op].at(-1)!), /values differ/);
  }
});
