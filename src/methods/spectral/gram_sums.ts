/**
 * The two running sums from which merges by inputs are solved: E = Σ ΔW_t G_t at every site, and G = Σ G_t at every
 * input. In float64, because what is solved from them can lose digits.
 *
 * @module
 */
import type { Matrix } from "ml-matrix";
import { shrinkGram } from "../../merge/regmean.ts";
import { factorsAt, toArray, toMatrix } from "../../merge/spectrum.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import type { Kit, TaskView } from "../method.ts";
import { inputGrams, inputSites } from "./input_grams.ts";

/** The sums. Sites that read the same share a Gram matrix, under the name of the first. */
export type GramSums = {
  /** E [out, in] */
  readonly numerators: { readonly [site: string]: Float64Array };
  /** G [in, in] */
  readonly grams: { readonly [site: string]: Float64Array };
};

/** Adds a task. */
export async function addTask(
  sums: GramSums | null,
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
  offDiagonal: number,
): Promise<GramSums> {
  const standing = inputSites(kit);
  const found = await inputGrams(kit, task, adapter);
  const grams = new Map([...found].map(([site, gram]) => [site, shrinkGram(gram, offDiagonal)]));
  const numerators = [...standing].map(([site, stand]) => {
    const { left, right } = factorsAt(adapter, site);
    return [site, plus(left.mmul(right.mmul(grams.get(stand)!)), sums?.numerators[site])] as const;
  });
  return {
    numerators: Object.fromEntries(numerators),
    grams: Object.fromEntries([...grams].map(([site, gram]) => [site, plus(gram, sums?.grams[site])])),
  };
}

function plus(matrix: Matrix, earlier: Float64Array | undefined): Float64Array {
  const values = toArray(matrix);
  earlier?.forEach((value, i) => values[i]! += value);
  return values;
}

/** The sums of one site as matrices. */
export interface SiteSums {
  readonly numerator: Matrix;
  readonly gram: Matrix;
}

/** The sums of every site of the run. */
export function sumsBySite(sums: GramSums, kit: Pick<Kit, "config" | "lora">): Map<string, SiteSums> {
  const standing = inputSites(kit);
  return new Map(
    loraSites(kit.config, kit.lora.targets).map(({ name, inputs, outputs }) => [name, {
      numerator: toMatrix(sums.numerators[name]!, outputs, inputs),
      gram: toMatrix(sums.grams[standing.get(name)!]!, inputs, inputs),
    }]),
  );
}
