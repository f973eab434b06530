/**
 * Tracing: plain functions build nodes in a `Graph`; `trace` returns the finished `Program`. Nodes are interned
 * by structure, so common subexpressions are shared from the start, and what no output or update needs is dropped.
 *
 * @module
 */
import { checkShape, formatShape, sameShape, type Shape, sizeOf } from "../core/shape.ts";
import type { DType, NodeFactory, NodeOf, OpAttributes, OpName, Tensor } from "./ops.ts";
import { inferType } from "./shape_rules.ts";
import { simplify } from "./simplify.ts";

/** A finished static program. Operands precede their users in `nodes`. */
export interface Program {
  /** What outputs and updates need, in the order of creation. */
  readonly nodes: readonly Tensor[];
  /** Values given at every run, by name. */
  readonly inputs: Readonly<Record<string, NodeOf<"input">>>;
  /** Every state the program reads or updates. */
  readonly states: Readonly<Record<string, NodeOf<"state">>>;
  /** Values that a run can read, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** New values of states, all computed from the old ones and written together at the end of a run. */
  readonly updates: Readonly<Record<string, Tensor>>;
}

/** Builds the nodes of one program. */
export class Graph implements NodeFactory {
  readonly #nodes: Tensor[] = [];
  readonly #interned = new Map<string, Tensor>();
  readonly #dataIds = new Map<string, number>();
  readonly #inputs: Record<string, NodeOf<"input">> = {};
  readonly #states: Record<string, NodeOf<"state">> = {};
  readonly #outputs: Record<string, Tensor> = {};
  readonly #updates: Record<string, Tensor> = {};

  /** A tensor fed at every run. */
  input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#leaf("input", this.#inputs, name, shape, dtype);
  }

  /** A tensor that lives on the device between runs. Asking twice for one name gives the same node. */
  state(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#leaf("state", this.#states, name, shape, dtype);
  }

  /** A tensor known now. */
  constant(values: ArrayLike<number>, shape: Shape, dtype: Exclude<DType, "u8"> = "f32"): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(
        `Cannot create constant of shape ${formatShape(shape)}: found ${values.length} values, wanted ${
          sizeOf(shape)
        }`,
      );
    }
    const data = dtype === "f32" ? Float64Array.from(values) : Int32Array.from(values);
    return this.make("constant", { data, shape, dtype }, []);
  }

  /** A tensor of one repeated value. */
  fill(value: number, shape: Shape = []): Tensor {
    const scalar = this.constant([value], []);
    return shape.length === 0 ? scalar : this.make("broadcast", { shape }, [scalar]);
  }

  /** Names a result to be read after a run. */
  output(name: string, value: Tensor): void {
    if (Object.hasOwn(this.#outputs, name)) {
      throw new RangeError(`Cannot name output "${name}": the name is taken`);
    }
    this.#outputs[name] = value;
  }

  /** Gives a state its value for the next run. */
  update(name: string, value: Tensor): void {
    const state = Object.hasOwn(this.#states, name) ? this.#states[name] : undefined;
    if (!state) throw new RangeError(`Cannot update state "${name}": the program has no such state`);
    if (Object.hasOwn(this.#updates, name)) {
      throw new RangeError(`Cannot update state "${name}": it is updated already`);
    }
    if (!sameShape(state.shape, value.shape) || state.dtype !== value.dtype) {
      throw new RangeError(
        `Cannot update state "${name}": found ${value.dtype}${formatShape(value.shape)}, ` +
          `wanted ${state.dtype}${formatShape(state.shape)}`,
      );
    }
    this.#updates[name] = value;
  }

  /** A node of an op. One that is there already is found, and what is trivial or constant is simplified away. */
  make<K extends OpName>(op: K, attributes: OpAttributes[K], operands: readonly Tensor[]): Tensor {
    for (const operand of operands) {
      if (operand.graph !== this) {
        throw new TypeError(`Cannot apply ${op}: an operand belongs to another graph`);
      }
    }
    const type = inferType(op, attributes, operands);
    const draft = {
      id: this.#nodes.length,
      op,
      attributes,
      operands,
      ...type,
      graph: this,
    } as unknown as Tensor;
    const simpler = this.simplify(draft);
    if (simpler) return simpler;
    const key = `${op}|${this.#attributeKey(attributes)}|${operands.map((operand) => operand.id).join(",")}`;
    const known = this.#interned.get(key);
    if (known) return known;
    this.#interned.set(key, draft);
    this.#nodes.push(draft);
    return draft;
  }

  /** A node that equals the draft and makes it superfluous. */
  protected simplify(draft: Tensor): Tensor | undefined {
    return simplify(draft);
  }

  /** Drops what nothing needs and returns the program. */
  finish(): Program {
    const needed = new Set<Tensor>();
    const pending = [...Object.values(this.#outputs), ...Object.values(this.#updates)];
    while (pending.length > 0) {
      const node = pending.pop()!;
      if (needed.has(node)) continue;
      needed.add(node);
      pending.push(...node.operands);
    }
    // An updated state is part of the program even if its old value is not read.
    for (const name of Object.keys(this.#updates)) needed.add(this.#states[name]! as Tensor);
    const keep = <N extends Tensor>(table: Record<string, N>) =>
      Object.fromEntries(Object.entries(table).filter(([, node]) => needed.has(node)));
    return {
      nodes: this.#nodes.filter((node) => needed.has(node)),
      // An input is declared even if unused, so that the caller's feeds do not depend on what was optimised away.
      inputs: { ...this.#inputs },
      states: keep(this.#states),
      outputs: { ...this.#outputs },
      updates: { ...this.#updates },
    };
  }

  #leaf<K extends "input" | "state">(
    op: K,
    table: Record<string, NodeOf<K>>,
    name: string,
    shape: Shape,
    dtype: DType,
  ): Tensor {
    checkShape(shape, `${op} "${name}"`);
    if (Object.hasOwn(table, name)) {
      const known = table[name]!;
      if (op === "input" || !sameShape(known.shape, shape) || known.dtype !== dtype) {
        throw new RangeError(`Cannot declare ${op} "${name}": the name is taken`);
      }
      return known as unknown as Tensor;
    }
    const node = this.make(op, { name, shape, dtype } as unknown as OpAttributes[K], []);
    table[name] = node as unknown as NodeOf<K>;
    return node;
  }

  #attributeKey(attributes: object): string {
    return JSON.stringify(attributes, (_, value) => {
      if (!(value instanceof Float64Array || value instanceof Int32Array)) return value;
      const bytes = Array.from(new Uint32Array(value.buffer, value.byteOffset, value.byteLength / 4)).join();
      let id = this.#dataIds.get(bytes);
      if (id === undefined) this.#dataIds.set(bytes, id = this.#dataIds.size);
      return `data ${id}`;
    });
  }
}

/**
 * Runs a function that builds a graph and returns the program.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { mul, trace } from "@growing-tasks/ham-bench/graph";
 *
 * const program = trace((graph) => {
 *   const x = graph.input("x", [2, 3]);
 *   graph.output("y", mul(x, x));
 * });
 * assert.deepEqual(program.outputs.y?.shape, [2, 3]);
 * ```
 */
export function trace(build: (graph: Graph) => void): Program {
  const graph = new Graph();
  build(graph);
  return graph.finish();
}
