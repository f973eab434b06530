/**
 * A program as an ONNX model: inputs and mutable states become model inputs, frozen states initialisers, outputs
 * and new values of states model outputs.
 *
 * @module
 */
import { formatShape } from "../../core/shape.ts";
import { expand } from "../../graph/expand.ts";
import type { Program } from "../../graph/graph.ts";
import type { NodeOf, OpName, Tensor } from "../../graph/ops.ts";
import type { DeviceArray } from "../host_values.ts";
import { ModelBuilder } from "./builder.ts";
import { compositeLowerings } from "./composites.ts";
import { LoweringContext } from "./context.ts";
import type { ModelProto } from "./model.ts";
import { Readers } from "./nodes.ts";
import { type Lowering, primitiveLowerings } from "./primitives.ts";

/** `"leaf"` is bound before the nodes are visited; `"alias"` is its operand in another shape. */
const lowerings = {
  input: "leaf",
  state: "leaf",
  reshape: "alias",
  ...primitiveLowerings,
  ...compositeLowerings,
} satisfies { readonly [K in OpName]: Lowering<K> | "leaf" | "alias" | "expand" };

/** How to lower. */
export interface LoweringOptions {
  /** Values of states that never change. They become initialisers. */
  readonly frozen?: Readonly<Record<string, DeviceArray>>;
  /**
   * Use only ops of the ONNX standard, and add every bias within its product, for models that leave this project.
   */
  readonly portable?: boolean;
  /** Written into the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A model and the names of its values, by the program's names. */
export interface LoweredProgram {
  readonly model: ModelProto;
  readonly inputs: Readonly<Record<string, string>>;
  /** Model inputs of the states that are not frozen. */
  readonly states: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly updates: Readonly<Record<string, string>>;
  /** In words, the program node that an ONNX node comes from. */
  describe(onnxNode: string): string | undefined;
}

function mapRecord<V, W>(
  record: Readonly<Record<string, V>>,
  map: (value: V, name: string) => W,
): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

function describeNode(node: Tensor): string {
  const operands = node.operands.map(({ shape }) => formatShape(shape)).join(", ");
  return `${node.op}(${operands}) -> ${formatShape(node.shape)}`;
}

/** Lowers a program. */
export function lowerProgram(source: Program, options: LoweringOptions = {}): LoweredProgram {
  const { frozen = {}, portable = false, metadata = {} } = options;
  const program = expand(source, (node) => lowerings[node.op] !== "expand");
  const builder = new ModelBuilder();
  const results = [...Object.values(program.outputs), ...Object.values(program.updates)];
  const context = new LoweringContext(builder, new Readers(program.nodes, results), portable);
  const origins = new Map<string, string>();

  const declare = (node: NodeOf<"input"> | NodeOf<"state">, wanted: string) => {
    const name = builder.input(wanted, node.shape, node.dtype);
    context.bind(node as Tensor, { name, shape: node.shape });
    return name;
  };
  const inputs = mapRecord(program.inputs, declare);
  const states: Record<string, string> = {};
  for (const [name, node] of Object.entries(program.states)) {
    const values = frozen[name];
    if (values) {
      context.bind(node as Tensor, { name: builder.weight(name, values, node.shape), shape: node.shape });
    } else states[name] = declare(node, name);
  }
  for (const node of program.nodes) {
    const lowering = lowerings[node.op];
    if (lowering === "leaf") continue;
    if (lowering === "expand") throw new TypeError(`Cannot lower: ${node.op} was not expanded`);
    const origin = `${node.op} ${node.id}`;
    builder.from(origin);
    origins.set(origin, describeNode(node));
    if (lowering === "alias") {
      context.alias(node, node.operands[0]!);
      continue;
    }
    const made = (lowering as Lowering<OpName>)(context, node as unknown as NodeOf<OpName>);
    context.bind(node, typeof made === "string" ? { name: made, shape: node.shape } : made);
  }
  const result = (prefix: string) => (node: Tensor, name: string) =>
    builder.output(`${prefix}${name}`, context.value(node), node.shape, node.dtype);
  const outputs = mapRecord(program.outputs, result(""));
  const updates = mapRecord(program.updates, result("next "));
  return {
    model: builder.finish(metadata),
    inputs,
    states,
    outputs,
    updates,
    describe: (onnxNode) => origins.get(onnxNode.replace(/#\d+$/, "")),
  };
}
