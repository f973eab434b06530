/**
 * A locator of tasks (LLaVA-CMoE, arXiv 2503.21227): a small variational autoencoder for each task on frozen features;
 * an image belongs to the task whose autoencoder is least surprised, in units of that task's own surprise.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import {
  add,
  broadcast,
  div,
  equal,
  exp,
  matmul,
  max,
  mean,
  mul,
  relu,
  reshape,
  sub,
  sum,
  transpose,
  where,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Env, Kit, Named } from "../method.ts";
import { noise } from "../pieces/tensors.ts";

/** Rows of normal numbers from which a step draws. */
const DRAWS = 512;
/** Strength of the divergence from the prior, beside the mean squared error. */
const PRIOR = 0.01;

/** One task's: the autoencoder's tensors, and mean and deviation of its errors on the task's images. */
export type Located = {
  readonly tensors: NamedTensors;
  readonly mean: number;
  readonly deviation: number;
};

/** Sizes for features of a width: 768-128-32-128-768 as published, smaller where the feature is. */
function sizesOf(width: number): { readonly hidden: number; readonly latent: number } {
  const hidden = Math.max(2, Math.min(128, Math.ceil(width / 2)));
  return { hidden, latent: Math.max(1, Math.min(32, Math.ceil(hidden / 4))) };
}

function freshTensors(kit: Kit, width: number, purpose: string): NamedTensors {
  const { hidden, latent } = sizesOf(width);
  const dense = (name: string, inputs: number, outputs: number) => ({
    [`${name}.weight`]: noise(kit, [inputs, outputs], `${purpose} ${name}`, 1 / Math.sqrt(inputs)),
    [`${name}.bias`]: hostTensor([1, outputs]),
  });
  return {
    ...dense("in", width, hidden),
    ...dense("mean", hidden, latent),
    ...dense("spread", hidden, latent),
    ...dense("back", latent, hidden),
    ...dense("out", hidden, width),
  };
}

function dense(x: Tensor, tensors: Named, name: string): Tensor {
  return add(matmul(x, tensors[`${name}.weight`]!), tensors[`${name}.bias`]!);
}

function decoded(code: Tensor, tensors: Named): Tensor {
  return dense(relu(dense(code, tensors, "back")), tensors, "out");
}

/** Mean squared error of reconstructing rows from their mean codes: [..., rows]. */
export function reconstructionError(rows: Tensor, tensors: Named): Tensor {
  const code = dense(relu(dense(rows, tensors, "in")), tensors, "mean");
  const off = sub(decoded(code, tensors), rows);
  return mean(mul(off, off), { axes: [-1] });
}

/** Trains the autoencoder of a task on its frozen features [count, width]. */
export async function trainLocator(
  kit: Kit,
  features: HostTensor,
  task: number,
  epochs: number,
): Promise<Located> {
  const [count, width] = features.shape as [number, number];
  const { latent } = sizesOf(width);
  const main = { count, columns: { features } };
  const draws = noise(kit, [DRAWS, latent], "locator draws", 1);
  const { values } = await kit.fit({
    start: freshTensors(kit, width, `locator ${task}`),
    tables: { main, draws: { count: DRAWS, columns: { normal: draws } } },
    purpose: "locator",
    epochs,
    loss(trained, env) {
      const { features, weights } = env.rows();
      const hidden = relu(dense(features!, trained, "in"));
      const [middle, spread] = [dense(hidden, trained, "mean"), dense(hidden, trained, "spread")];
      // `spread` is the logarithm of the variance.
      const code = add(middle, mul(exp(mul(spread, 0.5)), env.rows("draws")["normal"]!));
      const off = sub(decoded(code, trained), features!);
      const error = mean(mul(off, off), { axes: [1] });
      const prior = mul(sum(sub(add(mul(middle, middle), exp(spread)), add(spread, 1)), { axes: [1] }), 0.5);
      return div(sum(mul(add(error, mul(prior, PRIOR)), weights)), sum(weights));
    },
  });
  const output = (env: Env) => {
    const error = reconstructionError(env.rows()["features"]!, env.fixed);
    return reshape(error, [error.shape[0]!, 1]);
  };
  const { data } = await kit.map({ fixed: values, output }, main);
  const average = data.reduce((a, b) => a + b, 0) / count;
  const deviation = Math.sqrt(data.reduce((total, error) => total + (error - average) ** 2, 0) / count);
  // A task of one image has no deviation.
  return { tensors: values, mean: average, deviation: Math.max(deviation, 0.01 * average, 1e-6) };
}

/** Autoencoders in their places, with their statistics; places without one are marked. */
export function stackLocators(located: readonly Located[], places: number): NamedTensors {
  const names = Object.keys(located[0]!.tensors);
  const tensors = names.map((name) => {
    const { shape, data } = located[0]!.tensors[name]!;
    const all = hostTensor([places, ...shape]);
    located.forEach(({ tensors }, place) => all.data.set(tensors[name]!.data, place * data.length));
    return [`locator.${name}`, all] as const;
  });
  const column = (of: (place: Located) => number, rest: number) =>
    hostTensor(
      [1, places],
      Float32Array.from({ length: places }, (_, i) => located[i] ? of(located[i]) : rest),
    );
  return {
    ...Object.fromEntries(tensors),
    "locator.at": column(({ mean }) => mean, 0),
    "locator.unit": column(({ deviation }) => deviation, 1),
    "locator.there": column(() => 1, 0),
  };
}

/** Shares [batch, places] of each image in tasks: one for the least (error - mean) / deviation. */
export function locate(features: Tensor, fixed: Named): Tensor {
  const places = fixed["locator.there"]!.shape[1]!;
  const [batch, width] = features.shape as [number, number];
  const tensors = Object.fromEntries(
    ["in", "mean", "back", "out"].flatMap((name) =>
      [`${name}.weight`, `${name}.bias`].map((part) => [part, fixed[`locator.${part}`]!] as const)
    ),
  );
  const all = broadcast(reshape(features, [1, batch, width]), [places, batch, width]);
  const errors = reconstructionError(all, tensors);
  const surprise = div(sub(transpose(errors, [1, 0]), fixed["locator.at"]!), fixed["locator.unit"]!);
  const calm = where(broadcast(fixed["locator.there"]!, [batch, places]), mul(surprise, -1), -1e30);
  const least = equal(calm, max(calm, { axes: [1], keepDims: true }));
  return div(least, sum(least, { axes: [1], keepDims: true }));
}
