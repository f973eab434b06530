/**
 * The order of nodes in a model file, which decides when ONNX Runtime runs them: it searches depth first from the
 * results, and of several results or operands takes the one that is latest in the file first.
 *
 * @module
 */
import type { NodeProto } from "./model.ts";

/**
 * Moves what small results need before what larger ones need besides. So the search begins at the result that needs
 * most, such as the new parameters of a training step rather than its loss, and meets whatever the backward pass wants of
 * a block's forward pass (slopes of activations, normalised values) while that block is being computed. These are then
 * made from values that are still in the processor's caches, and the values themselves need not be kept.
 *
 * @param nodes Operands before their users
 * @param results Names of the model's outputs
 */
export function smallResultsFirst(nodes: readonly NodeProto[], results: readonly string[]): NodeProto[] {
  const makers = new Map(nodes.flatMap((node, i) => node.output.map((name): [string, number] => [name, i])));
  const operands = nodes.map(({ input }) => [...new Set(input.flatMap((name) => makers.get(name) ?? []))]);
  const neededFor = (result: string): Set<number> => {
    const found = new Set<number>();
    const pending = [makers.get(result)].filter((maker) => maker !== undefined);
    while (pending.length > 0) {
      const node = pending.pop()!;
      if (found.has(node)) continue;
      found.add(node);
      pending.push(...operands[node]!);
    }
    return found;
  };
  const wanted = [...new Set(results)].map(neededFor).sort((a, b) => a.size - b.size);
  const placed = new Set(wanted.flatMap((needs) => [...needs].sort((a, b) => a - b)));
  return [...placed].map((i) => nodes[i]!);
}
