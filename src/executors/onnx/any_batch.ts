/**
 * Models for any batch size. Programs have fixed shapes, so a program is lowered at two batch sizes: where the two
 * models differ, the batch enters. It may enter shapes alone, in proportion; there it becomes what the input has.
 *
 * @module
 */
import {
  type AttributeProto,
  attributeTypes,
  dataTypes,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
  type ValueInfoProto,
} from "./model.ts";

/** Primes that sizes of layers do not have as factors, so that no size equals a batch by chance. */
const BATCHES = [9973, 9967] as const;

/** A size: of a fixed number of elements, or of so many for each item of the batch. */
interface Size {
  readonly count: number;
  readonly perItem: boolean;
}

function differs(what: string): never {
  throw new RangeError(
    `Cannot make a model for any batch size: the batch changes ${what}, wanted it in shapes alone`,
  );
}

/** What a size is that has these values at the two batch sizes. */
function sizeFrom(first: number, second: number, what: string): Size {
  if (first === second) return { count: first, perItem: false };
  const count = first / BATCHES[0];
  if (!Number.isInteger(count) || count * BATCHES[1] !== second) return differs(what);
  return { count, perItem: true };
}

/** The elements of an int64 vector; undefined for another tensor. */
function integersOf({ dataType, dims, rawData }: TensorProto): number[] | undefined {
  if (dataType !== dataTypes.int64 || dims.length !== 1 || !rawData) return undefined;
  // A copy, because the bytes need not be aligned.
  return Array.from(new BigInt64Array(rawData.slice().buffer), Number);
}

function sameTensor(a: TensorProto, b: TensorProto): boolean {
  if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join()) return false;
  const [x, y] = [a.rawData!, b.rawData!];
  if (x.buffer === y.buffer && x.byteOffset === y.byteOffset) return true;
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}

function byName(tensors: readonly TensorProto[]): ReadonlyMap<string, TensorProto> {
  return new Map(tensors.map((tensor) => [tensor.name!, tensor]));
}

function integerAttribute(name: string, i: number): AttributeProto {
  return { name, type: attributeTypes.int, i };
}

/** Collects what computes shapes at run time. */
class ShapeWriter {
  readonly nodes: NodeProto[] = [];
  readonly constants: TensorProto[] = [];
  readonly #input: string;
  readonly #batches = new Map<number, string>();

  constructor(input: string) {
    this.#input = input;
  }

  /** A shape for the operand of a node. */
  shape(sizes: readonly Size[], { opType, name }: NodeProto): string {
    if (opType === "Reshape" && sizes.filter(({ perItem }) => perItem).length === 1) {
      return this.#integers(`shape of ${name}`, sizes.map(({ count, perItem }) => perItem ? -1 : count));
    }
    const input = sizes.map(({ count, perItem }, axis) =>
      perItem ? this.#batch(count) : this.#integers(`size ${axis} of ${name}`, [count])
    );
    const shape = `shape of ${name}`;
    const attribute = [integerAttribute("axis", 0)];
    this.nodes.push({ name: `join ${shape}`, opType: "Concat", input, output: [shape], attribute });
    return shape;
  }

  #integers(name: string, values: readonly number[]): string {
    this.constants.push(tensorProto(name, BigInt64Array.from(values, BigInt), [values.length]));
    return name;
  }

  /** `count` times the batch. */
  #batch(count: number): string {
    const known = this.#batches.get(count);
    if (known !== undefined) return known;
    const name = count === 1 ? "batch size" : `${count} times the batch size`;
    const attribute = [integerAttribute("start", 0), integerAttribute("end", 1)];
    this.nodes.push(
      count === 1
        ? { name: "find batch", opType: "Shape", input: [this.#input], output: [name], attribute }
        : {
          name: `find ${name}`,
          opType: "Mul",
          input: [this.#batch(1), this.#integers(`${count}`, [count])],
          output: [name],
        },
    );
    this.#batches.set(count, name);
    return name;
  }
}

/** A declared value whose sizes in proportion to the batch are left open. */
function openValue(first: ValueInfoProto, second: ValueInfoProto): ValueInfoProto {
  const tensorType = first.type!.tensorType!;
  const others = second.type!.tensorType!.shape!.dim;
  const dim = tensorType.shape!.dim.map(({ dimValue }, axis) => {
    const { count, perItem } = sizeFrom(dimValue!, others[axis]!.dimValue!, `"${first.name}"`);
    return perItem ? { dimParam: count === 1 ? "batch" : `${count}*batch` } : { dimValue: count };
  });
  return { name: first.name, type: { tensorType: { ...tensorType, shape: { dim } } } };
}

/**
 * A model for any batch size.
 *
 * @param lower Gives the model for a batch size
 * @param input Name of an input whose first axis is the batch
 * @throws {RangeError} If the batch changes more than shapes
 */
export function withAnyBatch(lower: (batch: number) => ModelProto, input: string): ModelProto {
  const [model, other] = BATCHES.map(lower) as [ModelProto, ModelProto];
  const [tensors, others] = [model, other].map(({ graph }) => byName(graph.initializer)) as [
    ReadonlyMap<string, TensorProto>,
    ReadonlyMap<string, TensorProto>,
  ];
  const writer = new ShapeWriter(input);
  const settle = (node: NodeProto, name: string, position: number, twin: string): string => {
    const tensor = tensors.get(name);
    const second = others.get(twin);
    if (!tensor || !second) return name === twin && tensor === second ? name : differs(`${node.name}`);
    if (sameTensor(tensor, second)) return name;
    const [found, wanted] = [integersOf(tensor), integersOf(second)];
    const isShape = (node.opType === "Reshape" || node.opType === "Expand") && position === 1;
    if (!isShape || !found || found.length !== wanted?.length) return differs(`an operand of ${node.name}`);
    return writer.shape(found.map((size, i) => sizeFrom(size, wanted[i]!, `a shape of ${node.name}`)), node);
  };
  if (model.graph.node.length !== other.graph.node.length) differs("the number of nodes");
  const nodes = model.graph.node.map((node, i) => {
    const twin = other.graph.node[i]!;
    const isSame = node.opType === twin.opType && node.output.join() === twin.output.join() &&
      node.input.length === twin.input.length &&
      JSON.stringify(node.attribute) === JSON.stringify(twin.attribute);
    if (!isSame) differs(`${node.name}`);
    return { ...node, input: node.input.map((name, at) => settle(node, name, at, twin.input[at]!)) };
  });
  const used = new Set(nodes.flatMap((node) => node.input));
  return {
    ...model,
    graph: {
      ...model.graph,
      node: [...writer.nodes, ...nodes],
      initializer: [...model.graph.initializer.filter(({ name }) => used.has(name!)), ...writer.constants],
      input: model.graph.input.map((value, i) => openValue(value, other.graph.input[i]!)),
      output: model.graph.output.map((value, i) => openValue(value, other.graph.output[i]!)),
    },
  };
}
