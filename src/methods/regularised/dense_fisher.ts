/**
 * The diagonal of the Fisher information of whole updates ΔW [out, in], which does not depend on how they are
 * factorised: squared gradients of the true labels' log-likelihood at the deployed model.
 *
 * EWC-LoRA's code squares the mean gradient of a batch, so its Fisher depends on the batch: the noise of single images
 * counts 1 / batch. Here that is computed as an expectation over all ways to draw the batch, from the sums of the
 * images' gradients and of their squares: neither the order of images nor how many of them run at a time matters.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { gradients } from "../../graph/autodiff.ts";
import { broadcast, crossEntropy, mul, reshape, sum } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { classMask } from "../adapter_method.ts";
import type { Kit, TaskView } from "../method.ts";

/** Sums over images, by site: of gradients [out, in], and of their squares. */
export interface GradientSums {
  readonly count: number;
  readonly sums: NamedTensors;
  readonly squares: NamedTensors;
}

const [SUM, SQUARE] = ["sum.", "square."] as const;

/**
 * Gradients of single images with respect to ΔW at every site.
 *
 * @param adapter Of the model at which they are taken
 * @param head What trained of the classifier; the run's policy uses it
 * @param samples At most this many images, drawn with the run's seed
 */
export async function gradientSums(
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
  head: NamedTensors,
  samples: number,
): Promise<GradientSums> {
  const order = Array.from({ length: task.train.count }, (_, i) => i);
  const chosen = kit.rng(`fisher/${task.index}`).shuffle(order).slice(0, samples);
  const sites = loraSites(kit.config, kit.lora.targets);
  const identities = sites.map(({ inputs }) => {
    const identity = hostTensor([inputs, inputs]);
    for (let i = 0; i < inputs; i++) identity.data[i * inputs + i] = 1;
    return [`identity.${inputs}`, identity] as const;
  });
  const totals = await kit.sum({
    adapter,
    fixed: {
      ...head,
      mask: classMask(task.classes, kit),
      ...Object.fromEntries(identities),
      // An update of zero on top of the adapter; a state, because constants cannot be differentiated by.
      ...Object.fromEntries(sites.map(({ name }) => [`zero.${name}`, hostTensor([1])])),
    },
    terms({ graph, fixed, rows, encode }) {
      const { images, labels, weights } = rows();
      const batch = images.shape[0]!;
      // Every image has an update of its own, so that one backward pass gives the gradients of all.
      const own = sites.map(({ name, inputs, outputs }) =>
        broadcast(reshape(fixed[`zero.${name}`]!, [1, 1, 1]), [batch, outputs, inputs])
      );
      const pairs = sites.map(({ name, inputs }, i) => {
        const identity = reshape(fixed[`identity.${inputs}`]!, [1, inputs, inputs]);
        return [name, { a: broadcast(identity, [batch, inputs, inputs]), b: own[i]! }] as const;
      });
      const branch = { pairs: Object.fromEntries(pairs), gain: reshape(graph.fill(1), [1]) };
      const { feature } = encode(images, { branches: [branch] });
      const losses = crossEntropy(kit.classifier.logits(feature, fixed), labels, fixed["mask"]!);
      const slopes = gradients(sum(mul(losses, weights)), own);
      return Object.fromEntries(
        sites.flatMap(({ name }, i) => [
          [SUM + name, sum(slopes[i]!, { axes: [0] })],
          [SQUARE + name, sum(mul(slopes[i]!, slopes[i]!), { axes: [0] })],
        ]),
      );
    },
  }, imageTable(task.train, chosen));
  const part = (prefix: string) =>
    Object.fromEntries(sites.map(({ name }) => [name, totals[prefix + name]!]));
  return { count: chosen.length, sums: part(SUM), squares: part(SQUARE) };
}

/**
 * The expected square of the mean gradient of a batch drawn without replacement: ḡ² + (E[g²] - ḡ²) (N - b) / (b (N - 1)).
 *
 * @param batch b; from N on it is ḡ²
 */
export function batchFisher(
  { count, sums, squares }: GradientSums,
  batch: number,
): Record<string, Float32Array> {
  const spread = count > batch ? (count - batch) / (batch * (count - 1)) : 0;
  return Object.fromEntries(
    Object.entries(sums).map(([name, { data }]) => [
      name,
      data.map((value, i) => {
        const square = (value / count) ** 2;
        // Rounding may leave a variance below zero.
        return square + spread * Math.max(0, squares[name]!.data[i]! / count - square);
      }),
    ]),
  );
}
