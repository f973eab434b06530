/**
 * Ops whose results combine many elements: reductions, products, softmax, order statistics.
 *
 * @module
 */
import { broadcastStrides, sizeOf } from "../../core/shape.ts";
import { offsets } from "./offsets.ts";
import type { Evaluate } from "./values.ts";

export const reduce: Evaluate<"reduce"> = ({ attributes: { fn }, operands, shape }, [x]) => {
  // Reduced axes have size 1 in the result, so reading it at the shape of x finds where each element goes.
  const into = offsets(operands[0]!.shape, broadcastStrides(shape, operands[0]!.shape));
  const result = new Float64Array(sizeOf(shape)).fill(fn === "sum" ? 0 : -Infinity);
  into.forEach((at, i) => {
    result[at] = fn === "sum" ? result[at]! + x![i]! : Math.max(result[at]!, x![i]!);
  });
  return result;
};

export const matmul: Evaluate<"matmul"> = ({ attributes, operands, shape }, [a, b]) => {
  const [m, n] = shape.slice(-2) as [number, number];
  const k = operands[0]!.shape.at(attributes.transposeA ? -2 : -1)!;
  const [rowA, stepA] = attributes.transposeA ? [1, m] : [k, 1];
  const [columnB, stepB] = attributes.transposeB ? [k, 1] : [1, n];
  const result = new Float64Array(sizeOf(shape));
  for (let batch = 0; batch < result.length / (m * n); batch++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let total = 0;
        for (let p = 0; p < k; p++) {
          total += a![batch * m * k + i * rowA + p * stepA]! * b![batch * k * n + j * columnB + p * stepB]!;
        }
        result[batch * m * n + i * n + j] = total;
      }
    }
  }
  return result;
};

export const softmax: Evaluate<"softmax"> = ({ shape }, [x]) => {
  const width = shape.at(-1)!;
  const result = new Float64Array(x!.length);
  for (let start = 0; start < x!.length; start += width) {
    const row = result.subarray(start, start + width);
    let peak = -Infinity;
    for (let i = 0; i < width; i++) peak = Math.max(peak, x![start + i]!);
    let total = 0;
    for (let i = 0; i < width; i++) total += row[i] = Math.exp(x![start + i]! - peak);
    for (let i = 0; i < width; i++) row[i]! /= total;
  }
  return result;
};

export const topKThreshold: Evaluate<"topKThreshold"> = ({ attributes: { k } }, [x]) => {
  const ascending = Float64Array.from(x!, Math.abs).sort();
  return Float64Array.of(ascending[ascending.length - k]!);
};
