/**
 * Simplification keeps values: random chains of ops, run as one program (where rules apply across ops) and op by op
 * (where none can).
 *
 * @module
 */
import assert from "node:assert/strict";
import { createRng, type Rng } from "../../core/rng.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { createReferenceExecutor } from "./executor.ts";

const reference = createReferenceExecutor();

type Link = (x: Tensor) => Tensor;

/** A random op that suits a tensor of `shape`; every rule of `simplify.ts` has a chance to apply. */
function randomLink(shape: Shape, rng: Rng): Link {
  const splits = [2, 3].filter((n) => sizeOf(shape) % n === 0);
  const links: readonly (() => Link)[] = [
    () => (x) => fn.reshape(x, [...shape].reverse()),
    () => (x) => fn.reshape(x, splits.length > 0 ? [splits[0]!, sizeOf(shape) / splits[0]!] : shape),
    () => {
      const perm = rng.shuffle(shape.map((_, axis) => axis));
      return (x) => fn.transpose(x, perm);
    },
    () => {
      const starts = shape.map((size) => rng.integer(size) >> 1);
      const sizes = shape.map((size, axis) => 1 + rng.integer(size - starts[axis]!));
      return (x) => fn.slice(x, starts, sizes);
    },
    () => {
      const before = shape.map(() => rng.integer(3) >> 1);
      return (x) => fn.pad(x, before, shape.map(() => 0));
    },
    () => (x) => fn.broadcast(x, sizeOf(shape) < 40 ? [2, ...shape] : shape),
    () => (x) => fn.concat([x]),
    () => fn.neg,
    () => (x) => fn.add(x, 0),
    () => (x) => fn.add(0, x),
    () => (x) => fn.sub(x, 0),
    () => (x) => fn.sub(0, x),
    () => (x) => fn.mul(x, 1),
    () => (x) => fn.mul(1, x),
    () => (x) => fn.div(x, 1),
    () => (x) => fn.add(x, x.graph.make("broadcast", { shape: [2, ...shape] }, [fn.sub(x, x)])),
  ];
  return links[rng.integer(links.length)]!();
}

async function run(shape: Shape, values: Float64Array, link: Link) {
  const program = trace((graph) => graph.output("y", link(graph.input("x", shape))));
  const { y } = await (await reference.compile(program, {})).run({ x: values }, ["y"]);
  return { shape: program.outputs.y!.shape, values: y as Float64Array };
}

for (let seed = 0; seed < 60; seed++) {
  Deno.test(`simplification keeps the values of random chain ${seed}`, async () => {
    const rng = createRng(seed, "chains");
    const shape = [2, 3, 2];
    const values = Float64Array.from({ length: 12 }, () => rng.normal());
    let current: { shape: Shape; values: Float64Array } = { shape, values };
    const chain: Link[] = [];
    for (let i = 0; i < 8; i++) {
      const link = randomLink(current.shape, rng);
      chain.push(link);
      current = await run(current.shape, current.values, link);
    }
    const whole = await run(shape, values, (x) => chain.reduce((y, link) => link(y), x));
    assert.deepEqual(whole.shape, current.shape);
    // Adding 0 keeps -0 apart from 0 nowhere.
    assert.deepEqual(whole.values.map((value) => value + 0), current.values.map((value) => value + 0));
  });
}
