import assert from "node:assert/strict";
import { InputError } from "./errors.ts";
import { canonicalJson } from "./json.ts";
import { decodeState, encodeState, stateSize, type StateValue } from "./state.ts";

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

/** Arrays of every kind, at offsets of their buffers that do not suit wider ones. */
const arrays: StateValue = {
  bytes: Uint8Array.of(0, 255, 7),
  odd: new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4),
  // After three bytes, so not aligned in the file.
  whole: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0),
  wide: Float64Array.of(0.1, -Infinity, NaN, Number.MIN_VALUE, -0),
  narrow: Float32Array.of(0.1, -0),
  nested: [Uint8Array.of(), [Int32Array.of(1), { deep: Float64Array.of(1 / 3) }]],
};

Deno.test("decodeState() gives bytes, integers and float64 back as they were", () => {
  const back = decodeState(encodeState(arrays)) as Record<string, StateValue>;
  assert.deepStrictEqual(back, arrays);
  assert.ok(back["bytes"] instanceof Uint8Array && back["odd"] instanceof Uint8Array);
  assert.ok(back["whole"] instanceof Int32Array && back["wide"] instanceof Float64Array);
  // Values that a narrower array would have rounded.
  assert.equal((back["wide"] as Float64Array)[0], 0.1);
  assert.equal((back["narrow"] as Float32Array)[0], Math.fround(0.1));
  for (const value of [Uint8Array.of(3), Int32Array.of(-3), Float64Array.of(1 / 3)]) {
    assert.deepStrictEqual(decodeState(encodeState(value)), value);
  }
});

Deno.test("encodeState() writes each kind under its mark, values in order without gaps", () => {
  const bytes = encodeState({ a: Uint8Array.of(7), b: Int32Array.of(-2), c: Float64Array.of(1) });
  const header = '{"a":{"$u8":[0,1]},"b":{"$i32":[1,1]},"c":{"$f64":[2,1]}}';
  const values = [7, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
  assert.deepEqual([...bytes], [header.length, 0, 0, 0, ...new TextEncoder().encode(header), ...values]);
});

Deno.test("stateSize() is the length of what encodeState() gives", () => {
  const own = new Float32Array(100).subarray(3, 7);
  const all: StateValue[] = [state, arrays, null, "é€😀", 1e-7, [], {}, own, { own, text: "ü" }];
  for (const value of all) assert.equal(stateSize(value), encodeState(value).length);
  assert.throws(() => stateSize({ a: NaN }), /NaN is not a finite number/);
});

Deno.test("decodeState() refuses cuts and lies about arrays of every kind", () => {
  const bytes = encodeState(arrays);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeState(bytes.subarray(0, length)), InputError, `cut at ${length}`);
  }
  const withHeader = (header: unknown, values: number) => {
    const text = new TextEncoder().encode(canonicalJson(header));
    return Uint8Array.of(text.length, 0, 0, 0, ...text, ...Array<number>(values).fill(0));
  };
  for (const [mark, size] of [["$u8", 1], ["$i32", 4], ["$f32", 4], ["$f64", 8]] as const) {
    const two = withHeader({ a: { [mark]: [0, 2] } }, 2 * size);
    assert.equal((decodeState(two) as { a: Float32Array }).a.length, 2);
    assert.throws(() => decodeState(two.subarray(0, -1)), /an array is cut off/);
    assert.throws(() => decodeState(withHeader({ a: { [mark]: [0, 1] } }, 2 * size)), /bytes too many/);
    for (const length of [-1, 0.5, 1e300, null, "2"]) {
      assert.throws(() => decodeState(withHeader({ a: { [mark]: [0, length] } }, 2 * size)), InputError);
    }
  }
});

Deno.test("encodeState() refuses arrays of other kinds and every mark as a key", () => {
  const foreign = [Int16Array.of(1), BigInt64Array.of(1n), new DataView(new ArrayBuffer(4))];
  for (const value of foreign) {
    assert.throws(
      () => encodeState({ a: value as unknown as StateValue }),
      /Cannot serialise state: found a/,
    );
  }
  for (const mark of ["$f32", "$f64", "$i32", "$u8"]) {
    assert.throws(() => encodeState({ a: { [mark]: [0, 1] } }), new RegExp(`the key \\${mark} is taken`));
  }
});
