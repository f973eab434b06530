import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { readSafetensors, type SafetensorsContent, writeSafetensors } from "./safetensors.ts";

const content: SafetensorsContent = {
  tensors: {
    "b.weight": hostTensor([2, 3], Float32Array.of(1, -2.5, 3e-30, 0, -0, 7)),
    a: hostTensor([], Float32Array.of(0.1)),
    'odd " name\\': hostTensor([1, 1], Float32Array.of(4)),
    empty: hostTensor([0, 4], new Float32Array(0)),
  },
  integers: { labels: { shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) } },
  metadata: { format: "pt", note: "ü {}" },
};

/** A file from a header and data that need not fit. */
function file(header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function one(dtype: string, data: Uint8Array): Uint8Array {
  const size = { F32: 4, F64: 8, F16: 2, BF16: 2, I16: 2, I32: 4, I64: 8 }[dtype] ?? 1;
  return file({ x: { dtype, shape: [data.length / size], data_offsets: [0, data.length] } }, data);
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function failsWith(message: RegExp, bytes: Uint8Array, finite = false): void {
  assert.throws(
    () => readSafetensors(bytes, { file: "w.safetensors", finite }),
    (error) =>
      error instanceof InputError && error.message.includes("w.safetensors") && message.test(error.message),
  );
}

Deno.test("readSafetensors() gives what writeSafetensors() was given", () => {
  const read = readSafetensors(writeSafetensors(content));
  assert.deepEqual(read.tensors, content.tensors);
  assert.deepEqual(read.integers, content.integers);
  assert.deepEqual(read.metadata, content.metadata);
  assert.ok(Object.is(read.tensors["b.weight"]!.data[4], -0));
  assert.deepEqual(readSafetensors(writeSafetensors({})), { tensors: {}, integers: {}, metadata: {} });
});

Deno.test("writeSafetensors() writes equal bytes for equal content, data aligned to 8 bytes", () => {
  const { tensors, integers, metadata } = content;
  const reversed = Object.fromEntries(Object.entries(tensors).reverse());
  const bytes = writeSafetensors(content);
  assert.deepEqual(writeSafetensors({ metadata, integers, tensors: reversed }), bytes);
  assert.equal(new DataView(bytes.buffer).getBigUint64(0, true) % 8n, 0n);
  assert.throws(() => writeSafetensors({ tensors: { labels: hostTensor([1]) }, integers }), RangeError);
  assert.throws(() => writeSafetensors({ tensors: { __metadata__: hostTensor([1]) } }), RangeError);
});

Deno.test("readSafetensors() converts every element type", () => {
  const floats = (
    dtype: string,
    data: ArrayBufferView,
  ) => [...readSafetensors(one(dtype, bytesOf(data))).tensors["x"]!.data];
  assert.deepEqual(floats("F64", Float64Array.of(0.5, -3, 1e300)), [0.5, -3, Infinity]);
  // 1, -2, largest, smallest normal, smallest subnormal, -0, infinity
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00);
  assert.deepEqual(floats("F16", halves), [1, -2, 65504, 2 ** -14, 2 ** -24, -0, Infinity]);
  assert.ok(Number.isNaN(floats("F16", Uint16Array.of(0x7e00))[0]));
  assert.deepEqual(floats("BF16", Uint16Array.of(0x3f80, 0xc040, 0x0001)), [1, -3, 2 ** -133]);
  const integers = readSafetensors(one("I64", bytesOf(BigInt64Array.of(-5n, 2n ** 31n - 1n)))).integers["x"]!;
  assert.deepEqual([...integers.data], [-5, 2 ** 31 - 1]);
  const whole = (
    dtype: string,
    data: ArrayBufferView,
  ) => [...readSafetensors(one(dtype, bytesOf(data))).integers["x"]!.data];
  assert.deepEqual(whole("BOOL", Uint8Array.of(1, 0)), [1, 0]);
  assert.deepEqual(whole("U8", Uint8Array.of(255)), [255]);
  assert.deepEqual(whole("I8", Int8Array.of(-1)), [-1]);
  assert.deepEqual(whole("I16", Int16Array.of(-300)), [-300]);
  failsWith(/"x".*2147483648, wanted one of 32 bits/, one("I64", bytesOf(BigInt64Array.of(2n ** 31n))));
});

Deno.test("readSafetensors() reads from an unaligned view", () => {
  const bytes = writeSafetensors(content);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.deepEqual(readSafetensors(shifted.subarray(3)).tensors, content.tensors);
});

Deno.test("readSafetensors() does not believe the header's length", () => {
  failsWith(/3 bytes, wanted at least the 8/, new Uint8Array(3));
  failsWith(/claims 9 bytes, the file has 2/, file("{}", undefined, 9n));
  failsWith(/claims 18446744073709551615 bytes/, file("{}", undefined, 2n ** 64n - 1n));
});

Deno.test("readSafetensors() refuses headers that are not sound JSON objects", () => {
  failsWith(/not JSON/, file("{"));
  failsWith(/not JSON/, file(""));
  failsWith(/not a JSON object/, file("[]"));
  failsWith(/not a JSON object/, file("null"));
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  failsWith(/the key "a" twice/, file(`{"a":${entry},"a":${entry}}`, new Uint8Array(4)));
  failsWith(/the key "a" twice/, file(`{"a":${entry},"\\u0061":${entry}}`, new Uint8Array(4)));
  failsWith(/the key "dtype" twice/, file(`{"a":{"dtype":"F32","dtype":"I32"}}`));
  failsWith(/__metadata__/, file({ __metadata__: { a: 1 } }));
  failsWith(/__metadata__/, file({ __metadata__: [] }));
});

Deno.test("readSafetensors() names the tensor whose description is unsound", () => {
  const describe = (entry: unknown, size = 4) => file({ w: entry }, new Uint8Array(size));
  failsWith(/"w" is described by 7/, describe(7));
  failsWith(/"w" has the type "F8"/, describe({ dtype: "F8", shape: [1], data_offsets: [0, 4] }));
  failsWith(
    /"w" has the type "constructor"/,
    describe({ dtype: "constructor", shape: [], data_offsets: [0, 4] }),
  );
  failsWith(/"w" has the shape \[-1\]/, describe({ dtype: "F32", shape: [-1], data_offsets: [0, 4] }));
  failsWith(/"w" has the shape \[1.5\]/, describe({ dtype: "F32", shape: [1.5], data_offsets: [0, 4] }));
  failsWith(/"w" has the shape "1"/, describe({ dtype: "F32", shape: "1", data_offsets: [0, 4] }));
  failsWith(/"w" has the shape/, describe({ dtype: "F32", shape: [1e300], data_offsets: [0, 4] }));
  failsWith(/takes 4 bytes/, describe({ dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] }));
  failsWith(/takes 4 bytes, wanted 8/, describe({ dtype: "F32", shape: [2], data_offsets: [0, 4] }));
  failsWith(/offsets \[0\]/, describe({ dtype: "F32", shape: [1], data_offsets: [0] }));
  failsWith(/bytes 4 to 0/, describe({ dtype: "F32", shape: [1], data_offsets: [4, 0] }));
  failsWith(
    /bytes 0 to 8, wanted a range within 4/,
    describe({ dtype: "F32", shape: [2], data_offsets: [0, 8] }),
  );
});

