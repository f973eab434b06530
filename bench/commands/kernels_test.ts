import assert from "node:assert/strict";
import { kernels } from "./kernels.ts";
import { callCommand } from "../test_kit.ts";

const call = (...args: string[]) => callCommand(kernels, args);

Deno.test("kernels --json has positive times and rates, and shares of a ceiling that nothing exceeds", async () => {
  const { code, out, err } = await call(
    "--quick",
    "--family",
    "gelu,transpose",
    "--backend",
    "reference",
    "--json",
  );
  assert.deepEqual([code, err], [0, ""]);
  const { backends, rows } = JSON.parse(out);
  assert.deepEqual(rows.map(({ family }: { family: string }) => family), ["gelu", "transpose"]);
  assert.ok(backends[0].ceiling.flops > 0 && backends[0].ceiling.bytes > 0);
  for (const row of rows) {
    assert.ok(row.milliseconds > 0 && row.medianMilliseconds >= row.milliseconds);
    assert.ok(row.gigabytesPerSecond > 0);
    assert.ok(row.shareOfCeiling > 0 && row.shareOfCeiling <= 1 + 1e-9);
  }
  const [gelu, transpose] = rows;
  assert.equal(gelu.bytes, 2 * 4 * 544 * 512);
  assert.ok(gelu.gflopPerSecond > 0);
  assert.equal(transpose.gflopPerSecond, 0);
});

Deno.test("kernels gives a table on every backend asked for", async () => {
  const { code, out } = await call("--quick", "--family", "gelu", "--backend", "onnx-node");
  assert.equal(code, 0);
  assert.match(out, /^onnx-node on .*: ceiling \d/);
  assert.match(out, /│ gelu +│ 544x512 │ onnx-node │ \d+ threads? +│ +\d+\.\d+ /);
});

Deno.test("kernels refuses families and backends that it does not know", async () => {
  for (const args of [["--family", "gelu,convolution"], ["--backend", "cuda"]]) {
    const { code, err } = await call(...args);
    assert.equal(code, 2);
    assert.match(err, /Found "(convolution|cuda)", wanted some of /);
  }
});
