/**
 * One thing to be timed by `deno task kernels`: a program whose operands are states, with what it costs.
 *
 * @module
 */
import { sizeOf } from "../../src/core/mod.ts";
import { costOf, type DType, type Graph, type Program, type Tensor, trace } from "../../src/graph/mod.ts";

/** How the values of an operand are drawn: anything, above 0, all 1, or row numbers below a bound. */
export type Draw = "any" | "positive" | "ones" | { readonly below: number };

/** A tensor that a case reads. */
export interface OperandSpec {
  readonly shape: readonly number[];
  readonly draw: Draw;
  readonly dtype: DType;
}

/** A program to be timed. Operands are states, and so are the results, so that no run moves data to or from the host. */
export interface KernelCase {
  readonly family: string;
  /** In words. */
  readonly shape: string;
  readonly operands: Readonly<Record<string, OperandSpec>>;
  readonly program: Program;
  readonly flop: number;
  readonly bytes: number;
  /** Whether `--quick` keeps it. */
  readonly quick: boolean;
}

/** Operands by name: a shape, or a shape and how values are drawn. */
export type Operands = Readonly<
  Record<string, readonly number[] | readonly [shape: readonly number[], draw: Draw]>
>;

/** A case before it is traced. */
export interface Definition {
  readonly shape: string;
  readonly operands: Operands;
  readonly quick?: boolean;
  build(tensors: Readonly<Record<string, Tensor>>, graph: Graph): Tensor | readonly Tensor[];
}

function operandSpec(operand: Operands[string]): OperandSpec {
  const [shape, draw] = Array.isArray(operand[0])
    ? operand as readonly [readonly number[], Draw]
    : [operand as readonly number[], "any"] as const;
  return { shape, draw, dtype: typeof draw === "object" ? "i32" : "f32" };
}

/** Traces a case. */
export function kernelCase(family: string, { shape, operands, quick = true, build }: Definition): KernelCase {
  const declared = Object.fromEntries(
    Object.entries(operands).map(([name, operand]) => [name, operandSpec(operand)]),
  );
  const program = trace((graph) => {
    const tensors = Object.fromEntries(
      Object.entries(declared).map(([name, { shape, dtype }]) => [name, graph.state(name, shape, dtype)]),
    );
    const built = build(tensors, graph);
    [built].flat().forEach((result, i) => {
      graph.state(`result${i}`, result.shape, result.dtype);
      graph.update(`result${i}`, result);
    });
  });
  // A gradient may need only some of what its forward pass does.
  const read = Object.fromEntries(Object.entries(declared).filter(([name]) => name in program.states));
  const { flop } = costOf(program);
  const elements = Object.values(program.states).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { family, shape, operands: read, program, flop, bytes: 4 * elements, quick };
}
