import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import {
  dataTypes,
  encodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
} from "../../executors/onnx/model.ts";
import { decodeOnnx, externalFiles, type OnnxReadOptions, onnxWeights } from "./onnx_weights.ts";

function modelOf(graph: Partial<GraphProto>): ModelProto {
  return decodeOnnx(encodeModel({
    irVersion: 10,
    opsetImport: [{ version: 18 }],
    graph: { node: [], initializer: [], input: [], output: [], ...graph },
    metadataProps: [{ key: "card", value: "{}" }],
  }));
}

function read(
  initializer: readonly TensorProto[],
  node: readonly NodeProto[] = [],
  options: OnnxReadOptions = {},
) {
  return onnxWeights(modelOf({ initializer, node }), { file: "w.onnx", ...options });
}

function failsWith(message: RegExp, run: () => unknown): void {
  assert.throws(
    run,
    (error) =>
      error instanceof InputError && error.message.startsWith("Cannot read w.onnx: ") &&
      message.test(error.message),
  );
}

function float(name: string, shape: readonly number[], ...values: number[]): TensorProto {
  return tensorProto(name, Float32Array.from(values), shape);
}

/** [in, out] = [2, 3], and as PyTorch stores it. */
const FOLDED = [1, 2, 3, 4, 5, 6];
const STORED = [1, 4, 2, 5, 3, 6];

Deno.test("onnxWeights() reads every element type, from bytes and from lists", () => {
  const raw = (dataType: number, data: ArrayBufferView) => ({
    name: "a.weight",
    dims: [2],
    dataType,
    rawData: new Uint8Array(data.buffer),
  });
  const { float32, float64, float16, bfloat16 } = dataTypes;
  const forms: TensorProto[] = [
    raw(float32, Float32Array.of(1, -3)),
    raw(float64, Float64Array.of(1, -3)),
    raw(float16, Uint16Array.of(0x3c00, 0xc200)),
    raw(bfloat16, Uint16Array.of(0x3f80, 0xc040)),
    { name: "a.weight", dims: [2], dataType: float32, floatData: [1, -3] },
    { name: "a.weight", dims: [2], dataType: float64, doubleData: [1, -3] },
    { name: "a.weight", dims: [2], dataType: float16, int32Data: [0x3c00, 0xc200] },
    { name: "a.weight", dims: [2], dataType: bfloat16, int32Data: [0x3f80, 0xc040] },
  ];
  for (const form of forms) {
    const { shape, data } = read([form]).tensors["a.weight"]!;
    assert.deepEqual([shape, [...data]], [[2], [1, -3]]);
  }
});

Deno.test("onnxWeights() leaves out constants and integers, and gives the metadata", () => {
  const index = tensorProto("a.index", BigInt64Array.of(1n), [1]);
  const content = read([
    index,
    float("onnx::Add_7", [1], 1),
    float("/Constant_1", [], 1),
    float("a.bias", [], 2),
  ]);
  assert.deepEqual(Object.keys(content.tensors), ["a.bias"]);
  assert.deepEqual([content.integers, content.metadata], [{}, { card: "{}" }]);
});

Deno.test("onnxWeights() undoes the transposition of factors, by whichever trace names them", () => {
  const product = (more: Partial<NodeProto>): NodeProto => ({
    opType: "MatMul",
    input: ["x", "onnx::MatMul_9"],
    output: ["y"],
    ...more,
  });
  const add = { opType: "Add", input: ["fc.bias", "y"], output: ["z"] };
  const scopes = "['', 'fc', 'linear']";
  const traces: NodeProto[][] = [
    [product({}), add],
    [product({ opType: "Gemm", input: ["x", "onnx::MatMul_9", "fc.bias"] })],
    [product({ name: "/fc/MatMul" })],
    [product({ metadataProps: [{ key: "pkg.torch.onnx.name_scopes", value: scopes }] })],
  ];
  for (const nodes of traces) {
    const { tensors } = read(
      [float("onnx::MatMul_9", [2, 3], ...FOLDED), float("fc.bias", [3], 0, 0, 0)],
      nodes,
    );
    assert.deepEqual(tensors["fc.weight"]?.shape, [3, 2], nodes[0]!.opType);
    assert.deepEqual([...tensors["fc.weight"]!.data], STORED);
  }
  const nested = product({ name: "/blocks/blocks.0/attn/qkv/MatMul" });
  assert.deepEqual(Object.keys(read([float("onnx::MatMul_9", [2, 3], ...FOLDED)], [nested]).tensors), [
    "blocks.0.attn.qkv.weight",
  ]);
  // A weight that kept its name is turned when it is multiplied as it is, and not when the node turns it.
  const gemm = (transB: number): NodeProto => ({
    ...product({ opType: "Gemm", input: ["x", "fc.weight"] }),
    attribute: [{ name: "transB", type: 2, i: transB }],
  });
  const own = (transB: number) =>
    read([float("fc.weight", [2, 3], ...FOLDED)], [gemm(transB)]).tensors["fc.weight"]!;
  assert.deepEqual([...own(0).data], STORED);
  assert.deepEqual([...own(1).data], FOLDED);
});

