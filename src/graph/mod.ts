/**
 * Static programs over tensors: tracing, ops, derivatives, identity and cost.
 *
 * @module
 */
export { gradients } from "./autodiff.ts";
export { type Cost, costOf, type OpCost, type ProgramCost } from "./cost.ts";
export * from "./functions.ts";
export { type Graph, type Program, trace } from "./graph.ts";
export type {
  BinaryFn,
  DType,
  GeluKind,
  NodeFactory,
  NodeOf,
  OpAttributes,
  OpName,
  ReduceFn,
  Tensor,
  UnaryFn,
} from "./ops.ts";
export { programKey } from "./program_key.ts";
