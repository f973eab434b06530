/**
 * What the adapted projections read: tokens of a task's images, as second moments. Sites that share a projection
 * read the same tokens, so that moments, and whatever is made of them, are kept once for them all.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import type { NamedTensors } from "../../core/tensors.ts";
import { matmul, mul, reshape, sum } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites, parseFactor, sitePlace } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import type { Kit, Named, TaskView } from "../method.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";

/** Sites that read the same tokens. */
export interface SharedInput {
  /** Of the first of them. */
  readonly name: string;
  /** Names of all. */
  readonly sites: readonly string[];
  /** Width of a token. */
  readonly size: number;
}

/** The inputs of a run's sites, in the order of the model. */
export function sharedInputs({ config, lora }: Pick<Kit, "config" | "lora">): SharedInput[] {
  const found = new Map<string, { name: string; sites: string[]; size: number }>();
  for (const site of loraSites(config, lora.targets)) {
    const { weight } = sitePlace(config, site);
    const group = found.get(weight);
    if (group) group.sites.push(site.name);
    else found.set(weight, { name: site.name, sites: [site.name], size: site.inputs });
  }
  return [...found.values()];
}

/** The name of the input that each site reads. */
export function inputNames(kit: Pick<Kit, "config" | "lora">): Readonly<Record<string, string>> {
  return Object.fromEntries(
    sharedInputs(kit).flatMap(({ name, sites }) => sites.map((site) => [site, name])),
  );
}

/** Moments of the tokens that an input sees. */
export interface Moments {
  /** E[x xᵀ]: not centred. */
  readonly second: Matrix;
  /** E[x], one row. */
  readonly mean: Matrix;
}

/**
 * Moments of every input under the backbone with an adapter folded in.
 *
 * @param images Numbers of the images that are looked at; all by default
 */
export async function inputMoments(
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
  images?: ArrayLike<number>,
): Promise<Readonly<Record<string, Moments>>> {
  const inputs = sharedInputs(kit);
  const sums = await kit.sum({
    adapter,
    terms(env) {
      const { images, weights } = env.rows();
      const encoded = env.encode(images);
      const batch = weights.shape[0]!;
      let tokens = 0;
      const terms = inputs.flatMap(({ name, size }) => {
        const x = encoded.input(name);
        tokens = x.shape[1]!;
        // Rows that fill the batch up are zero.
        const rows = reshape(mul(x, reshape(weights, [batch, 1, 1])), [batch * tokens, size]);
        return [
          [`second.${name}`, matmul(rows, rows, { transposeA: true })],
          [`mean.${name}`, sum(rows, { axes: [0], keepDims: true })],
        ] as const;
      });
      return { ...Object.fromEntries(terms), count: mul(reshape(sum(weights), [1]), tokens) };
    },
  }, imageTable(task.train, images));
  const count = sums["count"]!.data[0]!;
  return Object.fromEntries(inputs.map(({ name }) => {
    const [second, mean] = [matrixOf(sums[`second.${name}`]!), matrixOf(sums[`mean.${name}`]!)];
    return [name, { second: second.div(count), mean: mean.div(count) }];
  }));
}

/** One matrix [in, in] for each input under a prefix. */
export function perInput(
  kit: Pick<Kit, "config" | "lora">,
  prefix: string,
  valueOf: (input: SharedInput) => NamedTensors[string],
): NamedTensors {
  return Object.fromEntries(sharedInputs(kit).map((input) => [`${prefix}${input.name}`, valueOf(input)]));
}

/** Every A among moves or factors [rank, in] times the matrix [in, in] of what its site reads. */
export function onInputs(
  tensors: Named,
  fixed: Named,
  prefix: string,
  kit: Pick<Kit, "config" | "lora">,
): Named {
  const names = inputNames(kit);
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const { site, factor } = parseFactor(name) ?? {};
      return [name, factor === "A" ? matmul(tensor, fixed[`${prefix}${names[site!]}`]!) : tensor];
    }),
  );
}
