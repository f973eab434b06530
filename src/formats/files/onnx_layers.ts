/**
 * The layers of an ONNX graph: which nodes use which constants as weight and bias. Tools write one layer in several
 * ways, as a product and a sum, as one node, or with casts and reshapes between.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import type { NodeProto } from "../../executors/onnx/model.ts";
import {
  attributeOf,
  type Constant,
  type Constants,
  createTurner,
  type Derived,
  isGiven,
  nodeName,
  vectorAt,
} from "./onnx_constants.ts";
import type { Fail } from "./onnx_tensors.ts";

/** Which nodes read a value, by its name. */
export type Readers = ReadonlyMap<string, readonly NodeProto[]>;

export function indexReaders(nodes: readonly NodeProto[]): Readers {
  const readers = new Map<string, NodeProto[]>();
  for (const node of nodes) {
    for (const name of new Set(node.input)) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}

export function readersOf(readers: Readers, value: string | undefined): readonly NodeProto[] {
  return value ? readers.get(value) ?? [] : [];
}

const PRODUCTS = ["MatMul", "FusedMatMul", "Gemm", "FusedGemm"];

/** Ops that hand a product on to the sum with its bias. */
const HANDING_ON = ["Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout"];

/** A weight [out, in] at the node that uses it, and the bias of the same layer. */
export interface Layer {
  readonly node: NodeProto;
  readonly weight: Constant;
  readonly tensor: HostTensor;
  readonly bias?: Constant;
}

/** Ops that a bias comes by; those of onnxruntime's optimisers do more than adding afterwards. */
const ADDING = ["Add", "BiasGelu", "FastGelu", "SkipLayerNormalization"];

/** Ops of onnxruntime that are understood although they are not of the standard. */
const UNDERSTOOD = [...ADDING, "FusedMatMul", "FusedGemm", "LayerNormalization"];

/** Finds the layers of a graph. */
export class LayerFinder {
  readonly #readers: Readers;
  readonly #turn = createTurner();

  constructor(
    readonly nodes: readonly NodeProto[],
    readonly constants: Constants,
    readonly fail: Fail,
  ) {
    this.#readers = indexReaders(nodes);
  }

  /** All of them, in the order of the graph. */
  run(): Layer[] {
    this.#checkOps();
    return this.nodes.flatMap((node) => this.#layerAt(node) ?? []);
  }

  /** @throws Through `fail`, if a node reads weights in a way of its own */
  #checkOps(): void {
    for (const node of this.nodes) {
      const { domain = "", opType } = node;
      const isStandard = ["", "ai.onnx"].includes(domain) || UNDERSTOOD.includes(opType);
      const weights = node.input.flatMap((name) => vectorAt(this.constants, name)?.root ?? []);
      if (weights.length > 0 && (!isStandard || opType === "Einsum")) {
        this.fail(
          `${nodeName(node)} reads ${JSON.stringify(weights[0])} in a way of its own, ` +
            "wanted standard operations: an export that is not optimised for one runtime",
        );
      }
    }
  }

  #layerAt(node: NodeProto): Layer | undefined {
    const { opType, input } = node;
    const [, second = "", third] = input;
    const isProduct = PRODUCTS.includes(opType);
    const part = isProduct ? this.constants.derived.get(second) : undefined;
    if (part) return this.#reshapedLayer(node, part);
    const constant = this.constants.known.get(second);
    if (!constant) return undefined;
    const { name, tensor } = constant;
    if (isProduct && tensor.shape.length === 2) {
      this.#checkFactors(node);
      const isTurned = Boolean(attributeOf(node, "transB")?.i);
      const weight = isTurned ? tensor : this.#turn(tensor);
      const own = opType.endsWith("Gemm") && third
        ? this.#biasIn([third], weight.shape[0]!, node)
        : undefined;
      const bias = own ?? this.#biasOf(node, weight.shape[0]!);
      return { node, weight: constant, tensor: weight, ...(bias && { bias }) };
    }
    if (opType === "Conv" || opType === "LayerNormalization") {
      const bias = this.constants.known.get(third ?? "");
      return { node, weight: constant, tensor, ...(bias && { bias }) };
    }
    // The two steps of a norm or a layer written out.
    if (opType === "Mul" && isGiven(name) && name.endsWith("weight") && tensor.shape.length === 1) {
      const bias = this.#biasOf(node, tensor.shape[0]!);
      return { node, weight: constant, tensor, ...(bias && { bias }) };
    }
    return undefined;
  }

  /** A product with a weight of another shape, such as that of a convolution. */
  #reshapedLayer(node: NodeProto, { root, isWhole }: Derived): Layer | undefined {
    const weight = this.constants.known.get(root);
    // A part of a weight that has its name is read with the whole.
    if (isGiven(root) && !isWhole) return undefined;
    if (!weight || !isGiven(root)) {
      return this.fail(
        `${nodeName(node)} multiplies by a part of ${JSON.stringify(root)}, wanted whole weights`,
      );
    }
    const [size = 0] = weight.tensor.shape;
    const bias = this.#biasIn(node.input.slice(2), size, node) ?? this.#biasOf(node, size);
    return { node, weight, tensor: weight.tensor, ...(bias && { bias }) };
  }

  #checkFactors(node: NodeProto): void {
    for (const name of ["alpha", "beta"]) {
      const factor = attributeOf(node, name)?.f ?? 1;
      if (factor !== 1) this.fail(`${nodeName(node)} has ${name} ${factor}, wanted 1`);
    }
    if (attributeOf(node, "transA")?.i) this.fail(`${nodeName(node)} turns its input, wanted it as it is`);
  }

  /** What is added to a node's result before anything else happens to it. */
  #biasOf(node: NodeProto, size: number): Layer["bias"] {
    const [output] = node.output;
    for (const reader of readersOf(this.#readers, output)) {
      const others = reader.input.filter((name) => name !== output);
      if (ADDING.includes(reader.opType)) {
        const bias = this.#biasIn(others, size, reader);
        if (bias) return bias;
      }
      if (HANDING_ON.includes(reader.opType) && reader.input[0] === output) {
        const bias = this.#biasOf(reader, size);
        if (bias) return bias;
      }
    }
    return undefined;
  }

  #biasIn(names: readonly string[], size: number, node: NodeProto): Layer["bias"] {
    for (const name of names) {
      const part = this.constants.derived.get(name);
      if (part && !isGiven(part.root) && node.opType.endsWith("Gemm")) {
        this.fail(`${nodeName(node)} adds a part of ${JSON.stringify(part.root)}, wanted a whole bias`);
      }
      const found = this.constants.known.get(name);
      const { shape = [] } = found?.tensor ?? {};
      // A norm's scale stands beside the bias in fused nodes.
      if (!found || (isGiven(found.name) && !found.name.endsWith("bias")) || shape.at(-1) !== size) continue;
      if (sizeOf(shape) === size) return { ...found, tensor: hostTensor([size], found.tensor.data) };
    }
    return undefined;
  }
}
