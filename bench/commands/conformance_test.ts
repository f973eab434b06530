import assert from "node:assert/strict";
import { conformance } from "./conformance.ts";
import { callCommand } from "../test_kit.ts";

const file = new URL("../../fixtures/golden/lora_vit_tiny.safetensors", import.meta.url).pathname;

const call = (...args: string[]) => callCommand(conformance, args);

Deno.test("conformance shows one row for a case on a backend and exits with 0", async () => {
  const { code, out, err } = await call(file, "--backend", "reference");
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /lora_vit_tiny\.safetensors │ reference │ 88 .* ok /);
  assert.doesNotMatch(out, /grad\/cls_token/);
  assert.match((await call(file, "--backend", "reference", "--tensors")).out, /grad\/cls_token/);
});

Deno.test("conformance exits with 1 and lists the tensors that exceed the tolerance", async () => {
  const { code, out } = await call(file, "--backend", "reference", "--tolerance", "1e-12");
  assert.equal(code, 1);
  assert.match(out, /FAILED/);
  assert.match(out, /│ grad\/norm\.weight +│ \d\.\d\de-\d+/);
});

Deno.test("conformance --json has every tensor with its errors", async () => {
  const { out } = await call(file, "--backend", "reference", "--json");
  const { reports, absences, tolerance } = JSON.parse(out);
  assert.deepEqual([reports.length, absences, tolerance], [1, [], 1e-4]);
  assert.equal(reports[0].ok, true);
  assert.equal(reports[0].tensors.length, 88);
  for (const { name, absolute, relative } of reports[0].tensors) {
    assert.ok(absolute >= 0 && relative >= 0 && relative < 1e-6, name);
  }
});

Deno.test("conformance exits with 2 when used wrongly or given what is no golden case", async () => {
  assert.equal((await call()).code, 2);
  assert.equal((await call(file, "--backend", "cuda")).code, 2);
  assert.equal((await call(file, "--tolerance", "0")).code, 2);
  const missing = await call("none.safetensors");
  assert.deepEqual([missing.code, missing.err], [2, "Cannot read none.safetensors: it does not exist.\n"]);
  const wrong = await call(new URL("../../deno.json", import.meta.url).pathname);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^Cannot read .*deno\.json: .*\.\n$/);
});
