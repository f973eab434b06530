/**
 * Preprocessing inside a graph: stored bytes to what a backbone eats, so that a host only copies bytes. It computes
 * what `toFloatImages` computes on the host, up to rounding: channels, size, then (x / 255 - mean) / std.
 *
 * @module
 */
import { type Preprocessing } from "../data/preprocess.ts";
import { LUMA } from "../data/preprocess.ts";
import { type Tap, taps } from "../data/resample.ts";
import { add, matmul, mul, reshape, sum, transpose } from "../graph/functions.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";

/**
 * @param bytes f32 [batch, channels, height, width], 0 to 255
 * @returns [batch, mean.length, size, size]
 */
export function normalisePixels(graph: Graph, bytes: Tensor, options: Preprocessing): Tensor {
  const { channels, height, width, size, mean, std } = options;
  const isGray = channels === 3 && mean.length === 1;
  const coloured = isGray
    ? sum(mul(bytes, graph.constant(LUMA, [3, 1, 1])), { axes: [1], keepDims: true })
    : bytes;
  const sized = height === size && width === size ? coloured : resize(graph, coloured, height, width, size);
  // Gray becomes RGB by broadcasting against the channels.
  const scale = graph.constant(std.map((s) => 1 / (255 * s)), [mean.length, 1, 1]);
  const shift = graph.constant(mean.map((m, c) => -m / std[c]!), [mean.length, 1, 1]);
  return add(mul(sized, scale), shift);
}

/** Resampling is linear in rows and in columns: two matrix products. */
function resize(graph: Graph, x: Tensor, height: number, width: number, size: number): Tensor {
  const [batch, planes] = x.shape as [number, number];
  const columns = graph.constant(tapMatrix(taps(width, size), width), [size, width]);
  const rows = graph.constant(tapMatrix(taps(height, size), height), [size, height]);
  const wide = matmul(reshape(x, [batch * planes * height, width]), columns, { transposeB: true });
  const turned = transpose(reshape(wide, [batch * planes, height, size]), [0, 2, 1]);
  const tall = matmul(reshape(turned, [batch * planes * size, height]), rows, { transposeB: true });
  return reshape(transpose(reshape(tall, [batch * planes, size, size]), [0, 2, 1]), [
    batch,
    planes,
    size,
    size,
  ]);
}

/** The shares of all source positions in each target position: [targets, sources]. */
function tapMatrix(places: readonly Tap[], sources: number): Float64Array {
  const matrix = new Float64Array(places.length * sources);
  places.forEach(({ low, high, share }, i) => {
    matrix[i * sources + low]! += 1 - share;
    matrix[i * sources + high]! += share;
  });
  return matrix;
}
