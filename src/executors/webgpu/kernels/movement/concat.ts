/**
 * Lowers concatenation: up to six operands a dispatch, as the parts of packed parameters are many and small.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { axisUniforms } from "../axes.ts";
import { coverUnits } from "../cover.ts";
import source from "./concat.wgsl" with { type: "text" };

/** With the result, one less than the storage bindings that every device has. */
const MOST = 6;

/** (x0, x1, …) */
export const lowerConcat: Lower<"concat"> = (node) => {
  const { attributes: { axis }, operands } = node;
  const rows = sizeOf(node.shape.slice(0, axis));
  const total = sizeOf(node.shape.slice(axis));
  const dispatches: Dispatch[] = [];
  let first = 0;
  for (let start = 0; start < operands.length; start += MOST) {
    const parts = operands.slice(start, start + MOST);
    const widths = parts.map(({ shape }) => sizeOf(shape) / rows);
    dispatches.push(join(parts, widths, node, { rows, total, first }));
    first += widths.reduce((sum, width) => sum + width, 0);
  }
  return dispatches;
};

/** The result [rows, total], and the column where the operands begin. */
interface Target {
  readonly rows: number;
  readonly total: number;
  readonly first: number;
}

function join(
  operands: readonly Tensor[],
  widths: readonly number[],
  result: Tensor,
  { rows, total, first }: Target,
): Dispatch {
  const begins = [0];
  for (const width of widths) begins.push(begins.at(-1)! + width);
  const width = begins.at(-1)!;
  const unit = [total, first, ...begins].every((column) => column % 4 === 0) ? 4 : 1;
  const last = operands.at(-1)!;
  const bound = Array.from({ length: MOST }, (_, i) => operands[i] ?? last);
  // No column reaches an absent operand.
  const padded = Array.from({ length: MOST + 1 }, (_, i) => (begins[i] ?? width) / unit);
  const count = rows * width / unit;
  const { constants, workgroups } = coverUnits(count);
  return {
    kernel: "movement/concat",
    source,
    entryPoint: unit === 4 ? "join4" : "join1",
    constants: { ...constants, ROWS: rows > 1 ? 1 : 0 },
    uniforms: [...[count, width / unit, first / unit, total / unit].map(u32), ...axisUniforms(padded)],
    bindings: [...bound.map(read), write(result)],
    workgroups,
    bytes: 8 * rows * width,
  };
}
