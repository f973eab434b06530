/**
 * Lowers gather: whole rows of a table by index.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits } from "../cover.ts";
import source from "./gather.wgsl" with { type: "text" };

/** (table [n, ...rest], index i32 [...at]) -> [...at, ...rest] */
export const lowerGather: Lower<"gather"> = (node) => {
  const [table, index] = node.operands as readonly [Tensor, Tensor];
  const count = sizeOf(index.shape);
  const width = sizeOf(table.shape.slice(1));
  const inQuads = width % 4 === 0;
  const unitsPerRow = inQuads ? width / 4 : width;
  return [{
    kernel: "gather",
    source,
    entryPoint: inQuads ? "copy_quads" : "copy",
    uniforms: [u32(count), u32(unitsPerRow)],
    bindings: [read(table), read(index), write(node)],
    ...coverUnits(count * unitsPerRow),
    bytes: 8 * count * width + 4 * count,
  }];
};
