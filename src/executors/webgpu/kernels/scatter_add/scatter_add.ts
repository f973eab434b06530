/**
 * Lowers scatter-add without float atomics, so that the same device gives the same bits. Every sum is taken in
 * the order of the updates, whatever the variant.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { ceilDiv, type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { type Cover, coverUnits, sizeClass } from "../cover.ts";
import source from "./scatter_add.wgsl" with { type: "text" };

/** Updates that one invocation sorts, unless the counts would outgrow `MAX_COUNTS`. */
const CHUNK = 256;
const MAX_COUNTS = 2 ** 22;

/** (updates [count, ...rest], index i32 [count]) -> [rows, ...rest] */
export const lowerScatterAdd: Lower<"scatterAdd"> = (node, context) => {
  const [updates, index] = node.operands as readonly [Tensor, Tensor];
  const { rows } = node.attributes;
  const count = index.shape[0]!;
  const width = sizeOf(node.shape) / rows;
  const inQuads = width % 4 === 0;
  const suffix = inQuads ? "_quads" : "";
  const unitsPerRow = inQuads ? width / 4 : width;
  const chunk = Math.max(CHUNK, ceilDiv(count, Math.max(1, Math.floor(MAX_COUNTS / rows))));
  const chunks = ceilDiv(count, chunk);

  const dispatch = (
    entryPoint: string,
    cover: Cover,
    bindings: Dispatch["bindings"],
    traffic: number,
  ): Dispatch => ({
    kernel: "scatterAdd",
    source,
    entryPoint,
    uniforms: [count, rows, unitsPerRow, chunk, chunks].map(u32),
    bindings,
    ...cover,
    bytes: 4 * traffic,
  });

  const few = count <= (context.software ? 64 : 1024);
  const variants = few ? ["direct", "sorted"] as const : ["sorted", "direct"] as const;
  const units = coverUnits(rows * unitsPerRow);
  if (context.variant("scatterAdd", `${sizeClass(count)} to ${sizeClass(rows)}`, variants) === "direct") {
    const bindings = [read(updates), read(index), write(node)];
    return [
      dispatch(`add_all${suffix}`, units, bindings, (count + rows) * width + rows * unitsPerRow * count),
    ];
  }
  const counts = context.scratch("counts", rows * chunks);
  const starts = context.scratch("starts", rows + 1);
  const order = context.scratch("order", count);
  const single: Cover = { constants: {}, workgroups: [1, 1, 1] };
  return [
    dispatch("count_chunks", coverUnits(chunks), [read(index), write(counts)], 2 * count + rows * chunks),
    dispatch("offset_rows", coverUnits(rows), [write(counts), write(starts)], 2 * rows * chunks),
    dispatch("start_rows", single, [write(starts)], 2 * rows),
    dispatch(
      "place_chunks",
      coverUnits(chunks),
      [read(index), write(counts), read(starts), write(order)],
      5 * count,
    ),
    dispatch(
      `add_rows${suffix}`,
      units,
      [read(updates), read(order), read(starts), write(node)],
      (count + rows) * width + unitsPerRow * count,
    ),
  ];
};
