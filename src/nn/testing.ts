/**
 * Helpers of this folder's tests: evaluating small graphs on the reference executor.
 *
 * @module
 */
import { createRng, type Rng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { HostArray } from "../executors/executor.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { type Graph, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { backboneTensors, type ViTConfig } from "./config.ts";

/** A Vision Transformer small enough for central differences. */
export const tinyConfig: ViTConfig = {
  image: 4,
  patch: 2,
  channels: 2,
  width: 6,
  depth: 2,
  heads: 2,
  mlp: 5,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-5,
};

/** A tensor on the host, of float64 too. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: HostArray;
}

/** Traces, runs once with the given feeds, and gives every output. States are bound by name. */
export async function evaluate(
  build: (graph: Graph) => Readonly<Record<string, Tensor>>,
  states: Readonly<Record<string, Values>> = {},
  inputs: Readonly<Record<string, HostArray>> = {},
): Promise<Record<string, Float64Array>> {
  const program = trace((graph) => {
    for (const [name, value] of Object.entries(build(graph))) graph.output(name, value);
  });
  const executor = createReferenceExecutor();
  const bound = Object.fromEntries(
    Object.entries(states).map(([name, { shape, data }]) => [name, executor.tensor({ shape, values: data })]),
  );
  const executable = await executor.compile(program, bound);
  return await executable.run(inputs, Object.keys(program.outputs)) as Record<string, Float64Array>;
}

/** A tensor of normal numbers. */
export function noise(shape: readonly number[], rng: Rng = createRng(0, `noise ${shape}`)): HostTensor {
  const tensor = hostTensor(shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = rng.normal();
  return tensor;
}

/** Weights large enough that features depend on the images; norms and biases are random too. */
export function randomWeights(config: ViTConfig, seed = 0): NamedTensors {
  const weights = backboneTensors(config).map(({ name, shape }) => {
    const rng = createRng(seed, name);
    const tensor = hostTensor(shape);
    const centre = /norm\d?\.weight$/.test(name) ? 1 : 0;
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = centre + 0.3 * rng.normal();
    return [name, tensor] as const;
  });
  return Object.fromEntries(weights);
}

/** Tensors with noise added to every value, so that none is trivially zero or one. */
export function perturb(tensors: NamedTensors, deviation: number, label: string): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => {
      const rng = createRng(label, name);
      return [name, hostTensor(shape, data.map((value) => value + deviation * rng.normal()))];
    }),
  );
}

/** Largest absolute difference. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((most, d) => Math.max(most, d), 0);
}
