/**
 * Collects ONNX nodes and initialisers, names values, and drops what no output needs, so that a lowering may
 * emit a value before it knows whether somebody will use it.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import type { DType } from "../../graph/ops.ts";
import {
  type AttributeProto,
  attributeTypes,
  dataTypes,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
  type TensorValues,
  type ValueInfoProto,
} from "./model.ts";
import { smallResultsFirst } from "./order.ts";

/** Default domain, and the domain of ONNX Runtime's own ops. */
export type Domain = "" | "com.microsoft";

/** Attribute values: a number becomes an int if written as `{ int }`, a float otherwise. */
export type AttributeValue = number | string | { readonly int: number } | readonly number[];

/** What an emitted node may have besides inputs. */
export interface EmitOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: Domain;
  /** How many outputs the op demands; the others are left out where nobody uses them. By default all. */
  readonly required?: number;
}

/** Version 21 of the ONNX operator set, IR version 10: everything used here has a CPU kernel at it. */
const OPSET = 21;
const IR_VERSION = 10;

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return { name, type: attributeTypes.float, f: value };
  if (typeof value === "string") {
    return { name, type: attributeTypes.string, s: new TextEncoder().encode(value) };
  }
  return "int" in value
    ? { name, type: attributeTypes.int, i: value.int }
    : { name, type: attributeTypes.ints, ints: value };
}

const elementTypes: { readonly [K in DType]: number } = {
  f32: dataTypes.float32,
  i32: dataTypes.int32,
  u8: dataTypes.uint8,
};

function valueInfo(name: string, shape: Shape, dtype: DType): ValueInfoProto {
  return {
    name,
    type: {
      tensorType: { elemType: elementTypes[dtype], shape: { dim: shape.map((dimValue) => ({ dimValue })) } },
    },
  };
}

interface DraftNode extends NodeProto {
  readonly required: number;
}

/** Builds one ONNX model. */
export class ModelBuilder {
  readonly #nodes: DraftNode[] = [];
  readonly #initializers = new Map<string, TensorProto>();
  readonly #interned = new Map<string, string>();
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #names = new Set<string>([""]);
  /** Values made by nodes, and the outputs whose names some of them take. */
  readonly #produced = new Set<string>();
  readonly #renamed = new Map<string, string>();
  #origin = "";

  /** Names the program node that the next emitted nodes come from. */
  from(origin: string): void {
    this.#origin = origin;
  }

  /** A name like `wanted` that nothing else has. Dots stay with the names of weights. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#names.has(name); i++) name = `${wanted}#${i}`;
    this.#names.add(name);
    return name;
  }

  input(wanted: string, shape: Shape, dtype: DType): string {
    const name = this.unique(wanted);
    this.#inputs.push(valueInfo(name, shape, dtype));
    return name;
  }

  /** Declares a result. The value takes the output's name where it can, so that nothing is copied. */
  output(wanted: string, value: string, shape: Shape, dtype: DType): string {
    const name = this.unique(wanted);
    if (this.#produced.has(value) && !this.#renamed.has(value)) {
      this.#renamed.set(value, name);
    } else {
      const node = { name: this.unique("pass on"), opType: "Identity", input: [value], output: [name] };
      this.#nodes.push({ ...node, required: 1 });
    }
    this.#outputs.push(valueInfo(name, shape, dtype));
    return name;
  }

  /** A node with one output; returns the name of its value. */
  emit(opType: string, inputs: readonly string[], options: EmitOptions = {}): string {
    return this.emitMany(opType, inputs, 1, options)[0]!;
  }

  /** A node with several outputs. */
  emitMany(
    opType: string,
    input: readonly string[],
    outputs: number,
    { attributes = {}, domain = "", required = outputs }: EmitOptions = {},
  ): string[] {
    const name = this.unique(this.#origin === "" ? opType : this.#origin);
    const output = Array.from(
      { length: outputs },
      (_, i) => this.unique(outputs === 1 ? `${name}:` : `${name}:${i}`),
    );
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
    for (const value of output) this.#produced.add(value);
    this.#nodes.push({ name, opType, domain, input: [...input], output, attribute, required });
    return output;
  }

  /** An initialiser. Equal short ones are stored once. */
  constant(values: TensorValues, shape: Shape, wanted = "constant"): string {
    // By bytes: 0 and -0 are two constants.
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const key = values.length > 64 ? undefined : `${values.constructor.name}|${shape}|${bytes.join()}`;
    const known = key === undefined ? undefined : this.#interned.get(key);
    if (known) return known;
    const name = this.weight(wanted, values, shape);
    if (key !== undefined) this.#interned.set(key, name);
    return name;
  }

  /** An initialiser of its own, under its name, even if another has equal values. */
  weight(wanted: string, values: TensorValues, shape: Shape): string {
    const name = this.unique(wanted);
    this.#initializers.set(name, tensorProto(name, values, shape));
    return name;
  }

  /** A float scalar. */
  scalar(value: number): string {
    return this.constant(Float32Array.of(value), []);
  }

  /** A vector of int64: the form of shapes and axes. */
  ints(values: readonly number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** The model of what the declared outputs need. Inputs stay declared even if unused. */
  finish(metadata: Readonly<Record<string, string>> = {}): ModelProto {
    const renamed = (name: string) => this.#renamed.get(name) ?? name;
    const needed = new Set(this.#outputs.map(({ name }) => name));
    const kept: NodeProto[] = [];
    for (const { required, ...node } of this.#nodes.toReversed()) {
      const made = node.output.map(renamed);
      if (!made.some((name) => needed.has(name))) continue;
      const output = made.map((name, i) => i < required || needed.has(name) ? name : "");
      const input = node.input.map(renamed);
      for (const name of input) needed.add(name);
      while (output.at(-1) === "") output.pop();
      kept.push({ ...node, input, output });
    }
    return {
      irVersion: IR_VERSION,
      producerName: "ham-bench",
      opsetImport: [
        { domain: "", version: OPSET },
        ...(kept.some(({ domain }) => domain === "com.microsoft")
          ? [{ domain: "com.microsoft", version: 1 }]
          : []),
      ],
      graph: {
        name: "program",
        node: smallResultsFirst(kept.reverse(), this.#outputs.map(({ name }) => name)),
        initializer: [...this.#initializers].flatMap(([name, tensor]) => needed.has(name) ? [tensor] : []),
        input: this.#inputs,
        output: this.#outputs,
      },
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    };
  }
}
