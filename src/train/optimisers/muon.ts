/**
 * Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): the momentum of a weight matrix is brought near the
 * closest matrix with orthonormal rows or columns before it is taken as a move, so that all its directions are learned
 * at one pace. Moves are scaled to the size of AdamW's, as Liu et al. (arXiv 2502.16982) do, so that rate and decay mean
 * the same; what is no matrix moves by AdamW.
 *
 * @module
 */
import {
  add,
  concat,
  div,
  matmul,
  mul,
  narrow,
  reshape,
  sqrt,
  sub,
  sum,
  transpose,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { adamw } from "./adamw.ts";
import type { Optimiser } from "./optimiser.ts";

/** Of the quintic iteration: a x + b x³ + c x⁵ has the largest slope at 0 that keeps singular values near 1 (Jordan et al.). */
const QUINTIC = [3.4445, -4.775, 2.0315] as const;
const ITERATIONS = 5;
/** Root mean square of AdamW's moves, as Liu et al. measured it. */
const ADAMW_RMS = 0.2;
const EPSILON = 1e-7;

/**
 * A matrix [m, n] with the singular vectors of x and singular values between about 0.7 and 1.2, by five quintic
 * Newton-Schulz iterations.
 */
export function orthogonalised(x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows > columns) return transpose(orthogonalised(transpose(x, [1, 0])), [1, 0]);
  const [a, b, c] = QUINTIC;
  let y = div(x, add(sqrt(sum(mul(x, x), { keepDims: true })), EPSILON));
  for (let i = 0; i < ITERATIONS; i++) {
    const gram = matmul(y, y, { transposeB: true });
    const mixed = add(mul(gram, b), mul(matmul(gram, gram), c));
    y = add(mul(y, a), matmul(mixed, y));
  }
  return y;
}

/** How Muon treats the tensors of a model. */
export interface MuonOptions {
  /** How many matrices of equal height a tensor [rows, columns] consists of; 0 leaves it to AdamW. */
  matrices(name: string): number;
  /** Of the matrices; 0.95 where none is given. Nesterov's form. */
  readonly momentum?: number;
  /** Of AdamW: decay of its mean gradient. */
  readonly beta1?: number;
  /** Of AdamW: decay of its mean squared gradient. */
  readonly beta2?: number;
  /** Of AdamW. */
  readonly epsilon?: number;
}

/** The rule. */
export function muon({ matrices, momentum = 0.95, ...constants }: MuonOptions): Optimiser {
  const rest = adamw(constants);
  return {
    ...rest,
    step(now) {
      const { theta, slots, decay, hyper, unpack, pack } = now;
      const gradient = now.gradientAt(theta);
      const size = gradient.shape[0]!;
      const byAdam = rest.step({ ...now, gradientAt: () => gradient });
      const row = (index: number) => reshape(narrow(byAdam, 0, index, 1), [size]);
      const [parameters, firstMoments] = [unpack(row(0)), unpack(row(1))];
      const [before, velocities, slopes, decays] = [theta, slots[0]!, gradient, decay].map(unpack);
      const rate = narrow(hyper, 0, 0, 1);
      const moved: Record<string, Tensor> = { ...parameters },
        moments: Record<string, Tensor> = { ...firstMoments };
      for (const name of Object.keys(parameters)) {
        const count = matrices(name);
        if (count === 0) continue;
        const velocity = add(mul(velocities![name]!, momentum), slopes![name]!);
        const direction = stacked(add(slopes![name]!, mul(velocity, momentum)), count);
        const shrink = mul(before![name]!, decays![name]!);
        moments[name] = velocity;
        moved[name] = sub(before![name]!, mul(add(direction, shrink), rate));
      }
      return concat([pack(moved), pack(moments), row(2)].map((vector) => reshape(vector, [1, size])));
    },
  };
}

/** Every part of `count` orthogonalised and scaled. */
function stacked(x: Tensor, count: number): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const height = rows / count;
  const scale = ADAMW_RMS * Math.sqrt(Math.max(height, columns));
  const parts = Array.from(
    { length: count },
    (_, i) => mul(orthogonalised(narrow(x, 0, i * height, height)), scale),
  );
  return concat(parts);
}
