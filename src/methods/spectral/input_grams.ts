/**
 * What the adapted projections read: the Gram matrices of their inputs on a task.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { matmul, mul, reshape } from "../../graph/functions.ts";
import { toMatrix } from "../../merge/spectrum.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites, parseSite, sitePlace } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import type { Kit, TaskView } from "../method.ts";

/** The sites of the run by name, each with the one that stands for all that read the same: q, k and v of a block. */
export function inputSites({ config, lora }: Pick<Kit, "config" | "lora">): ReadonlyMap<string, string> {
  const first = new Map<string, string>();
  return new Map(
    loraSites(config, lora.targets).map(({ name }) => {
      const { weight } = sitePlace(config, parseSite(name)!);
      if (!first.has(weight)) first.set(weight, name);
      return [name, first.get(weight)!];
    }),
  );
}

/** Σ over the task's images of the mean over tokens of x xᵀ, where the model has an adapter; by standing site. */
export async function inputGrams(
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
): Promise<ReadonlyMap<string, Matrix>> {
  const sites = [...new Set(inputSites(kit).values())];
  const sums = await kit.sum({
    adapter,
    terms({ encode, rows }) {
      const { images, weights } = rows();
      const encoded = encode(images);
      return Object.fromEntries(sites.map((site) => {
        const x = encoded.input(site);
        const [batch, tokens, inputs] = x.shape as [number, number, number];
        const counted = mul(x, reshape(mul(weights, 1 / tokens), [batch, 1, 1]));
        const flat = [batch * tokens, inputs];
        return [site, matmul(reshape(x, flat), reshape(counted, flat), { transposeA: true })];
      }));
    },
  }, imageTable(task.train));
  return new Map(sites.map((site) => {
    const { shape, data } = sums[site]!;
    return [site, toMatrix(data, shape[0]!, shape[1]!)];
  }));
}
