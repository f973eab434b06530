/**
 * Lowers the Gram matrix of low-rank adapters: similarity of all pairs in the size of the adapters, not of the
 * weights that they change.
 *
 * @module
 */
import type { Tensor } from "../../../../graph/ops.ts";
import { ceilDiv, type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, sizeClass } from "../cover.ts";
import source from "./lora_gram.wgsl" with { type: "text" };

/** Rows of a tile, as in the WGSL. */
const TILE = 64;

/** (a [n, rank, inputs], b [n, outputs, rank]) -> [n, n] */
export const lowerLoraGram: Lower<"loraGram"> = (node, context) => {
  const [a, b] = node.operands as readonly [Tensor, Tensor];
  const [n, rank, inputs] = a.shape as readonly [number, number, number];
  const outputs = b.shape[1]!;
  const slot = Math.min(TILE, Math.max(4, 2 ** Math.ceil(Math.log2(rank))));
  const common = { kernel: "loraGram", source, uniforms: [n, rank, inputs, outputs, slot].map(u32) };
  const flops = n * (n + 1) * rank * rank * (inputs + outputs);
  const bytes = 4 * n * (rank * (inputs + outputs) + n);

  const shapeClass = `${sizeClass(n)} of rank ${sizeClass(rank)}`;
  const aligned = rank % 4 === 0 && inputs % 4 === 0;
  const variants = !aligned
    ? ["tiles"] as const
    : context.software
    ? ["blocks", "tiles"] as const
    : ["tiles", "blocks"] as const;
  if (context.variant("loraGram", shapeClass, variants) === "tiles") {
    const tiles = ceilDiv(n, TILE / slot);
    return [{
      ...common,
      entryPoint: "tiles",
      constants: {},
      bindings: [read(a), read(b), write(node)],
      workgroups: [tiles, tiles, 1],
      flops,
      bytes,
    }];
  }
  const blocks = n * (Math.floor(n / 2) + 1) * rank / 4;
  const sums = context.scratch("sums", blocks);
  const dispatches: readonly Dispatch[] = [{
    ...common,
    entryPoint: "blocks",
    bindings: [read(a), read(b), write(sums)],
    ...coverUnits(blocks),
    flops,
    bytes,
  }, {
    ...common,
    entryPoint: "finish",
    bindings: [read(sums), write(node)],
    ...coverUnits(n * n),
    bytes: 4 * (blocks + n * n),
  }];
  return dispatches;
};
