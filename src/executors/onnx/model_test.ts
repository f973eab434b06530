import assert from "node:assert/strict";
import { dataTypes, decodeModel, encodeModel, type ModelProto, tensorProto } from "./model.ts";

const model: ModelProto = {
  irVersion: 10,
  producerName: "test",
  opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
  graph: {
    name: "g",
    node: [{
      name: "n",
      opType: "Gemm",
      domain: "com.microsoft",
      input: ["x", "w"],
      output: ["y"],
      attribute: [
        { name: "alpha", type: 1, f: 0.5 },
        { name: "transB", type: 2, i: 1 },
        { name: "note", type: 3, s: Uint8Array.of(104, 105) },
        { name: "perm", type: 7, ints: [0, -1, 2] },
      ],
    }],
    initializer: [
      tensorProto("w", Float32Array.of(1, -2, 0.25), [3, 1]),
      tensorProto("shape", BigInt64Array.of(-1n, 7n), [2]),
      tensorProto("index", Int32Array.of(-5), []),
    ],
    input: [{
      name: "x",
      type: {
        tensorType: { elemType: dataTypes.float32, shape: { dim: [{ dimValue: 2 }, { dimParam: "batch" }] } },
      },
    }],
    output: [{ name: "y", type: { tensorType: { elemType: dataTypes.float32 } } }],
  },
  metadataProps: [{ key: "licence", value: "MIT" }],
};

/** Without the lists that decoding adds as empty, and with bytes as plain arrays. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => !(Array.isArray(item) && item.length === 0));
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}

Deno.test("decodeModel() gives back what encodeModel() was given", () => {
  assert.deepEqual(plain(decodeModel(encodeModel(model))), plain(model));
});

Deno.test("encodeModel() writes the field numbers of onnx.proto", () => {
  const bytes = encodeModel({
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: {
      name: "g",
      node: [{ opType: "Neg", input: ["x"], output: ["y"] }],
      initializer: [],
      input: [],
      output: [],
    },
  });
  // Worked out by hand: tag = field << 3 | wire type (0 varint, 2 length-delimited).
  const node = [0x0a, 1, 0x78, 0x12, 1, 0x79, 0x22, 3, 0x4e, 0x65, 0x67];
  const graph = [0x0a, node.length, ...node, 0x12, 1, 0x67];
  assert.deepEqual([...bytes], [0x08, 10, 0x3a, graph.length, ...graph, 0x42, 2, 0x10, 21]);
});

Deno.test("decodeModel() skips fields that it does not know", () => {
  const bytes = encodeModel(model);
  // model_version (field 5, varint) and doc_string (field 6, text).
  const more = Uint8Array.of(...bytes, 0x28, 3, 0x32, 2, 0x68, 0x69);
  assert.deepEqual(plain(decodeModel(more)), plain(model));
});

Deno.test("decodeModel() refuses bytes that are no model", () => {
  assert.throws(
    () => decodeModel(Uint8Array.of(0xff, 0xff, 0xff)),
    /Cannot read ONNX model: the bytes are no valid/,
  );
  assert.throws(() => decodeModel(new Uint8Array()), /Cannot read ONNX model: found no graph/);
});

Deno.test("tensorProto() refuses values that do not fill the shape", () => {
  assert.throws(
    () => tensorProto("w", Float32Array.of(1, 2), [3]),
    /Cannot store "w": found 2 values, wanted 3/,
  );
});
