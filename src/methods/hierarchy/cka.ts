/**
 * Linear centred kernel alignment (Kornblith et al., "Similarity of neural network representations revisited",
 * arXiv 1905.00414): whether two models see the same images as alike. With X and Y the outputs for n images, centred
 * over them,
 *
 *     CKA(X, Y) = ‖Yᵀ X‖_F² / (‖Xᵀ X‖_F ‖Yᵀ Y‖_F),
 *
 * the cosine of the two n x n matrices X Xᵀ and Y Yᵀ: 1 for outputs that are equal up to a rotation, a scale and a
 * shift, and above 0 for unrelated ones, the more so the fewer images there are. (The plain estimator, not the debiased
 * one: groups are compared on equal images, where the bias is alike.)
 *
 * @module
 */
import type { HostTensor } from "../../core/tensors.ts";
import { cosine } from "../../merge/merger.ts";

/** Inner products of the rows of a table with its columns centred, [rows * rows] in float64. */
export function centredGram({ shape, data }: HostTensor): Float64Array {
  const [rows, width] = shape as [number, number];
  const centred = Float64Array.from(data);
  for (let column = 0; column < width; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += centred[row * width + column]!;
    for (let row = 0; row < rows; row++) centred[row * width + column]! -= sum / rows;
  }
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += centred[i * width + k]! * centred[j * width + k]!;
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  }
  return gram;
}

/**
 * CKA of two models by the matrices of `centredGram`; 0 if the outputs of one do not vary.
 *
 * @throws {RangeError} If they are of different numbers of images
 */
export function linearCka(x: Float64Array, y: Float64Array): number {
  if (x.length !== y.length) {
    throw new RangeError(
      `Cannot compare outputs: found ${Math.sqrt(x.length)} and ${Math.sqrt(y.length)} images`,
    );
  }
  let [product, squareX, squareY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    product += x[i]! * y[i]!;
    squareX += x[i]! * x[i]!;
    squareY += y[i]! * y[i]!;
  }
  return cosine(product, squareX, squareY);
}

/**
 * At most so many images of a task, the same number of each class as far as there are: round after round the next image
 * of every class. Steps through the whole would meet some classes only, where images go round the classes.
 *
 * @returns Ascending places in `labels`
 */
export function evenSample(labels: ArrayLike<number>, most: number): Int32Array {
  const seen = new Map<number, number>();
  const rounds = Array.from(labels, (label, place) => {
    const round = seen.get(label) ?? 0;
    seen.set(label, round + 1);
    return { place, round };
  });
  const chosen = rounds.sort((a, b) => a.round - b.round || a.place - b.place).slice(0, most);
  return Int32Array.from(chosen, ({ place }) => place).sort();
}
