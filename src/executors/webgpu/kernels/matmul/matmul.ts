/**
 * Lowers the batched matrix product.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { NodeOf, Tensor } from "../../../../graph/ops.ts";
import type { Lower } from "../../kernel.ts";
import { lowerProduct, type Product } from "./product.ts";

/** (a, b) -> a b over the last two axes */
export const lowerMatmul: Lower<"matmul"> = (node, context) =>
  lowerProduct(matmulProduct(node), node as unknown as Tensor, context);

/** A matmul node as a product. */
export function matmulProduct({ attributes, operands, shape }: NodeOf<"matmul">): Product {
  const [a, b] = operands as readonly [Tensor, Tensor];
  const { transposeA, transposeB } = attributes;
  return {
    batches: sizeOf(shape.slice(0, -2)),
    m: shape.at(-2)!,
    n: shape.at(-1)!,
    k: a.shape.at(transposeA ? -2 : -1)!,
    a,
    transposeA,
    b,
    transposeB,
  };
}
