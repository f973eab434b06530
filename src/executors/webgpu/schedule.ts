/**
 * From a program to its dispatches: composite ops without a kernel are expanded, patterns that a fusion knows run
 * as one, and the rest is lowered node by node. No GPU object is made here.
 *
 * @module
 */
import { expand } from "../../graph/expand.ts";
import type { Program } from "../../graph/graph.ts";
import { type NodeOf, type OpName, type Tensor } from "../../graph/ops.ts";
import type { Dispatch, Fused, Fusion, Lower, Lowering, LoweringContext } from "./kernel.ts";
import { fusions as allFusions, lowerings } from "./lowerings.ts";

/** A dispatch and the node it computes, wholly or in part. */
export interface Step {
  readonly node: Tensor;
  readonly dispatch: Dispatch;
}

/** An expanded program and its dispatches in order. */
export interface Schedule {
  readonly program: Program;
  readonly steps: readonly Step[];
}

function loweringOf(op: OpName): Lowering<OpName> {
  return lowerings[op] as Lowering<OpName>;
}

/** Lowers one node that is neither a view nor a leaf. */
export function lowerNode(node: Tensor, context: LoweringContext): readonly Dispatch[] {
  const lowering = loweringOf(node.op);
  if (typeof lowering !== "function") throw new TypeError(`Cannot run ${node.op}: it has no kernel`);
  return (lowering as unknown as Lower<OpName>)(node as unknown as NodeOf<OpName>, context);
}

function countUses(program: Program): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  const count = (node: Tensor) => uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of program.nodes) node.operands.forEach(count);
  Object.values(program.outputs).forEach(count);
  Object.values(program.updates).forEach(count);
  return uses;
}

/** Lowers a program. */
export function schedule(
  source: Program,
  context: LoweringContext,
  fusions: readonly Fusion[] = allFusions,
): Schedule {
  const program = expand(source, (node) => loweringOf(node.op) !== "expand");
  const uses = countUses(program);
  const inner = new Set<Tensor>();
  const fused = new Map<Tensor, Fused>();
  for (const node of [...program.nodes].reverse()) {
    if (inner.has(node)) continue;
    for (const fusion of fusions) {
      const match = fusion(node, (other) => uses.get(other) ?? 0, context);
      if (!match) continue;
      fused.set(node, match);
      match.inner.forEach((swallowed) => inner.add(swallowed));
      break;
    }
  }
  const steps = program.nodes.flatMap((node) => {
    const lowering = loweringOf(node.op);
    if (inner.has(node) || lowering === "leaf" || lowering === "view") return [];
    const dispatches = fused.get(node)?.dispatches ?? lowerNode(node, context);
    return dispatches.map((dispatch) => ({ node, dispatch }));
  });
  return { program, steps };
}
