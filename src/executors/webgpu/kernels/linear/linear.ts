/**
 * Lowers the linear layer: a product with a bias in its epilogue.
 *
 * @module
 */
import type { NodeOf, Tensor } from "../../../../graph/ops.ts";
import type { Lower } from "../../kernel.ts";
import { lowerProduct, type Product, rowsOf } from "../matmul/product.ts";

/** (x [..., in], w [out, in], bias [out]) -> x wᵀ + bias */
export const lowerLinear: Lower<"linear"> = (node, context) =>
  lowerProduct(linearProduct(node), node as unknown as Tensor, context);

/** A linear node as a product. */
export function linearProduct({ operands }: NodeOf<"linear">): Product {
  const [x, w, bias] = operands as readonly [Tensor, Tensor, Tensor];
  const [n, k] = w.shape as readonly [number, number];
  return { batches: 1, m: rowsOf(x), n, k, a: x, transposeA: false, b: w, transposeB: true, bias };
}
