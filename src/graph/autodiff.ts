/**
 * Reverse-mode differentiation of graphs. The result is more graph, so a training step is one program and
 * gradients of gradients exist.
 *
 * @module
 */
import { formatShape } from "../core/shape.ts";
import { pullbackOf } from "./derivatives.ts";
import { expandNode } from "./expand.ts";
import { add, broadcast } from "./functions.ts";
import { isComposite, type NodeOf, type OpName, type Tensor } from "./ops.ts";

/** Nodes between `sources` and `output` that depend on a source, users before operands. */
function activeNodes(output: Tensor, sources: ReadonlySet<Tensor>): Tensor[] {
  const depends = new Map<Tensor, boolean>();
  // Depth first with an explicit stack: a deep model must not overflow the call stack.
  const stack: Tensor[] = [output];
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!;
    const unknown = sources.has(node) ? [] : node.operands.filter((operand) => !depends.has(operand));
    if (unknown.length > 0) {
      stack.push(...unknown);
      continue;
    }
    stack.pop();
    depends.set(node, sources.has(node) || node.operands.some((operand) => depends.get(operand)));
  }
  return [...depends].flatMap(([node, active]) => active ? [node] : []).sort((a, b) => b.id - a.id);
}

/** Gradients with respect to `sources` of the inner product of `output` and `seed`. Does not look past the sources. */
function backward(output: Tensor, seed: Tensor, sources: ReadonlySet<Tensor>): Map<Tensor, Tensor> {
  const gradients = new Map<Tensor, Tensor>([[output, seed]]);
  const active = activeNodes(output, sources);
  const isActive = new Set(active);
  for (const node of active) {
    const dy = gradients.get(node);
    if (!dy || sources.has(node)) continue;
    const { operands } = node;
    pullback(node, dy).forEach((gradient, i) => {
      const operand = operands[i]!;
      if (!gradient || !isActive.has(operand)) return;
      const known = gradients.get(operand);
      gradients.set(operand, known ? add(known, gradient) : gradient);
    });
  }
  return gradients;
}

function pullback(node: Tensor, dy: Tensor): readonly (Tensor | undefined)[] {
  const own = pullbackOf(node.op);
  if (own) return own(node as unknown as NodeOf<OpName>, dy);
  if (!isComposite(node)) throw new TypeError(`Cannot differentiate ${node.op}: it has no derivative`);
  const through = backward(expandNode(node), dy, new Set(node.operands));
  return node.operands.map((operand, i) =>
    // An operand given twice: its whole gradient is counted once.
    node.operands.indexOf(operand) === i ? through.get(operand) : undefined
  );
}

function checkSources(sources: ReadonlySet<Tensor>): void {
  for (const { op } of sources) {
    if (op === "constant") {
      throw new TypeError(
        "Cannot differentiate: found a constant, wanted an input or state; equal constants are one node",
      );
    }
  }
  const seen = new Set<Tensor>();
  const pending = [...sources].flatMap(({ operands }) => operands);
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (sources.has(node)) {
      throw new RangeError(
        `Cannot differentiate: found a tensor computed from another (${node.op} ${
          formatShape(node.shape)
        }), ` +
          "wanted independent ones",
      );
    }
    if (seen.has(node)) continue;
    seen.add(node);
    pending.push(...node.operands);
  }
}

/**
 * Gradients of a scalar. A tensor that the loss does not depend on gets zeros.
 *
 * @param loss A tensor of one element
 * @param withRespectTo Independent tensors: none of them may be computed from another
 * @returns One gradient for each, of its shape
 * @throws {TypeError} If a tensor is a constant
 * @throws {RangeError} If the loss has more than one element, or a tensor is computed from another
 */
export function gradients(loss: Tensor, withRespectTo: readonly Tensor[]): Tensor[] {
  if (loss.shape.some((size) => size !== 1)) {
    throw new RangeError(
      `Cannot differentiate: found a loss of shape ${formatShape(loss.shape)}, wanted one element`,
    );
  }
  const sources = new Set(withRespectTo);
  checkSources(sources);
  const { graph } = loss;
  const scalar = (value: number) =>
    graph.make("constant", { data: Float64Array.of(value), shape: [], dtype: "f32" }, []);
  const found = backward(loss, broadcast(scalar(1), loss.shape), sources);
  return withRespectTo.map((tensor) => found.get(tensor) ?? broadcast(scalar(0), tensor.shape));
}
