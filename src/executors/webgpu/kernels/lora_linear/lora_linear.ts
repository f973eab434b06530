/**
 * Lowers the linear layer with a low-rank update. The update adds `rank` more terms to the sums of the frozen
 * product (Hu et al., arXiv 2106.09685), so that b a is never formed and no second pass over the result is needed.
 *
 * @module
 */
import type { NodeOf, Tensor } from "../../../../graph/ops.ts";
import type { Lower } from "../../kernel.ts";
import { lowerProduct, type Product, rowsOf } from "../matmul/product.ts";

/** (x [..., in], w [out, in], bias [out], u [..., r], b [out, r], gain [r]) -> x wᵀ + bias + (u ∘ gain) bᵀ */
export const lowerLoraLinear: Lower<"loraLinear"> = (node, context) =>
  lowerProduct(loraLinearProduct(node), node as unknown as Tensor, context);

/** A loraLinear node as a product. */
export function loraLinearProduct({ operands }: NodeOf<"loraLinear">): Product {
  const [x, w, bias, u, v, gain] = operands as readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const [n, k] = w.shape as readonly [number, number];
  const lowRank = { rank: v.shape[1]!, u, v, gain };
  return { batches: 1, m: rowsOf(x), n, k, a: x, transposeA: false, b: w, transposeB: true, bias, lowRank };
}
