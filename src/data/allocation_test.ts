import assert from "node:assert/strict";
import { allocated } from "./test_allocation.ts";

Deno.test("allocated() counts arrays of every kind, also where the step fails", async () => {
  const { bytes, error } = await allocated(() => {
    new Uint8Array(100);
    new Float64Array(10);
    new Array(5);
    Uint16Array.from({ length: 3 });
    new Uint8Array([1, 2]);
    throw new Error("x");
  });
  assert.equal(bytes, 100 + 80 + 40 + 6);
  assert.match(String(error), /x/);
  assert.ok(new Uint8Array(1) instanceof Uint8Array && Array.isArray([]));
});
