import assert from "node:assert/strict";
import type { NodeProto } from "./model.ts";
import { smallResultsFirst } from "./order.ts";

/** Nodes from lines such as `c = a b`. */
function nodesOf(lines: readonly string[]): NodeProto[] {
  return lines.map((line) => {
    const [output, input] = line.split(" = ") as [string, string];
    return { name: output, opType: "Sum", input: input.split(" "), output: output.split(" ") };
  });
}

function namesOf(nodes: readonly NodeProto[]): string {
  return nodes.map(({ name }) => name).join(", ");
}

Deno.test("smallResultsFirst() moves what only the larger result needs behind the smaller", () => {
  const nodes = nodesOf(["x = input", "slope = x", "loss = x", "grad = loss slope", "ring = loss"]);
  assert.equal(namesOf(smallResultsFirst(nodes, ["grad", "ring"])), "x, loss, ring, slope, grad");
  assert.equal(namesOf(smallResultsFirst(nodes, ["ring", "grad"])), "x, loss, ring, slope, grad");
});

Deno.test("smallResultsFirst() keeps every node once, and operands before users", () => {
  const nodes = nodesOf(["a b = input", "c = a", "d = b c", "e = a", "f = e e"]);
  const ordered = smallResultsFirst(nodes, ["f", "d", "c", "input"]);
  assert.deepEqual(new Set(ordered), new Set(nodes));
  assert.equal(ordered.length, nodes.length);
  const known = new Set(["input"]);
  for (const { input, output } of ordered) {
    assert.ok(input.every((name) => known.has(name)), `${output}`);
    for (const name of output) known.add(name);
  }
});

Deno.test("smallResultsFirst() is linear in a chain of 20,000 nodes", () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `n${i + 1} = n${i} n${i}`);
  assert.equal(smallResultsFirst(nodesOf(lines), ["n20000", "n10000"]).length, 20_000);
});
