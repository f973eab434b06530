/**
 * Autoencoders of what blocks read, all blocks in one program: how unlike its own task's images others are shows in
 * their errors.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { concat, div, linear, mean, mul, narrow, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Kit, Named } from "../method.ts";

/** A linear map to a few numbers and one back, and the errors of its own task's images. */
export type Autoencoder = {
  /** By name: `down` [code, width], `downBias`, `up` [width, code], `upBias`. */
  readonly maps: NamedTensors;
  /** Mean, deviation with n - 1, and number. */
  readonly errors: { readonly mean: number; readonly deviation: number; readonly count: number };
};

/** How they train. */
export interface AutoencoderTraining {
  readonly code: number;
  readonly epochs: number;
  /** Factor of the run's learning rate. */
  readonly rate: number;
  readonly purpose: string;
}

const MAPS = ["down", "downBias", "up", "upBias"] as const;

const nameOf = (block: number, map: string) => `${map} of ${block}`;

/** The mean squared error of each row, and of each block: [batch, blocks], of reads [batch, blocks width]. */
export function reconstructionErrors(reads: Tensor, maps: Named, blocks: number): Tensor {
  const width = reads.shape[1]! / blocks;
  const errors = Array.from({ length: blocks }, (_, block) => {
    const read = narrow(reads, 1, block * width, width);
    const [down, downBias, up, upBias] = MAPS.map((map) => maps[nameOf(block, map)]!);
    const gap = sub(linear(linear(read, down!, downBias!), up!, upBias!), read);
    return mean(mul(gap, gap), { axes: [1], keepDims: true });
  });
  return concat(errors, 1);
}

/** Mean and deviation of errors. */
export function statistics(errors: readonly number[]): Autoencoder["errors"] {
  const count = errors.length;
  const mean = errors.reduce((a, b) => a + b, 0) / count;
  const squares = errors.reduce((total, error) => total + (error - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / Math.max(count - 1, 1)), count };
}

/** The errors of rows [count, blocks width] under one autoencoder for each block. */
export async function errorsOf(
  codes: readonly Pick<Autoencoder, "maps">[],
  reads: HostTensor,
  kit: Pick<Kit, "map">,
): Promise<number[][]> {
  const named = codes.flatMap(({ maps }, block) =>
    MAPS.map((map) => [nameOf(block, map), maps[map]!] as const)
  );
  const { data } = await kit.map({
    fixed: Object.fromEntries(named),
    output: (env) => reconstructionErrors(env.rows()["reads"]!, env.fixed, codes.length),
  }, { count: reads.shape[0]!, columns: { reads } });
  return codes.map((_, block) =>
    Array.from({ length: reads.shape[0]! }, (_, row) => data[row * codes.length + block]!)
  );
}

/** Trains one for each block. */
export async function trainAutoencoders(
  reads: HostTensor,
  blocks: number,
  { code, epochs, rate, purpose }: AutoencoderTraining,
  kit: Kit,
): Promise<Autoencoder[]> {
  const [count, total] = reads.shape as [number, number];
  const width = total / blocks;
  const rng = kit.rng(purpose);
  const uniform = (rows: number, columns: number) => {
    const tensor = hostTensor([rows, columns]);
    for (let i = 0; i < tensor.data.length; i++) {
      tensor.data[i] = (2 * rng.uniform() - 1) / Math.sqrt(columns);
    }
    return tensor;
  };
  const start: Record<string, HostTensor> = {};
  for (let block = 0; block < blocks; block++) {
    start[nameOf(block, "down")] = uniform(code, width);
    start[nameOf(block, "downBias")] = hostTensor([code]);
    start[nameOf(block, "up")] = uniform(width, code);
    start[nameOf(block, "upBias")] = hostTensor([width]);
  }
  const { values } = await kit.fit({
    start,
    tables: { main: { count, columns: { reads } } },
    epochs,
    rate: () => rate,
    purpose: "codes",
    loss(maps, env) {
      const { reads, weights } = env.rows();
      const errors = reconstructionErrors(reads!, maps, blocks);
      const rows = sum(mul(errors, reshape(weights, [weights.shape[0]!, 1])), { axes: [1] });
      return div(sum(rows), sum(weights));
    },
  });
  const codes = Array.from({ length: blocks }, (_, block) => ({
    maps: Object.fromEntries(MAPS.map((map) => [map, values[nameOf(block, map)]!])),
  }));
  const errors = await errorsOf(codes, reads, kit);
  return codes.map((own, block) => ({ ...own, errors: statistics(errors[block]!) }));
}
