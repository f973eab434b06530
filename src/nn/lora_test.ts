import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { adaptedLinear, branchFromTensors } from "./lora.ts";
import { distance, evaluate, noise } from "./testing.ts";

const IN = 4;
const OUT = 9;
const rows = [{ site: "0.q", row: 0 }, { site: "0.k", row: 3 }, { site: "0.v", row: 6 }];

/** One adapter's tensors for some sites of three outputs each. */
function adapter(sites: readonly string[], rank: number, label: string): NamedTensors {
  const rng = createRng(label, "adapter");
  const pairs = sites.flatMap((site) => [
    [`lora.${site}.A`, noise([rank, IN], rng)] as const,
    [`lora.${site}.B`, noise([3, rank], rng)] as const,
  ]);
  return { ...Object.fromEntries(pairs), "lora.importance": noise([1], rng) };
}

const base = { x: noise([2, 5, IN]), w: noise([OUT, IN]), bias: noise([OUT]) };

/** Output of a projection under adapters, each with a scale. */
async function project(adapters: readonly (readonly [NamedTensors, number])[]): Promise<Float64Array> {
  const named = adapters.map(([tensors], i) =>
    Object.entries(tensors).map(([name, tensor]) => [name, `${i} ${name}`, tensor] as const)
  );
  const states = Object.fromEntries<HostTensor>(named.flat().map(([, state, tensor]) => [state, tensor]));
  const build = (graph: Graph): { y: Tensor } => {
    const branches = named.map((list, i) =>
      branchFromTensors(
        Object.fromEntries(list.map(([name, state, { shape }]) => [name, graph.state(state, shape)])),
        adapters[i]![1],
      )
    );
    const { x, w, bias } = base;
    return {
      y: adaptedLinear(
        graph.state("x", x.shape),
        graph.state("w", w.shape),
        graph.state("bias", bias.shape),
        branches,
        rows,
      ),
    };
  };
  return (await evaluate(build, { ...base, ...states }))["y"]!;
}

/** x (W + Σ scale · importance · B A placed)ᵀ + bias, in loops. */
function dense(adapters: readonly (readonly [NamedTensors, number])[]): number[] {
  const w = Float64Array.from(base.w.data);
  for (const [tensors, scale] of adapters) {
    for (const { site, row } of rows) {
      const a = tensors[`lora.${site}.A`];
      const b = tensors[`lora.${site}.B`];
      if (!a || !b) continue;
      const rank = a.shape[0]!;
      const gain = scale * (tensors["lora.importance"]?.data[0] ?? 1);
      for (let o = 0; o < 3; o++) {
        for (let i = 0; i < IN; i++) {
          for (let r = 0; r < rank; r++) {
            w[(row + o) * IN + i]! += gain * b.data[o * rank + r]! * a.data[r * IN + i]!;
          }
        }
      }
    }
  }
  return Array.from({ length: 10 * OUT }, (_, position) => {
    const [token, o] = [Math.floor(position / OUT), position % OUT];
    let sum = base.bias.data[o]!;
    for (let i = 0; i < IN; i++) sum += base.x.data[token * IN + i]! * w[o * IN + i]!;
    return sum;
  });
}

Deno.test("adaptedLinear() adds several branches of several ranks and sites, each in its rows", async () => {
  const adapters = [
    [adapter(["0.q", "0.v"], 2, "first"), 0.5],
    [adapter(["0.k"], 3, "second"), 2],
    [adapter(["0.q", "0.k", "0.v"], 1, "third"), -1],
  ] as const;
  assert.ok(distance(await project(adapters), dense(adapters)) < 1e-12);
  assert.ok(distance(await project(adapters), dense(adapters.slice(0, 2))) > 0.1);
});

Deno.test("adaptedLinear() without branches, or with a zero B, is the plain projection", async () => {
  assert.ok(distance(await project([]), dense([])) < 1e-12);
  const { "lora.0.q.B": b, ...rest } = adapter(["0.q"], 2, "zero");
  const zero = { ...rest, "lora.0.q.B": hostTensor(b!.shape) };
  assert.deepEqual(await project([[zero, 3]]), await project([]));
  const elsewhere = adapter(["1.q"], 2, "elsewhere");
  assert.deepEqual(await project([[elsewhere, 3]]), await project([]));
});

Deno.test("branchFromTensors() takes a missing importance as 1 and wants both factors", async () => {
  const { "lora.importance": _, ...without } = adapter(["0.v"], 2, "plain");
  const one = { ...without, "lora.importance": hostTensor([1], Float32Array.of(1)) };
  assert.deepEqual(await project([[without, 0.7]]), await project([[one, 0.7]]));
  const { "lora.0.v.B": __, ...half } = without;
  await assert.rejects(project([[half, 1]]), /"lora.0.v.A" lacks its partner/);
  await assert.rejects(project([[{ other: noise([1]) }, 1]]), /found no factors/);
});

Deno.test("adaptedLinear() takes a gain for each rank", async () => {
  const [a, b] = [noise([2, IN]), noise([3, 2])];
  const { each, parts } = await evaluate((graph) => {
    const [x, w, bias] = [
      graph.state("x", [2, 5, IN]),
      graph.state("w", [OUT, IN]),
      graph.state("bias", [OUT]),
    ];
    const pair = { a: graph.state("a", [2, IN]), b: graph.state("b", [3, 2]) };
    const branch = (gain: readonly number[]) => ({ pairs: { "0.k": pair }, gain: graph.constant(gain, [2]) });
    return {
      each: adaptedLinear(x, w, bias, [branch([0.5, -2])], rows),
      parts: adaptedLinear(x, w, bias, [branch([0.5, 0]), branch([0, -2])], rows),
    };
  }, { ...base, a, b });
  assert.ok(distance(each!, parts!) < 1e-12);
});
