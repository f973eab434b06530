import assert from "node:assert/strict";
import { bytesOf, hostTensor } from "./tensors.ts";

Deno.test("hostTensor() is zero unless given values, which must fit", () => {
  assert.deepEqual(hostTensor([2, 2]), { shape: [2, 2], data: new Float32Array(4) });
  const data = Float32Array.of(1, 2);
  assert.equal(hostTensor([2], data).data, data);
  assert.throws(() => hostTensor([3], data), /Cannot create tensor of shape \[3\]: found 2 values, wanted 3/);
});

Deno.test("bytesOf() adds four bytes a value", () => {
  assert.equal(bytesOf({ a: hostTensor([2, 3]), b: hostTensor([]) }), 28);
  assert.equal(bytesOf({}), 0);
});