Deno.test("onnxWeights() gives equal weights that were stored once to each of their names", () => {
  const { tensors } = read([float("a.bias", [1], 5)], [{
    opType: "Identity",
    input: ["a.bias"],
    output: ["b.bias"],
  }]);
  assert.deepEqual(tensors["a.bias"], tensors["b.bias"]);
  assert.equal(tensors["b.bias"]!.data[0], 5);
});

Deno.test("onnxWeights() finds a class token that was folded into a constant", () => {
  const join = { opType: "Concat", input: ["expand", "patches"], output: ["tokens"] };
  const read1 = (position: string, ...rows: number[]) =>
    read([float("expand", [rows.length / 2, 1, 2], ...rows), float(position, [1, 1, 2], 0, 0)], [join])
      .tensors;
  assert.deepEqual([...read1("pos_embed", 1, 2, 1, 2)["cls_token"]!.data], [1, 2]);
  assert.deepEqual(read1("pos_embed", 1, 2, 1, 2)["cls_token"]!.shape, [1, 1, 2]);
  assert.ok("vit.embeddings.cls_token" in read1("vit.embeddings.position_embeddings", 1, 2));
  assert.ok("class_token" in read1("encoder.pos_embedding", 1, 2));
  // Rows that differ from image to image are no token.
  failsWith(/the node Concat "tokens" reads the constant "expand"/, () => read1("pos_embed", 1, 2, 1, 3));
});

Deno.test("onnxWeights() refuses weights whose names are lost or used twice", () => {
  const factor = float("val_3", [2, 3], ...FOLDED);
  failsWith(
    /renamed weights \("val_3"\)/,
    () => read([factor], [{ opType: "MatMul", input: ["x", "val_3"], output: [] }]),
  );
  failsWith(
    /two initialisers are called "a.bias"/,
    () => read([float("a.bias", [1], 1), float("a.bias", [1], 1)]),
  );
  failsWith(
    /two weights are used as "fc.weight"/,
    () =>
      read([factor, float("fc.weight", [1], 1)], [{
        name: "/fc/MatMul",
        opType: "MatMul",
        input: ["x", "val_3"],
        output: [],
      }]),
  );
});

Deno.test("onnxWeights() refuses what does not add up", () => {
  failsWith(
    /"a.bias" has 1 values, wanted 2 for F32\[2\]/,
    () => read([{ ...float("a.bias", [1], 1), dims: [2] }]),
  );
  failsWith(/"a.bias" has 0 values/, () => read([{ name: "a.bias", dims: [2], dataType: 1 }]));
  failsWith(/shape \[-1\], wanted sizes/, () => read([{ name: "a.bias", dims: [-1], dataType: 1 }]));
  failsWith(/"a.bias" has NaN at element 0/, () => read([float("a.bias", [1], NaN)], [], { finite: true }));
  assert.ok(read([float("a.bias", [1], NaN)]));
  failsWith(/no valid protocol buffer/, () => decodeOnnx(Uint8Array.of(255), { file: "w.onnx" }));
});

