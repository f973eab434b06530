/**
 * Readers of weight files under damage.
 *
 * @module
 */
import type { Rng } from "../../core/rng.ts";
import { fuzz, mutate, mutateJson } from "../../core/test_fuzz.ts";
import {
  dataTypes,
  decodeModel,
  encodeModel,
  type SparseTensorProto,
  tensorProto,
} from "../../executors/onnx/model.ts";
import { decodeOnnx, externalFiles, onnxWeights } from "./onnx_weights.ts";
import { readSafetensors, type SafetensorsContent } from "./safetensors.ts";

/** What a refusal of these readers says. */
const SENTENCE = /^Cannot read [^]+: [^]+/;

/** Bytes of all tensors, counted once if they share memory. */
function sizeOfAll({ tensors, integers }: SafetensorsContent): number {
  const buffers = [...Object.values(tensors), ...Object.values(integers)].map(({ data }) => data.buffer);
  return [...new Set(buffers)].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Some numbers; the upper half of the 64-bit one is empty. */
const BODY = Uint8Array.from({ length: 58 }, (_, i) => i >= 36 && i < 40 ? 0 : 37 * i);
const HEADER = {
  __metadata__: { format: "pt" },
  a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: "BF16", shape: [4], data_offsets: [24, 32] },
  c: { dtype: "I64", shape: [], data_offsets: [32, 40] },
  d: { dtype: "F64", shape: [1, 1], data_offsets: [40, 48] },
  e: { dtype: "F16", shape: [2], data_offsets: [48, 52] },
  f: { dtype: "BOOL", shape: [3, 2], data_offsets: [52, 58] },
};

function safetensors(header: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + BODY.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(BODY, 8 + text.length);
  return file;
}

Deno.test("readSafetensors() reads or refuses 10,000 damaged files", async () => {
  const whole = safetensors(HEADER);
  await fuzz("safetensors", 4 * BODY.length, (rng) => {
    // Bodies alone, headers that stay JSON, and anything.
    const way = rng.integer(3);
    const bytes = way === 0
      ? Uint8Array.of(...whole.subarray(0, -BODY.length), ...mutate(BODY, rng))
      : way === 1
      ? safetensors(mutateJson(HEADER, rng))
      : mutate(whole, rng, whole.length - BODY.length);
    return sizeOfAll(readSafetensors(bytes, { file: "x", finite: rng.integer(2) === 0 }));
  }, SENTENCE);
});

const EXTERNAL = Uint8Array.from({ length: 16 }, (_, i) => i);
/** Two values among twelve, by their coordinates. */
const SPARSE: SparseTensorProto = {
  values: tensorProto("thin.weight", Float32Array.of(5, 6), [2]),
  indices: tensorProto("", BigInt64Array.of(0n, 1n, 2n, 3n), [2, 2]),
  dims: [3, 4],
};
/** Zeros that two stored values and the free ones may stand for, in bytes. */
const THIN = 4 * (1024 + 2 * 64);
const MODEL = Uint8Array.from(encodeModel({
  irVersion: 10,
  opsetImport: [{ version: 18 }],
  graph: {
    node: [
      { name: "/fc/MatMul", opType: "MatMul", input: ["x", "onnx::MatMul_1"], output: ["y"] },
      { opType: "Add", input: ["fc.bias", "y"], output: ["z"] },
      {
        opType: "Gemm",
        input: ["z", "head.weight"],
        output: ["o"],
        attribute: [{ name: "transB", type: 2, i: 1 }],
      },
      { opType: "Identity", input: ["fc.bias"], output: ["norm.bias"] },
      {
        opType: "Constant",
        input: [],
        output: ["in.weight"],
        attribute: [{
          name: "value",
          type: 4,
          t: tensorProto("", Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]),
        }],
      },
      {
        opType: "Constant",
        input: [],
        output: ["in.bias"],
        attribute: [{ name: "value_floats", type: 6, floats: [1, 2] }],
      },
      { opType: "Cast", input: ["in.weight"], output: ["half"], attribute: [{ name: "to", type: 2, i: 10 }] },
      { opType: "Transpose", input: ["half"], output: ["turned"] },
      { opType: "MatMul", input: ["q", "half"], output: ["p"] },
      { opType: "Add", input: ["p", "in.bias"], output: ["r"] },
      { opType: "Concat", input: ["token", "z"], output: ["t"] },
    ],
    initializer: [
      tensorProto("onnx::MatMul_1", Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      tensorProto("fc.bias", Float32Array.of(1, 2, 3), [3]),
      tensorProto("token", Float32Array.of(1, 2, 1, 2), [2, 1, 2]),
      tensorProto("pos_embed", Float32Array.of(1, 2), [1, 1, 2]),
      { name: "head.weight", dims: [2], dataType: dataTypes.float16, int32Data: [0x3c00, 3] },
      {
        name: "head.bias",
        dims: [2],
        dataType: dataTypes.float32,
        dataLocation: 1,
        externalData: [{ key: "location", value: "w" }, { key: "offset", value: "8" }],
      },
    ],
    sparseInitializer: [SPARSE],
    input: [],
    output: [],
  },
  metadataProps: [{ key: "card", value: "{}" }],
}));

/** A model with any damage, or one that is sound but for what it says of its initialisers. */
function damage(rng: Rng): Uint8Array {
  if (rng.integer(2)) return mutate(MODEL, rng, MODEL.length);
  const model = decodeModel(MODEL);
  const initializer = model.graph.initializer.map((tensor) => {
    if (rng.integer(4)) return tensor;
    const dims = [[], [0], [-1], [3], [2 ** 40, 2 ** 40], [2, 3], [1, 1, 2]][rng.integer(7)]!;
    return [{ ...tensor, dims }, { ...tensor, dataType: rng.integer(18) }, { ...tensor, dataLocation: 1 }, {
      ...tensor,
      name: ["fc.bias", "", "onnx::MatMul_1", "fc.weight"][rng.integer(4)]!,
    }][rng.integer(4)]!;
  });
  const dims = [[3, 4], [0], [-1], [2 ** 40, 2 ** 40], [40, 40], [1]][rng.integer(6)]!;
  const sparseInitializer = [{ ...SPARSE, dims: rng.integer(2) ? SPARSE.dims : dims }];
  return Uint8Array.from(
    encodeModel({ ...model, graph: { ...model.graph, initializer, sparseInitializer } }),
  );
}

Deno.test("onnxWeights() reads or refuses 10,000 damaged models", async () => {
  await fuzz("onnx", 4 * (MODEL.length + EXTERNAL.length) + THIN, (rng) => {
    const model = decodeOnnx(damage(rng), { file: "x" });
    const external = new Map(externalFiles(model).map((name) => [name, EXTERNAL]));
    return sizeOfAll(onnxWeights(model, { file: "x", external, finite: rng.integer(2) === 0 }));
  }, SENTENCE);
});
