/**
 * Random Fourier features (Rahimi and Recht, NeurIPS 2007): a fixed random map under which inner products are nearly a
 * kernel, so that classes that no plane could part can be.
 *
 * @module
 */
import type { Rng } from "../../core/rng.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, matmul, maximum, minimum, mul, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Named } from "../../train/table.ts";

/** Names of the map's tensors. */
export const FOURIER_WEIGHT = "fourier.weight";
export const FOURIER_PHASE = "fourier.phase";

/** Halvings of an angle before the series. Each costs a factor of four in rounding: 6e-5 in all. */
const HALVINGS = 5;
/** Beyond this many radians an angle counts as this: halved, the series gives float32's best up to there. */
const LARGEST = 2 * 2 ** HALVINGS;
/** Of 1 - cos x in powers of x² from the first: 1/2!, -1/4!, …; what follows is below 4e-9 at |x| ≤ 2. */
const SERIES = [2, -24, 720, -40320, 3628800, -479001600, 87178291200].map((factor) => 1 / factor);

/** cos x, elementwise, of angles up to ±64. There is no such op: 1 - cos x is a series after halving, doubled up again. */
export function cosine(x: Tensor): Tensor {
  const small = mul(maximum(minimum(x, LARGEST), -LARGEST), 1 / 2 ** HALVINGS);
  const square = mul(small, small);
  let versine = mul(square, SERIES.at(-1)!);
  for (const factor of SERIES.slice(0, -1).reverse()) versine = mul(square, add(versine, factor));
  // 1 - cos 2x = 2 (1 - cos x) (1 + cos x)
  for (let i = 0; i < HALVINGS; i++) versine = mul(mul(versine, 2), sub(2, versine));
  return sub(1, versine);
}

/**
 * The map of the kernel exp(-γ |x - y|²): weights of deviation √(2γ), phases uniform in [-π, π).
 *
 * @param width Of what is mapped
 * @param count Of features
 */
export function fourierMap(rng: Rng, width: number, count: number, gamma: number): NamedTensors {
  const weight = hostTensor([width, count]);
  for (let i = 0; i < weight.data.length; i++) weight.data[i] = Math.sqrt(2 * gamma) * rng.normal();
  const phase = hostTensor([count]);
  for (let i = 0; i < count; i++) phase.data[i] = Math.PI * (2 * rng.uniform() - 1);
  return { [FOURIER_WEIGHT]: weight, [FOURIER_PHASE]: phase };
}

/** √(2 / count) cos(x W + b): [batch, count] of x [batch, width], under a map's tensors. */
export function fourierFeatures(x: Tensor, map: Named): Tensor {
  const angles = add(matmul(x, map[FOURIER_WEIGHT]!), map[FOURIER_PHASE]!);
  return mul(cosine(angles), Math.sqrt(2 / angles.shape[1]!));
}
