/**
 * Weights out of ONNX models, wherever the graph holds them. Exporters fold the transposition of a linear layer's
 * weight into it and give the result a name such as `onnx::MatMul_219`, and other tools rename or move what they
 * like. What a weight was called is found by how the graph uses it: the bias added to its product keeps its name, or
 * the node tells the layer that it comes from. Nothing is guessed from sizes, and nothing that changes results is
 * left out without a word.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, sizeOf } from "../../core/shape.ts";
import type { HostTensor } from "../../core/tensors.ts";
import { decodeModel, type GraphProto, type ModelProto, type NodeProto } from "../../executors/onnx/model.ts";
import { arraysOf, type Constants, findConstants, isGiven, nodeName, vectorAt } from "./onnx_constants.ts";
import { type Layer, LayerFinder } from "./onnx_layers.ts";
import { foldedTokens } from "./onnx_tokens.ts";
import { externalFacts, type ExternalFiles, type Fail, isExternal } from "./onnx_tensors.ts";
import { checkFinite, type ReadOptions, type SafetensorsContent } from "./safetensors.ts";

/** How to read a model. */
export interface OnnxReadOptions extends ReadOptions {
  /** Contents of the files that hold values outside the model; see `externalFiles`. */
  readonly external?: ExternalFiles;
}

/** Under this key PyTorch's newer exporter tells where in the model a node comes from. */
const SCOPES = "pkg.torch.onnx.name_scopes";

/** The layer that a node comes from, if it tells. */
function layerOf({ name = "", metadataProps }: NodeProto): string | undefined {
  const scopes = metadataProps?.find(({ key }) => key === SCOPES)?.value;
  // The modules around the node by their whole names, then the operation.
  const layer = scopes && /'([^']+)', '[^']*'\]$/.exec(scopes)?.[1];
  if (layer) return layer;
  // `/blocks/blocks.0/attn/qkv/MatMul`: a container's name is repeated in that of its member.
  const path = name.split("/").slice(1, -1);
  // onnxruntime appends how it fused a node: `/fc/MatMul/MatMulAddFusion`.
  if (["MatMul", "Gemm", "Conv"].includes(path.at(-1) ?? "")) path.pop();
  const parts = path.filter((part, i) => !path[i + 1]?.startsWith(`${part}.`));
  return name.startsWith("/") && parts.length > 0 ? parts.join(".") : undefined;
}

function failure({ file = "ONNX model" }: ReadOptions): Fail {
  return (why) => {
    throw new InputError(`Cannot read ${file}: ${why}`);
  };
}

/** Gives names to what the layers of a graph hold. */
class Naming {
  readonly named = new Map<string, HostTensor>();
  /** The array behind every name. */
  readonly #rootOf = new Map<string, string>();
  /** Arrays that are accounted for. */
  readonly #read = new Set<string>();

  constructor(
    readonly nodes: readonly NodeProto[],
    readonly constants: Constants,
    readonly fail: Fail,
  ) {}

  /** Weights by their original names. */
  run(): Map<string, HostTensor> {
    const { nodes, constants } = this;
    this.#nameLayers(new LayerFinder(nodes, constants, this.fail).run());
    for (const [name, { root, name: own, tensor }] of constants.known) {
      if (name !== own || !isGiven(name)) continue;
      this.#give(name, this.named.get(name) ?? tensor, root);
      this.#read.add(root);
    }
    for (const { name, tensor, root } of foldedTokens(this.named, constants, nodes)) {
      this.named.set(name, tensor);
      this.#read.add(root);
    }
    this.#checkUnread();
    return this.named;
  }

