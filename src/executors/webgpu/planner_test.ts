import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { add, concat, exp, mul, neg, reshape, slice } from "../../graph/functions.ts";
import { type Graph, type Program, trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type BufferRef, type Dispatch, read, type StorageBinding, write } from "./kernel.ts";
import { planMemory } from "./planner.ts";
import { isView, paddedSize, rootOf } from "./views.ts";

function dispatch(kernel: string, bindings: readonly StorageBinding[]): Dispatch {
  return { kernel, source: "", entryPoint: "", constants: {}, uniforms: [], bindings, workgroups: [1, 1, 1] };
}

/** One dispatch for each node that computes something. */
function dispatchesOf(program: Program): Dispatch[] {
  return program.nodes
    .filter((node) => !["input", "state", "constant"].includes(node.op) && !isView(node))
    .map((node) => dispatch(node.op, [...new Set(node.operands)].map(read).concat(write(node))));
}

function plan(build: (graph: Graph) => void) {
  const program = trace(build);
  return { program, plan: planMemory(program, dispatchesOf(program)) };
}

Deno.test("planMemory() lets a chain of any length live in two slots", () => {
  const { plan: memory } = plan((graph) => {
    let x = graph.input("x", [5]);
    for (let i = 0; i < 9; i++) x = i % 2 === 0 ? exp(x) : neg(x);
    graph.output("y", x);
  });
  assert.deepEqual(memory.slots, [8, 8]);
  assert.equal(memory.sizeWithoutReuse, 80);
});

Deno.test("planMemory() treats a reshape as its operand's memory", () => {
  const { program, plan: memory } = plan((graph) => {
    const x = graph.input("x", [2, 3]);
    graph.output("y", neg(reshape(exp(x), [6])));
    graph.output("z", reshape(x, [3, 2]));
  });
  assert.deepEqual(memory.placeOf(program.outputs.z!), memory.placeOf(program.inputs.x as Tensor));
  assert.equal(memory.slots.length, 3);
});

Deno.test("planMemory() writes an update into its state once nothing reads the old value", () => {
  const { program, plan: memory } = plan((graph) => {
    const s = graph.state("s", [4]);
    const doubled = mul(s, 2);
    graph.update("s", exp(neg(doubled)));
  });
  assert.deepEqual(memory.placeOf(program.updates.s!)?.storage, { kind: "state", name: "s" });
  assert.deepEqual(memory.copies, []);
});

Deno.test("planMemory() copies an update whose kernel reads the old value", () => {
  const { plan: memory } = plan((graph) => graph.update("s", mul(graph.state("s", [4]), 2)));
  assert.deepEqual(memory.copies, [
    { from: { storage: { kind: "slot", slot: 0 }, offset: 0 }, to: { kind: "state", name: "s" }, size: 4 },
  ]);
});

Deno.test("planMemory() copies an update if the old value is an output", () => {
  const { plan: memory } = plan((graph) => {
    graph.output("old", graph.state("s", [4]));
    graph.update("s", exp(graph.input("x", [4])));
  });
  assert.equal(memory.copies.length, 1);
});

Deno.test("planMemory() counts reads through another state that shares the tensor", () => {
  const program = trace((graph) => {
    const x = graph.input("x", [4]);
    const updated = exp(x);
    graph.state("s", [4]);
    graph.update("s", updated);
    graph.output("y", add(graph.state("t", [4]), updated));
  });
  const dispatches = dispatchesOf(program);
  assert.equal(planMemory(program, dispatches, (name) => name).copies.length, 0);
  assert.equal(planMemory(program, dispatches, () => "one tensor").copies.length, 1);
});

Deno.test("planMemory() copies an update that is a part of a larger value", () => {
  const { program, plan: memory } = plan((graph) => {
    graph.state("s", [4]);
    graph.update("s", slice(exp(graph.input("x", [128])), [64], [4]));
  });
  assert.equal(memory.placeOf(program.updates.s!)?.offset, 64);
  assert.equal(memory.copies[0]!.from.offset, 64);
});

Deno.test("planMemory() exchanges two states through snapshots", () => {
  const { plan: memory } = plan((graph) => {
    const [a, b] = [graph.state("a", [3]), graph.state("b", [3])];
    graph.update("a", b);
    graph.update("b", a);
  });
  const [a, b] = [{ kind: "state", name: "a" }, { kind: "state", name: "b" }];
  assert.equal(memory.slots.length, 2);
  assert.deepEqual(memory.copies.map(({ from }) => from.storage).slice(0, 2), [b, a]);
  assert.deepEqual(memory.copies.map(({ to }) => to).slice(2), [a, b]);
});

Deno.test("planMemory() does nothing for a state that is updated to itself", () => {
  const { plan: memory } = plan((graph) => graph.update("a", graph.state("a", [3])));
  assert.deepEqual(memory.copies, []);
});

