/**
 * Programs of ten thousand nodes in the shapes that punish careless passes: a chain overflows the stack of a pass
 * that recurses, a ladder of diamonds doubles the work of one that forgets where it was, a fan has more operands
 * than a call has room for arguments.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { gradients } from "./autodiff.ts";
import { add, concat, gelu, narrow, neg, sum, tanh } from "./functions.ts";
import { Graph, type Program } from "./graph.ts";
import type { Tensor } from "./ops.ts";

/** Nodes of a program, about. */
const NODES = 10_000;

const results = {
  chain(x: Tensor): Tensor {
    let y = gelu(x);
    for (let i = 0; i < NODES; i++) y = add(y, x);
    return y;
  },
  fan(x: Tensor): Tensor {
    return concat(Array.from({ length: NODES / 2 }, (_, i) => gelu(narrow(x, 0, i, 1))));
  },
  "diamond ladder"(x: Tensor): Tensor {
    let y = gelu(x);
    for (let i = 0; i < NODES / 3; i++) y = add(tanh(y), neg(y));
    return y;
  },
} as const;

/** Names of the shapes. */
export const largeShapes = Object.keys(results) as readonly (keyof typeof results)[];

/** A program of such a shape. Its input is `x` [5000], its outputs are `y` and, if wanted, the gradient `dx`. */
export function largeProgram(shape: keyof typeof results, { backward = false } = {}): Program {
  const graph = new Graph();
  const x = graph.input("x", [NODES / 2]);
  const y = results[shape](x);
  graph.output("y", y);
  if (backward) graph.output("dx", gradients(sum(y), [x])[0]!);
  return graph.finish();
}

/**
 * Makes each node of a program count how often its operands are read, and fail once all together were read more
 * often than a pass needs whose work grows with the program.
 *
 * @returns The reads per node and operand so far
 */
export function meterReads({ nodes }: Pick<Program, "nodes">, readsAllowed = 20): () => number {
  const size = nodes.reduce((total, { operands }) => total + 1 + operands.length, 0);
  let reads = 0;
  for (const node of nodes) {
    const { operands } = node;
    Object.defineProperty(node, "operands", {
      get() {
        // An array read is as much work as it has members.
        reads += 1 + operands.length;
        if (reads > readsAllowed * size) {
          throw new Error(`The pass read operands ${reads} times in a program of ${size} nodes and operands`);
        }
        return operands;
      },
    });
  }
  return () => reads / size;
}
