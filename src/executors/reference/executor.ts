/**
 * The reference executor: plain loops in float64. It is the definition of every op and the oracle of the tests, so
 * it does nothing to be fast: it keeps every intermediate value and expands every composite op.
 *
 * @module
 */
import { formatShape, sizeOf } from "../../core/shape.ts";
import { expand } from "../../graph/expand.ts";
import type { Program } from "../../graph/graph.ts";
import type { NodeOf, PrimitiveName, Tensor } from "../../graph/ops.ts";
import {
  checkBindings,
  checkInputs,
  type DeviceTensor,
  type DeviceTensorOptions,
  type Executable,
  type Executor,
  type HostArray,
} from "../executor.ts";
import { blankValues, checkBytes } from "../host_values.ts";
import { evaluate } from "./primitives.ts";
import type { Bindings, Values } from "./values.ts";

/** How the reference evaluates. */
export interface ReferenceOptions {
  /** `f32` rounds the value of every primitive op to float32. It shows how much of a backend's deviation is rounding. */
  readonly rounding?: "none" | "f32";
}

class ReferenceTensor implements DeviceTensor {
  readonly shape;
  readonly dtype;
  readonly frozen;
  readonly #label: string;
  #values: Values | undefined;

  constructor({ shape, dtype = "f32", values, frozen = false, label = "tensor" }: DeviceTensorOptions) {
    this.shape = [...shape];
    this.dtype = dtype;
    this.frozen = frozen;
    this.#label = label;
    this.replace(values ?? blankValues(dtype, sizeOf(shape)));
  }

  /** The values themselves, not a copy. */
  get values(): Values {
    if (!this.#values) throw new TypeError(`Cannot use ${this.#label}: it is disposed`);
    return this.#values;
  }

  /** `write` without the check of `frozen`. */
  replace(values: HostArray): void {
    if (values.length !== sizeOf(this.shape)) {
      throw new RangeError(
        `Cannot write ${this.#label} of shape ${formatShape(this.shape)}: found ${values.length} values, ` +
          `wanted ${sizeOf(this.shape)}`,
      );
    }
    checkBytes(`write ${this.#label}`, this.dtype, values);
    this.#values = copy(values, this.dtype);
  }

  write(values: HostArray): void {
    if (this.frozen) throw new TypeError(`Cannot write ${this.#label}: it is frozen`);
    this.replace(values);
  }

  // deno-lint-ignore require-await -- reports errors as a rejected promise like the others
  async read(): Promise<Values> {
    return this.values.slice();
  }

  dispose(): void {
    this.#values = undefined;
  }
}

function copy(values: HostArray, dtype: Tensor["dtype"]): Values {
  if (dtype === "u8") return new Uint8Array(values);
  return dtype === "f32" ? Float64Array.from(values) : Int32Array.from(values);
}

/** Values of all nodes of a program of primitives. */
function evaluateAll(program: Program, bindings: Bindings, { rounding }: ReferenceOptions) {
  const values = new Map<Tensor, Values>();
  for (const node of program.nodes) {
    const operands = node.operands.map((operand) => values.get(operand)!);
    const value = evaluate(node as unknown as NodeOf<PrimitiveName>, operands, bindings);
    values.set(node, rounding === "f32" && value instanceof Float64Array ? value.map(Math.fround) : value);
  }
  return values;
}

function mapEntries<A, B>(
  record: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}

class ReferenceExecutable implements Executable {
  readonly #program: Program;
  readonly #states: Readonly<Record<string, ReferenceTensor>>;
  readonly #options: ReferenceOptions;

  constructor(
    program: Program,
    states: Readonly<Record<string, ReferenceTensor>>,
    options: ReferenceOptions,
  ) {
    this.#program = program;
    this.#states = states;
    this.#options = options;
  }

  // deno-lint-ignore require-await -- runs at once, but reports errors as a rejected promise like the others
  async run(
    inputs: Readonly<Record<string, HostArray>>,
    read: readonly string[] = [],
  ): Promise<Record<string, Values>> {
    const { outputs, updates, ...program } = this.#program;
    checkInputs(this.#program, inputs);
    const bindings = {
      inputs: mapEntries(program.inputs, ({ dtype }, name) => copy(inputs[name]!, dtype)),
      states: mapEntries(program.states, (_, name) => this.#states[name]!.values),
    };
    const values = evaluateAll(this.#program, bindings, this.#options);
    const results = Object.fromEntries(read.map((name) => {
      const node = outputs[name];
      if (!node) throw new RangeError(`Cannot read output "${name}": the program has no such output`);
      return [name, values.get(node)!.slice()];
    }));
    for (const [name, node] of Object.entries(updates)) this.#states[name]!.replace(values.get(node)!);
    return results;
  }

  dispose(): void {}
}

/** Creates the executor that defines what every op means. */
export function createReferenceExecutor(options: ReferenceOptions = {}): Executor {
  return {
    info: {
      backend: "reference",
      device: "float64 loops",
      details: { rounding: options.rounding ?? "none" },
    },
    tensor: (options) => new ReferenceTensor(options),
    // deno-lint-ignore require-await -- reports errors as a rejected promise
    async compile(program, states) {
      checkBindings(program, states);
      const bound = mapEntries(program.states, (_, name) => {
        const tensor = states[name];
        if (tensor instanceof ReferenceTensor) return tensor;
        throw new TypeError(`Cannot bind state "${name}": the tensor belongs to another executor`);
      });
      return new ReferenceExecutable(expand(program), bound, options);
    },
    dispose: () => Promise.resolve(),
  };
}
