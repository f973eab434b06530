/**
 * Adapters of the tests' tiny model, and what a method deploys if its tasks' trainings give them.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { scaleSites } from "../../merge/scale.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import { createMethod } from "../mod.ts";
import { runMethod, tinyConfig, tinyLora } from "../test_kit.ts";

/** An adapter of normal numbers that depend on the label alone. */
export function tinyAdapter(label: string, rank = tinyLora.rank): Adapter {
  const rng = createRng(3, label);
  const normal = (shape: readonly number[]) => {
    const tensor = hostTensor(shape);
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = rng.normal();
    return tensor;
  };
  const pairs = loraSites(tinyConfig, tinyLora.targets).map(({ name, inputs, outputs }) =>
    [name, { a: normal([rank, inputs]), b: normal([outputs, rank]) }] as const
  );
  return { scale: tinyLora.scale, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** The same factors with B times a number. */
export function times(adapter: Adapter, factor: number): Adapter {
  return scaleSites(adapter, () => factor);
}

/** What is deployed after tasks that gave these adapters. */
export async function mergeOf(spec: string, adapters: readonly Adapter[], seed = 0): Promise<Adapter> {
  const { deployed } = await runMethod(createMethod(spec), {
    tasks: adapters.length,
    seed,
    train: (_, { index }) => adapters[index]!,
  });
  return deployed!;
}