Deno.test("planMemory() reserves nothing for an unused input", () => {
  const { program, plan: memory } = plan((graph) => {
    graph.input("unused", [100]);
    graph.output("y", exp(graph.input("x", [4])));
  });
  assert.equal(memory.placeOf(program.inputs.unused as Tensor), undefined);
  assert.deepEqual(memory.slots, [4, 4]);
});

Deno.test("planMemory() names a kernel that reads what nothing has written", () => {
  const program = trace((graph) => graph.output("y", neg(exp(graph.input("x", [4])))));
  const [, second] = dispatchesOf(program);
  assert.throws(
    () => planMemory(program, [second!]),
    /Cannot run kernel "unary": nothing has written unary #1/,
  );
  assert.throws(() => planMemory(program, []), /output "y": nothing has written/);
});

Deno.test("planMemory() names a kernel that writes a state, or writes and reads one value", () => {
  const program = trace((graph) => {
    graph.output("y", exp(graph.state("s", [4])));
  });
  const y = program.outputs.y!;
  const s = program.states.s as Tensor;
  assert.throws(
    () => planMemory(program, [dispatch("k", [write(s)])]),
    /Cannot run kernel "k": it writes state "s"/,
  );
  assert.throws(
    () => planMemory(program, [dispatch("k", [write(y)]), dispatch("k", [read(y), write(y)])]),
    /Cannot run kernel "k": it binds unary #1 \[4\] again/,
  );
});

Deno.test("planMemory() names a kernel whose grid no device can run", () => {
  const program = trace((graph) => graph.output("y", exp(graph.input("x", [4]))));
  const wide = { ...dispatch("wide", [write(program.outputs.y!)]), workgroups: [65_536, 1, 1] } as const;
  assert.throws(
    () => planMemory(program, [wide]),
    /Cannot run kernel "wide": found 65536 x 1 x 1 workgroups/,
  );
});

Deno.test("planMemory() never lets two values of overlapping lifetimes share a slot", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = createRng(seed, "planner");
    const program = trace((graph) => {
      const wide = graph.input("wide", [256]);
      const parts = [0, 64, 128].map((start) => slice(neg(wide), [start], [8]));
      const values = [graph.input("x", [8]), graph.state("s", [8]), graph.constant([1, 2], [2]), ...parts];
      for (let i = 0; i < 40; i++) {
        const [a, b] = [values[rng.integer(values.length)]!, values[rng.integer(values.length)]!];
        const [lengthA, lengthB] = [a.shape[0]!, b.shape[0]!];
        values.push(lengthA === lengthB ? add(a, b) : lengthA + lengthB < 64 ? concat([a, b]) : exp(a));
      }
      graph.output("y", values.at(-1)!);
      graph.output("z", values.at(-2)!);
      const update = values.findLast(({ shape }) => shape[0] === 8)!;
      graph.update("s", update);
    });
    checkByInterpretation(program, dispatchesOf(program));
  }
});

/** Runs the plan on tags: whoever reads a place must find the value it expects there. */
function checkByInterpretation(program: Program, dispatches: readonly Dispatch[]): void {
  const memory = planMemory(program, dispatches);
  const held = new Map<string, BufferRef>();
  const key = (place: unknown) =>
    JSON.stringify(place, (name, value) => name === "node" ? (value as Tensor).id : value);
  const placeOf = (ref: BufferRef) => key(memory.placeOf(ref)?.storage);
  const expect = (ref: BufferRef) => {
    const root = rootOf(ref);
    if ("op" in root && root.op === "constant") return;
    assert.equal(held.get(placeOf(ref)), root);
  };
  for (const leaf of [...Object.values(program.inputs), ...Object.values(program.states)] as Tensor[]) {
    if (memory.placeOf(leaf)) held.set(placeOf(leaf), leaf);
  }
  for (const { bindings } of dispatches) {
    for (const { buffer, access } of bindings) if (access === "read") expect(buffer);
    for (const { buffer, access } of bindings) {
      if (access === "read_write") held.set(placeOf(buffer), rootOf(buffer));
    }
  }
  Object.values(program.outputs).forEach(expect);
  for (const { from, to } of memory.copies) held.set(key(to), held.get(key(from.storage))!);
  for (const [name, value] of Object.entries(program.updates)) {
    assert.equal(held.get(key({ kind: "state", name })), rootOf(value));
  }
  const total = memory.slots.reduce((sum, size) => sum + size, 0);
  assert.ok(total <= memory.sizeWithoutReuse);
  for (const [slot, ref] of held) {
    if (slot.includes("slot")) assert.ok(paddedSize(ref) <= Math.max(...memory.slots));
  }
}
