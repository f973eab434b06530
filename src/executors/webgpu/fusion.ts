/**
 * Peephole fusion into products: what follows a matrix product element by element becomes its epilogue, and a thin
 * product that is added to another becomes more terms of the same sums. The latter is the backward pass of a LoRA
 * linear layer: dx = dy W + (h ∘ gain) A in one kernel.
 *
 * A value is swallowed only if nothing else uses it. The graph does not change, and neither do results beyond
 * rounding. Products are found in one pass over the program, operands before users, so that a long chain of
 * additions costs no more than its length.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import type { Fusion } from "./kernel.ts";
import { linearProduct } from "./kernels/linear/linear.ts";
import { loraLinearProduct } from "./kernels/lora_linear/lora_linear.ts";
import { matmulProduct } from "./kernels/matmul/matmul.ts";
import { lowerProduct, type Product } from "./kernels/matmul/product.ts";

/** The longest inner size of a product that is worth being read along with another. */
const LARGEST_RANK = 128;

/** The product that a value is, if nothing but one reader needs the value itself. */
type Swallowed = (node: Tensor) => Product | undefined;

/** Runs a product and what follows it as one. */
export const fuseProducts: Fusion = ({ nodes }, uses) => {
  const products = new Map<Tensor, Product>();
  const swallowed: Swallowed = (node) => uses(node) === 1 ? products.get(node) : undefined;
  for (const node of nodes) {
    const product = productOf(node, swallowed);
    if (product) products.set(node, product);
  }
  return (node, context) => {
    // A product alone, or a view of one, is no more than its own lowering.
    const product = isComposed(node) ? products.get(node) : undefined;
    return product && lowerProduct(product, node, context);
  };
};

function isComposed({ op }: Tensor): boolean {
  return op === "unary" || op === "binary" || op === "gelu" || op === "geluGrad";
}

/** A node and all that it swallows as one product. */
function productOf(node: Tensor, swallowed: Swallowed): Product | undefined {
  switch (node.op) {
    case "matmul":
      return matmulProduct(node);
    case "linear":
      return linearProduct(node);
    case "loraLinear":
      return loraLinearProduct(node);
    case "reshape":
      return swallowed(node.operands[0]!);
    case "unary":
      return node.attributes.fn === "relu" ? activated(node.operands[0]!, "relu", swallowed) : undefined;
    case "gelu":
      return activated(node.operands[0]!, node.attributes.kind, swallowed);
    case "geluGrad": {
      const [other, dy] = node.operands as readonly [Tensor, Tensor];
      return combined(dy, { how: `${node.attributes.kind} slope`, other }, swallowed);
    }
    case "binary":
      return composedBinary(node, swallowed);
    default:
      return undefined;
  }
}

function composedBinary(node: NodeOf<"binary">, swallowed: Swallowed): Product | undefined {
  const { fn } = node.attributes;
  const [a, b] = node.operands as readonly [Tensor, Tensor];
  const size = sizeOf(node.shape);
  const orders = ([[a, b], [b, a]] as const).filter(([x]) => sizeOf(x.shape) === size);
  const whole = orders.filter(([, other]) => sizeOf(other.shape) === size);
  switch (fn) {
    case "add":
      return first(whole, ([x, thin]) => joined(x, thin, swallowed)) ??
        first(whole, ([x, other]) => combined(x, { how: "add", other }, swallowed)) ??
        first(orders, ([x, bias]) => biased(x, bias, swallowed));
    case "mul":
      return first(whole, ([x, other]) => combined(x, { how: "multiply", other }, swallowed));
    default:
      return undefined;
  }
}

function first<T>(items: readonly T[], get: (item: T) => Product | undefined): Product | undefined {
  for (const item of items) {
    const product = get(item);
    if (product) return product;
  }
  return undefined;
}

function isPlain({ bias, activation, combine }: Product): boolean {
  return !bias && !activation && !combine;
}

function activated(
  x: Tensor,
  activation: NonNullable<Product["activation"]>,
  swallowed: Swallowed,
): Product | undefined {
  const product = swallowed(x);
  return product && !product.activation && !product.combine ? { ...product, activation } : undefined;
}

function combined(
  x: Tensor,
  combine: NonNullable<Product["combine"]>,
  swallowed: Swallowed,
): Product | undefined {
  // Used twice by this very node: it must be there to be read.
  const product = combine.other === x ? undefined : swallowed(x);
  return product && !product.combine ? { ...product, combine } : undefined;
}

function biased(x: Tensor, bias: Tensor, swallowed: Swallowed): Product | undefined {
  const product = swallowed(x);
  const fits = product && isPlain(product) && x.shape.at(-1) === product.n &&
    bias.shape.at(-1) === product.n && sizeOf(bias.shape) === product.n;
  return fits ? { ...product, bias } : undefined;
}

/** A product with a thin one added: both of one batch, with a right operand stored the same way. */
function joined(x: Tensor, thin: Tensor, swallowed: Swallowed): Product | undefined {
  const product = swallowed(x);
  const low = swallowed(thin);
  if (!product || !low || product.lowRank || low.lowRank || product.activation || product.combine) {
    return undefined;
  }
  const fits = isPlain(low) && low.k <= LARGEST_RANK && low.k < product.k && low.m === product.m &&
    low.batches === 1 && product.batches === 1 && !low.transposeA && !product.transposeA &&
    low.transposeB === product.transposeB;
  return fits ? { ...product, lowRank: { rank: low.k, u: low.a, v: low.b } } : undefined;
}