Deno.test("readSafetensors() wants the tensors to cover the data exactly once", () => {
  const at = (begin: number, end: number) => ({
    dtype: "F32",
    shape: [(end - begin) / 4],
    data_offsets: [begin, end],
  });
  failsWith(/"b" begins at byte 4, wanted 8/, file({ a: at(0, 8), b: at(4, 12) }, new Uint8Array(12)));
  failsWith(/"b" begins at byte 8, wanted 4/, file({ b: at(8, 12), a: at(0, 4) }, new Uint8Array(12)));
  failsWith(/end at byte 4, wanted 12/, file({ a: at(0, 4) }, new Uint8Array(12)));
  failsWith(/begins at byte 0, wanted 4/, file({ a: at(0, 4), b: at(0, 4) }, new Uint8Array(4)));
  assert.equal(
    readSafetensors(file({ b: at(4, 8), a: at(0, 4) }, new Uint8Array(8))).tensors["b"]!.data.length,
    1,
  );
});

Deno.test("readSafetensors() refuses NaN and infinity when finite numbers are wanted", () => {
  const bytes = one("F32", bytesOf(Float32Array.of(1, NaN)));
  assert.ok(Number.isNaN(readSafetensors(bytes).tensors["x"]!.data[1]));
  failsWith(/"x" has NaN at element 1/, bytes, true);
  failsWith(/"x" has -Infinity at element 0/, one("F64", bytesOf(Float64Array.of(-1e300))), true);
});

Deno.test("readSafetensors() answers 2,000 damaged files with content or an InputError", () => {
  const whole = writeSafetensors(content);
  const rng = createRng(7, "safetensors fuzz");
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    let bytes = whole.slice();
    const headerEnd = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    for (let edit = rng.integer(3); edit >= 0; edit--) {
      // Mostly in the header, where damage matters.
      const position = rng.integer(rng.uniform() < 0.8 ? Math.min(headerEnd, bytes.length) : bytes.length);
      const kind = rng.integer(5);
      if (kind === 0) bytes[position] = rng.integer(256);
      else if (kind === 1) bytes[position]! ^= 1 << rng.integer(8);
      else if (kind === 2) bytes[position] = '0123456789{}[],:"'.charCodeAt(rng.integer(17));
      else if (kind === 3) bytes = bytes.slice(0, Math.max(position, 1));
      else bytes.copyWithin(position, rng.integer(bytes.length), rng.integer(bytes.length));
    }
    try {
      const { tensors } = readSafetensors(bytes, { finite: true });
      for (const { shape, data } of Object.values(tensors)) {
        assert.equal(data.length, shape.reduce((product, size) => product * size, 1));
      }
    } catch (error) {
      assert.ok(error instanceof InputError, `round ${round}: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > 1000 && refused < 2000, `${refused} refused`);
});

Deno.test("readSafetensors() is not brought down by long strings or deep nesting", () => {
  const entry = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
  assert.ok(readSafetensors(file({ ["\\n".repeat(5e6)]: entry })));
  const deep = "[".repeat(1e5) + "]".repeat(1e5);
  failsWith(/"a" is described by \[{80}…, wanted an object/, file(`{"a":${deep}}`));
  failsWith(/"a{79}…/, file({ ["a".repeat(1e6)]: {} }));
});
