/**
 * From a program to its dispatches: composite ops without a kernel are expanded, patterns that a fusion knows run
 * as one, and the rest is lowered node by node. No GPU object is made here.
 *
 * @module
 */
import { expand } from "../../graph/expand.ts";
import type { Program } from "../../graph/graph.ts";
import { type NodeOf, type OpName, type Tensor } from "../../graph/ops.ts";
import type { BufferRef, Dispatch, Fusion, Lower, Lowering, LoweringContext } from "./kernel.ts";
import { fusions as allFusions, lowerings } from "./lowerings.ts";
import { isView, rootOf } from "./views.ts";

/** A dispatch and the node it computes, wholly or in part. */
export interface Step {
  /** The last node that the dispatch computes, where a fusion computes several. */
  readonly node: Tensor;
  /** What is run. */
  readonly dispatch: Dispatch;
}

/** A program and its dispatches in order. */
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

/** Replaces the composite ops that have no kernels. */
export function nativeProgram(program: Program): Program {
  return expand(program, (node) => loweringOf(node.op) !== "expand");
}

/**
 * Lowers a program. Backwards, so that only what a dispatch, an output or an update reads is ever computed.
 *
 * @param program Without composite ops that have no kernels
 * @param contextOf The context to lower a node in
 */
export function schedule(
  program: Program,
  contextOf: (node: Tensor) => LoweringContext,
  fusions: readonly Fusion[] = allFusions,
): Schedule {
  const counts = countUses(program);
  const rules = fusions.map((fusion) => fusion(program, (node) => counts.get(node) ?? 0));
  const needed = new Set<BufferRef>(
    [...Object.values(program.outputs), ...Object.values(program.updates)].map(rootOf),
  );
  const backwards: Step[][] = [];
  for (const node of [...program.nodes].reverse()) {
    if (!needed.has(node) || loweringOf(node.op) === "leaf" || isView(node)) continue;
    const context = contextOf(node);
    const dispatches = firstDefined(rules, (rule) => rule(node, context)) ??
      lowerNode(node, context);
    for (const { bindings } of dispatches) {
      for (const { buffer } of bindings) needed.add(rootOf(buffer));
    }
    backwards.push(dispatches.map((dispatch) => ({ node, dispatch })));
  }
  return { program, steps: backwards.reverse().flat() };
}

function firstDefined<T, R>(items: readonly T[], get: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const result = get(item);
    if (result !== undefined) return result;
  }
  return undefined;
}
