/** Muon against PyTorch's (fixtures/make/muon.py). */
import assert from "node:assert/strict";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import type { TensorSpec } from "../../core/tensors.ts";
import { add, mul, narrow, reshape, sum } from "../../graph/functions.ts";
import { createPacking } from "../../nn/packing.ts";
import { LOSS_RING, packedRows, traceStep } from "../step.ts";
import { muon } from "./muon.ts";
import type { Optimiser } from "./optimiser.ts";
import { createOptimiser, defaultOptimiser } from "./settings.ts";

type Vectors = Readonly<Record<string, readonly number[]>>;

const fixture = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/muon.json", import.meta.url)),
) as {
  readonly rate: number;
  readonly decay: number;
  readonly shapes: Readonly<Record<"wide" | "tall" | "bias", readonly number[]>>;
  readonly start: Vectors;
  readonly gradients: readonly Vectors[];
  readonly end: Vectors;
};

/** Steps along given slopes; parameters by name. */
async function run(
  optimiser: Optimiser,
  specs: readonly TensorSpec[],
  start: Vectors,
  slopes: readonly Vectors[],
) {
  const executor = createReferenceExecutor();
  const packing = createPacking(specs);
  const rows = packedRows(optimiser);
  const vector = (values: Vectors) => Float64Array.from(specs.flatMap(({ name }) => [...values[name]!]));
  const values = new Float64Array(rows * packing.size);
  values.set(vector(start));
  const program = traceStep({
    packing,
    optimiser,
    loss(graph) {
      const slope = graph.input("slope", [packing.size]);
      return (parameters) => {
        const parts = packing.entries.map(({ name, offset, size }) => {
          const flat = reshape(parameters[name]!, [size]);
          return sum(mul(flat, narrow(slope, 0, offset, size)));
        });
        return parts.reduce(add);
      };
    },
  });
  const states = {
    packed: executor.tensor({ shape: [rows, packing.size], values }),
    decay: executor.tensor({
      shape: [packing.size],
      values: new Float64Array(packing.size).fill(fixture.decay),
    }),
    losses: executor.tensor({ shape: [LOSS_RING] }),
  };
  const executable = await executor.compile(program, states);
  for (const [step, slope] of slopes.entries()) {
    await executable.run({
      slope: vector(slope),
      hyper: Float64Array.from(optimiser.hyper(fixture.rate, step)),
      ringSlot: Int32Array.of(step),
    });
  }
  const end = (await states.packed.read()).subarray(0, packing.size);
  return Object.fromEntries(
    packing.entries.map(({ name, offset, size }) => [name, [...end.subarray(offset, offset + size)]]),
  );
}

function assertNear(found: readonly number[], wanted: readonly number[], bound: number): void {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]!) < bound, `${i}: ${value}, wanted ${wanted[i]}`)
  );
}

Deno.test("muon() equals three steps of PyTorch's, wide and tall matrices, and AdamW for the rest", async () => {
  const specs = Object.entries(fixture.shapes).map(([name, shape]) => ({ name, shape }));
  const end = await run(
    muon({ matrices: (name) => name === "bias" ? 0 : 1 }),
    specs,
    fixture.start,
    fixture.gradients,
  );
  for (const [name, values] of Object.entries(fixture.end)) assertNear(end[name]!, values, 1e-6);
});

Deno.test("muon() treats the parts of a stacked tensor as if they were apart", async () => {
  const part = (values: readonly number[], half: number) => values.slice(6 * half, 6 * half + 6);
  const halves = (values: Vectors): Vectors => ({ a: part(values.tall!, 0), b: part(values.tall!, 1) });
  const apart = await run(
    muon({ matrices: () => 1 }),
    [{ name: "a", shape: [3, 2] }, { name: "b", shape: [3, 2] }],
    halves(fixture.start),
    fixture.gradients.map(halves),
  );
  const specs = [{ name: "tall", shape: fixture.shapes.tall }];
  const together = await run(muon({ matrices: () => 2 }), specs, fixture.start, fixture.gradients);
  assertNear(together.tall!, [...apart.a!, ...apart.b!], 1e-12);
  const asOne = await run(muon({ matrices: () => 1 }), specs, fixture.start, fixture.gradients);
  assert.notDeepEqual(asOne.tall, together.tall);
});

Deno.test('createOptimiser("muon") orthogonalises weights of blocks, queries, keys and values apart, and nothing else', async () => {
  const names = [
    "blocks.0.attn.qkv.weight",
    "blocks.1.mlp.fc1.weight",
    "patch_embed.proj.weight",
    "head.weight",
  ];
  const specs = names.map((name) => ({ name, shape: [6, 2] }));
  const all = (values: Vectors): Vectors => Object.fromEntries(names.map((name) => [name, values.tall!]));
  const start = all(fixture.start), slopes = fixture.gradients.map(all);
  const found = await run(createOptimiser({ ...defaultOptimiser, kind: "muon" }), specs, start, slopes);
  const counts = [3, 1, 0, 0];
  const wanted = await run(muon({ matrices: (name) => counts[names.indexOf(name)]! }), specs, start, slopes);
  assert.deepEqual(found, wanted);
});
