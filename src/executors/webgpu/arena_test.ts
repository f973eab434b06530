import assert from "node:assert/strict";
import { Arena, sizeClass } from "./arena.ts";
import { gpuTest } from "./testing.ts";

Deno.test("sizeClass() rounds up by at most a quarter, in multiples of 256 bytes", () => {
  for (const bytes of [1, 255, 256, 257, 1000, 5000, 123_456, 1_000_001, 2 ** 24, 2 ** 24 + 4]) {
    const rounded = sizeClass(bytes);
    assert.ok(
      rounded >= bytes && rounded <= Math.max(256 * Math.ceil(bytes / 256), bytes * 1.25),
      `${bytes} ${rounded}`,
    );
    assert.equal(rounded % 256, 0);
    assert.equal(sizeClass(rounded), rounded);
  }
});

gpuTest("Arena.acquire() lends distinct buffers within a program and shares them between programs", (gpu) => {
  const arena = new Arena(gpu);
  const first = arena.acquire([100, 5000, 100]);
  assert.equal(new Set(first.buffers).size, 3);
  assert.ok(first.buffers.every(({ size }, i) => size >= [100, 5000, 100][i]!));
  const bytes = arena.bytes;
  const second = arena.acquire([4000, 10]);
  assert.equal(arena.bytes, bytes);
  assert.equal(second.buffers[0], first.buffers[1]);
  const third = arena.acquire([6000]);
  assert.ok(arena.bytes > bytes);
  first.release();
  second.release();
  assert.equal(arena.bytes, sizeClass(6000));
  third.release();
  third.release();
  assert.equal(arena.bytes, 0);
});