Deno.test("onnxWeights() expands sparse initialisers by places or coordinates, within bounds", () => {
  const sparse = (dims: readonly number[], indices: TensorProto) => ({
    values: float("a.bias", [2], 5, 6),
    indices,
    dims,
  });
  const readSparse = (dims: readonly number[], indices: TensorProto) => {
    const model = modelOf({ sparseInitializer: [sparse(dims, indices)] });
    return [...onnxWeights(model, { file: "w.onnx" }).tensors["a.bias"]!.data];
  };
  const at = (shape: readonly number[], ...places: bigint[]) =>
    tensorProto("", BigInt64Array.from(places), shape);
  assert.deepEqual(readSparse([4], at([2], 1n, 3n)), [0, 5, 0, 6]);
  assert.deepEqual(readSparse([2, 2], at([2, 2], 0n, 1n, 1n, 1n)), [0, 5, 0, 6]);
  failsWith(/has a value at 4, wanted places below 4/, () => readSparse([4], at([2], 1n, 4n)));
  failsWith(/has a value at NaN/, () => readSparse([2, 2], at([2, 2], 0n, 2n, 1n, 1n)));
  failsWith(/has 1 indices, wanted 2/, () => readSparse([4], at([1], 1n)));
  failsWith(/wanted fewer zeros between them/, () => readSparse([1 << 20], at([2], 1n, 3n)));
});

Deno.test("onnxWeights() refuses constants that change results and have lost their names", () => {
  const weight = float("fc.weight", [2, 2], 1, 2, 3, 4);
  const product = { opType: "MatMul", input: ["x", "fc.weight"], output: ["y"] };
  const then = (opType: string, constant: TensorProto, domain = "") =>
    read([weight, constant], [product, { opType, domain, input: ["y", constant.name!], output: ["z"] }])
      .tensors;
  assert.deepEqual([...then("Add", float("val_1", [2], 7, 8))["fc.bias"]!.data], [7, 8]);
  failsWith(
    /the node Mul "z" reads the constant "val_1" \[2\]/,
    () => then("Mul", float("val_1", [2], 7, 8)),
  );
  failsWith(/the node Sub "z" reads/, () => then("Sub", float("val_1", [2], 7, 8)));
  failsWith(/in a way of its own/, () => then("QuickAttention", float("val_1", [2], 7, 8), "com.microsoft"));
  // Neither of these changes anything, and single numbers are settings.
  assert.deepEqual(Object.keys(then("Mul", float("val_1", [2], 1, 1))), ["fc.weight"]);
  assert.deepEqual(Object.keys(then("Mul", float("val_1", [], 3))), ["fc.weight"]);
  const scaled = { opType: "Mul", input: ["fc.weight", "gain"], output: ["w"] };
  failsWith(
    /the node Mul "w" computes with "fc.weight" before any image does/,
    () => read([weight, float("gain", [], 2)], [scaled, { ...product, input: ["x", "w"] }]),
  );
});

Deno.test("onnxWeights() reads values that lie in other files", () => {
  const at = (...facts: readonly (readonly [string, string])[]): TensorProto => ({
    name: "a.bias",
    dims: [2],
    dataType: dataTypes.float32,
    dataLocation: 1,
    externalData: facts.map(([key, value]) => ({ key, value })),
  });
  const file = new Uint8Array(Float32Array.of(9, 1, 2).buffer);
  const external = new Map([["w.data", file]]);
  const place = at(["location", "w.data"], ["offset", "4"], ["length", "8"]);
  assert.deepEqual(externalFiles(modelOf({ initializer: [place, float("b.bias", [1], 1)] })), ["w.data"]);
  assert.deepEqual([...read([place], [], { external }).tensors["a.bias"]!.data], [1, 2]);
  const rest = at(["location", "w.data"], ["offset", "4"]);
  assert.deepEqual([...read([rest], [], { external }).tensors["a.bias"]!.data], [1, 2]);
  failsWith(/the file "w.data", wanted that file, too/, () => read([place]));
  failsWith(
    /bytes 8 to 16 of "w.data", wanted a range within 12/,
    () => read([at(["location", "w.data"], ["offset", "8"], ["length", "8"])], [], { external }),
  );
  failsWith(/wanted a range/, () => read([at(["location", "w.data"], ["offset", "-4"])], [], { external }));
  failsWith(/wanted a range/, () => read([at(["location", "w.data"], ["offset", "x"])], [], { external }));
  // Type and shape tell the length, which may be left out or be 0.
  for (const length of [[], [["length", "0"] as const]]) {
    const first = at(["location", "w.data"], ...length);
    assert.deepEqual([...read([first], [], { external }).tensors["a.bias"]!.data], [9, 1]);
  }
  failsWith(
    /has 3 values, wanted 2/,
    () => read([at(["location", "w.data"], ["length", "12"])], [], { external }),
  );
});
