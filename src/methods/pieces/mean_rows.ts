/**
 * Linear rows that start at the class means. From random rows the first steps of a short training move the features
 * towards chance directions (Kumar et al., arXiv 2202.10054); from rows that already classify they do not. The logits
 * are `sharpness` times the log posterior of Gaussians around the class means with one variance for all classes and
 * dimensions: at 1 the training images are classified with near certainty, and their gradient is gone.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { HEAD_BIAS, HEAD_WEIGHT } from "../../nn/classifier.ts";
import { classMeans } from "../../nn/heads.ts";

/**
 * @param features [count, width]
 * @param labels Of the features: one of `present` each
 * @param present Classes that get rows; those of others are 0
 * @param classes Of the whole data set
 * @returns Weights [classes, width] and biases [classes]
 */
export function meanRows(
  { shape, data }: HostTensor,
  labels: ArrayLike<number>,
  present: readonly number[],
  classes: number,
  sharpness: number,
): NamedTensors {
  const [count, width] = shape as [number, number];
  const { means } = classMeans(data, labels, classes);
  const centre = new Float64Array(width);
  for (const label of present) {
    for (let i = 0; i < width; i++) centre[i]! += means[label * width + i]! / present.length;
  }
  let scatter = 0;
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < width; i++) {
      scatter += (data[row * width + i]! - means[labels[row]! * width + i]!) ** 2;
    }
  }
  // One image a class scatters around no mean.
  const variance = scatter / (Math.max(1, count - present.length) * width) || 1;
  const [weight, bias] = [hostTensor([classes, width]), hostTensor([classes])];
  for (const label of present) {
    let offset = 0;
    for (let i = 0; i < width; i++) {
      const gap = means[label * width + i]! - centre[i]!;
      weight.data[label * width + i] = sharpness * gap / variance;
      offset += gap * (centre[i]! + gap / 2);
    }
    bias.data[label] = -sharpness * offset / variance;
  }
  return { [HEAD_WEIGHT]: weight, [HEAD_BIAS]: bias };
}
