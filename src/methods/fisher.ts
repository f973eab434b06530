/**
 * The diagonal of the empirical Fisher information of an adapter on a task: the mean over images of the squared
 * gradient of the log-likelihood of the true label among the task's classes. The gradients of single images come from
 * one backward pass of a whole batch, in which every image has factors of its own.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import { gradients } from "../graph/autodiff.ts";
import { broadcast, crossEntropy, mul, reshape, sum } from "../graph/functions.ts";
import { type Adapter, adapterToTensors } from "../nn/adapter.ts";
import type { Classifier } from "../classifiers/classifier.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { parseFactor } from "../nn/sites.ts";
import { imageTable, type Named } from "../train/table.ts";
import { classMask } from "./adapter_method.ts";
import type { Kit, TaskView } from "./method.ts";

/**
 * @param head What trained of the classifier, with its policy
 * @param samples At most this many images, drawn with the run's seed
 * @returns By the names of the factors, each of its factor's shape
 */
export async function fisherInformation(
  kit: Kit,
  task: TaskView,
  adapter: Adapter,
  { policy, state }: { readonly policy: Classifier; readonly state: NamedTensors },
  samples: number,
): Promise<NamedTensors> {
  const order = Array.from({ length: task.train.count }, (_, i) => i);
  const chosen = kit.rng(`fisher/${task.index}`).shuffle(order).slice(0, samples);
  const tensors = adapterToTensors(adapter);
  const fixed = { ...tensors, ...state, mask: classMask(task.classes, kit) };
  const names = Object.keys(tensors).filter((name) => parseFactor(name));
  const totals = await kit.sum({
    fixed,
    terms({ fixed, rows, encode }) {
      const { images, labels, weights } = rows();
      const batch = images.shape[0]!;
      const own: Named = Object.fromEntries(names.map((name) => {
        const tensor = fixed[name]!;
        return [name, broadcast(reshape(tensor, [1, ...tensor.shape]), [batch, ...tensor.shape])];
      }));
      const { feature } = encode(images, {
        branches: [branchFromTensors({ ...fixed, ...own }, adapter.scale)],
      });
      const losses = crossEntropy(policy.logits(feature, fixed), labels, fixed["mask"]!);
      const slopes = gradients(sum(mul(losses, weights)), names.map((name) => own[name]!));
      return Object.fromEntries(
        names.map((name, i) => [name, sum(mul(slopes[i]!, slopes[i]!), { axes: [0] })]),
      );
    },
  }, imageTable(task.train, chosen));
  const count = Math.max(1, chosen.length);
  return Object.fromEntries(
    Object.entries(totals).map(([name, { shape, data }]) => [
      name,
      hostTensor(shape, data.map((value) => value / count)),
    ]),
  );
}
