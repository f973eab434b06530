import assert from "node:assert/strict";
import { InputError } from "./errors.ts";
import { canonicalJson } from "./json.ts";
import { decodeState, encodeState, type StateValue } from "./state.ts";

const state: StateValue = {
  name: "é",
  steps: 3,
  done: false,
  nothing: null,
  list: [1, Float32Array.of(1.5, -2), "x", [Float32Array.of()]],
  nested: { b: Float32Array.of(3), a: Float32Array.of(0.1, NaN) },
};

Deno.test("decodeState() returns what encodeState() was given", () => {
  assert.deepEqual(decodeState(encodeState(state)), state);
  for (const value of [null, true, 0.1, "", [], {}, Float32Array.of(7)]) {
    assert.deepEqual(decodeState(encodeState(value)), value);
  }
});

Deno.test("decodeState() gives each array back to its own key, also where keys look like numbers", () => {
  const keys = ["10", "9", "a", "1", "Z", "01"];
  const numbered = Object.fromEntries(keys.map((key, i) => [key, Float32Array.of(i, ...Array(i).fill(i))]));
  assert.deepEqual(decodeState(encodeState(numbered)), numbered);
});

Deno.test("encodeState() gives equal bytes for equal states, whatever the order of keys", () => {
  const [a, b] = [Float32Array.of(1), Float32Array.of(2, 3)];
  assert.deepEqual(encodeState({ a, b, "10": a, "9": b }), encodeState({ "9": b, "10": a, b, a }));
});

Deno.test("encodeState() starts with the header's length and canonical JSON", () => {
  const bytes = encodeState({ b: 1, a: Float32Array.of(1) });
  const header = '{"a":{"$f32":[0,1]},"b":1}';
  const wanted = [header.length, 0, 0, 0, ...new TextEncoder().encode(header), 0, 0, 0x80, 0x3f];
  assert.deepEqual([...bytes], wanted);
});

Deno.test("decodeState() reads from the middle of a buffer", () => {
  const bytes = encodeState(state);
  const larger = new Uint8Array(bytes.length + 7);
  larger.set(bytes, 3);
  assert.deepEqual(decodeState(larger.subarray(3, 3 + bytes.length)), state);
});

Deno.test("decodeState() refuses every cut, trailing bytes and a header that is not one", () => {
  const bytes = encodeState(state);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeState(bytes.subarray(0, length)), InputError, `cut at ${length}`);
  }
  assert.throws(() => decodeState(Uint8Array.of(...bytes, 0)), /found 1 bytes too many/);
  const withHeader = (header: unknown, ...values: number[]) => {
    const text = new TextEncoder().encode(canonicalJson(header));
    return Uint8Array.of(text.length, 0, 0, 0, ...text, ...values);
  };
  assert.throws(() => decodeState(Uint8Array.of(1, 0, 0, 0, 0x7b)), /the header is not JSON/);
  assert.throws(() => decodeState(withHeader({ a: { $f32: [0, 2] } }, 0, 0, 0, 0)), /an array is cut off/);
  assert.throws(
    () => decodeState(withHeader({ a: { $f32: [1, 1] } }, 0, 0, 0, 0)),
    /found array 1 in place 0/,
  );
  assert.throws(() => decodeState(withHeader({ a: { $f32: "x" } })), InputError);
});

Deno.test("encodeState() refuses what JSON cannot hold", () => {
  assert.throws(() => encodeState({ a: NaN }), /Cannot serialise \$.a: NaN is not a finite number/);
  assert.throws(() => encodeState({ a: { $f32: [0, 1] } }), /Cannot serialise state: the key \$f32 is taken/);
});
