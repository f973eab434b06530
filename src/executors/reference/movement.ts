/**
 * Ops that move values without computing. They keep the element type.
 *
 * @module
 */
import { broadcastStrides, sizeOf, stridesOf } from "../../core/shape.ts";
import type { OpName } from "../../graph/ops.ts";
import { offsets } from "./offsets.ts";
import { type Evaluate, like, type Values } from "./values.ts";

function pick(values: Values, at: Int32Array): Values {
  const result = like(values, at.length);
  at.forEach((from, i) => result[i] = values[from]!);
  return result;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * b[i]!, 0);
}

function checkIndex(op: OpName, index: Values, size: number): void {
  for (const at of index) {
    if (at < 0 || at >= size) {
      throw new RangeError(`Cannot apply ${op}: found index ${at}, wanted 0 to ${size - 1}`);
    }
  }
}

export const reshape: Evaluate<"reshape"> = (_, [x]) => x!;

export const transpose: Evaluate<"transpose"> = ({ attributes: { perm }, operands, shape }, [x]) => {
  const strides = stridesOf(operands[0]!.shape);
  return pick(x!, offsets(shape, perm.map((axis) => strides[axis]!)));
};

export const slice: Evaluate<"slice"> = ({ attributes: { starts, sizes }, operands }, [x]) => {
  const strides = stridesOf(operands[0]!.shape);
  return pick(x!, offsets(sizes, strides, dot(starts, strides)));
};

export const pad: Evaluate<"pad"> = ({ attributes: { before }, operands, shape }, [x]) => {
  const strides = stridesOf(shape);
  const result = new Float64Array(sizeOf(shape));
  offsets(operands[0]!.shape, strides, dot(before, strides)).forEach((at, i) => result[at] = x![i]!);
  return result;
};

export const concat: Evaluate<"concat"> = ({ attributes: { axis }, operands, shape }, parts) => {
  const strides = stridesOf(shape);
  const result = like(parts[0]!, sizeOf(shape));
  let start = 0;
  operands.forEach((operand, part) => {
    const at = offsets(operand.shape, strides, start * strides[axis]!);
    at.forEach((to, i) => result[to] = parts[part]![i]!);
    start += operand.shape[axis]!;
  });
  return result;
};

export const broadcast: Evaluate<"broadcast"> = ({ operands, shape }, [x]) =>
  pick(x!, offsets(shape, broadcastStrides(operands[0]!.shape, shape)));

export const gather: Evaluate<"gather"> = ({ operands }, [table, index]) => {
  const [rows, ...rest] = operands[0]!.shape;
  checkIndex("gather", index!, rows!);
  const width = sizeOf(rest);
  const result = like(table!, index!.length * width);
  index!.forEach((row, i) => result.set(table!.subarray(row * width, (row + 1) * width), i * width));
  return result;
};

export const scatterAdd: Evaluate<"scatterAdd"> = ({ attributes: { rows }, shape }, [updates, index]) => {
  checkIndex("scatterAdd", index!, rows);
  const result = new Float64Array(sizeOf(shape));
  const width = result.length / rows;
  index!.forEach((row, i) => {
    for (let j = 0; j < width; j++) result[row * width + j]! += updates![i * width + j]!;
  });
  return result;
};

export const oneHot: Evaluate<"oneHot"> = ({ attributes: { depth } }, [index]) => {
  checkIndex("oneHot", index!, depth);
  const result = new Float64Array(index!.length * depth);
  index!.forEach((hot, i) => result[i * depth + hot] = 1);
  return result;
};