  #nameLayers(layers: readonly Layer[]): void {
    const uses = new Map<string, number>();
    for (const { bias } of layers) if (bias) uses.set(bias.name, (uses.get(bias.name) ?? 0) + 1);
    const nameless: string[] = [];
    for (const layer of layers) {
      const { node, weight, tensor, bias } = layer;
      const isShared = bias !== undefined && uses.get(bias.name)! > 1;
      const known = bias && isGiven(bias.name) && !isShared ? bias.name : undefined;
      const told = layerOf(node);
      const own = isGiven(weight.name)
        ? weight.name
        : known?.endsWith("bias")
        ? known.replace(/bias$/, "weight")
        : told === undefined
        ? undefined
        : `${told}.weight`;
      this.#read.add(weight.root);
      if (own === undefined) {
        if (sizeOf(tensor.shape) > 1) nameless.push(weight.root);
        continue;
      }
      this.#give(own, tensor, weight.root);
      if (!bias) continue;
      this.#read.add(bias.root);
      const beside = own.endsWith("weight") ? own.replace(/weight$/, "bias") : `${own}.bias`;
      this.#give(known ?? beside, bias.tensor, bias.root);
    }
    if (nameless.length > 0) {
      const shown = nameless.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
      this.fail(
        `the exporter has renamed weights (${shown}) and neither a bias nor a node tells what they were; ` +
          "wanted initialisers under the names of the model, as an export without constant folding has them",
      );
    }
  }

  #give(name: string, tensor: HostTensor, root: string): void {
    const taken = this.#rootOf.get(name);
    if (taken !== undefined && taken !== root) this.fail(`two weights are used as ${JSON.stringify(name)}`);
    this.#rootOf.set(name, root);
    this.named.set(name, tensor);
  }

  /** @throws Through `fail`, if a constant that changes results has not been read */
  #checkUnread(): void {
    for (const node of this.nodes) {
      const neutral = NEUTRAL[node.opType];
      if (neutral === undefined) continue;
      for (const name of node.input) {
        const constant = vectorAt(this.constants, name);
        if (!constant || this.#read.has(constant.root)) continue;
        // Joined constants are tokens if they are rows for each image, and sizes if not.
        if (node.opType === "Concat" && constant.tensor.shape.length !== 3) continue;
        const { root, tensor: { shape, data } } = constant;
        if (data.every((value) => value === neutral)) continue;
        this.fail(
          `${nodeName(node)} reads the constant ${JSON.stringify(root)} ${
            formatShape(shape)
          }, and nothing tells ` +
            "which weight or bias it is; wanted initialisers under the names of the model",
        );
      }
    }
  }
}

/** Ops that change results by what they read, and the number by which they do not. */
const NEUTRAL: Readonly<Record<string, number>> = {
  Add: 0,
  Sub: 0,
  Mul: 1,
  Div: 1,
  Pow: 1,
  Sum: 0,
  MatMul: NaN,
  Gemm: NaN,
  FusedMatMul: NaN,
  FusedGemm: NaN,
  Conv: NaN,
  LayerNormalization: NaN,
  SkipLayerNormalization: NaN,
  BiasGelu: NaN,
  FastGelu: NaN,
  PRelu: 1,
  BatchNormalization: NaN,
  Concat: NaN,
};

/**
 * Decodes a model. It shares memory with the bytes.
 *
 * @throws {InputError} If the bytes are no ONNX model
 */
export function decodeOnnx(bytes: Uint8Array, options: ReadOptions = {}): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (error instanceof RangeError) return failure(options)(error.message);
    throw error;
  }
}

/** Locations, relative to the model's folder, of the files that hold values outside the model. */
export function externalFiles({ graph }: ModelProto): string[] {
  const elsewhere = arraysOf(graph).filter(isExternal);
  return [...new Set(elsewhere.map((tensor) => externalFacts(tensor).get("location") ?? ""))];
}

/** The size of the one input of four axes, if it is fixed. */
function imagesOf({ input, initializer }: GraphProto): SafetensorsContent["images"] {
  const stored = new Set(initializer.map(({ name }) => name));
  const shapes = input.filter(({ name }) => !stored.has(name))
    .flatMap(({ type }) => type?.tensorType?.shape ? [type.tensorType.shape.dim] : [])
    .filter((dim) => dim.length === 4);
  const [channels = 0, height = 0, width = 0] = shapes[0]?.slice(1).map(({ dimValue = 0 }) => dimValue) ?? [];
  const isFixed = shapes.length === 1 && channels > 0 && height > 0 && width > 0;
  return isFixed ? [channels, height, width] : undefined;
}

/**
 * The weights of a model, stored as in PyTorch ([out, in]), under the names they had there.
 *
 * @throws {InputError} If values are not where it says, a weight's name is lost, or weights are quantised
 */
export function onnxWeights(model: ModelProto, options: OnnxReadOptions = {}): SafetensorsContent {
  const fail = failure(options);
  const { graph, metadataProps = [] } = model;
  const weights = new Naming(graph.node, findConstants(graph, options.external, fail), fail).run();
  if (options.finite) {
    for (const [name, { data }] of weights) checkFinite(`weight ${JSON.stringify(name)}`, data, fail);
  }
  const images = imagesOf(graph);
  return {
    ...(images && { images }),
    tensors: Object.fromEntries(weights),
    integers: {},
    metadata: Object.fromEntries(metadataProps.map(({ key = "", value = "" }) => [key, value])),
  };
}
