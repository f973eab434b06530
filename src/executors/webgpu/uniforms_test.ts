import assert from "node:assert/strict";
import { f32, u32 } from "./kernel.ts";
import { packUniforms, uniformSize } from "./uniforms.ts";

Deno.test("packUniforms() aligns structs, stores equal ones once and keeps the bits of each scalar", () => {
  const a = [u32(4_000_000_000), { i32: -2 }, f32(0.5)];
  const b = [f32(-Infinity), u32(1), u32(2), u32(3), u32(5)];
  const { bytes, offsets } = packUniforms([a, b, [...a], [f32(NaN)], [u32(0)]], 64);
  assert.deepEqual(offsets, [0, 64, 0, 128, 192]);
  const view = new DataView(bytes.buffer);
  assert.deepEqual([view.getUint32(0, true), view.getInt32(4, true), view.getFloat32(8, true)], [
    4_000_000_000,
    -2,
    0.5,
  ]);
  assert.deepEqual([view.getFloat32(64, true), view.getUint32(80, true)], [-Infinity, 5]);
  assert.ok(Number.isNaN(view.getFloat32(128, true)));
  assert.equal(bytes.length, 256);
});

Deno.test("packUniforms() takes no memory for kernels without uniforms", () => {
  assert.equal(packUniforms([[], []], 64).bytes.length, 0);
});

Deno.test("uniformSize() is a multiple of 16", () => {
  assert.deepEqual([1, 4, 5].map((n) => uniformSize(Array(n).fill(u32(0)))), [16, 16, 32]);
});
