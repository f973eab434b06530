/**
 * Lowers seeded uniform numbers, and the random dropping of entries that DARE builds on them: both draw the same
 * number for the same seed and position.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { f32, type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import source from "./random.wgsl" with { type: "text" };

/** Seed -> numbers in [0, 1) */
export const lowerUniform: Lower<"uniform"> = (node) => {
  const size = sizeOf(node.shape);
  return [{
    kernel: "uniform",
    source,
    entryPoint: "uniform_numbers",
    uniforms: [u32(quadsOf(size)), u32(node.attributes.seed), u32(0), f32(1)],
    bindings: [write(node)],
    ...coverUnits(quadsOf(size)),
    bytes: 4 * size,
  }];
};

/** x -> x / (1 - rate) where uniform(seed) >= rate, else 0 */
export const lowerDropRescale: Lower<"dropRescale"> = (node) => {
  const [x] = node.operands as readonly [Tensor];
  const { rate, seed } = node.attributes;
  const size = sizeOf(node.shape);
  // hash / 2²⁴ >= rate, decided on integers: the rate itself may lie between two float32 numbers.
  const firstKept = Math.ceil(rate * 2 ** 24);
  return [{
    kernel: "dropRescale",
    source,
    entryPoint: "drop_rescale",
    uniforms: [u32(quadsOf(size)), u32(seed), u32(firstKept), f32(1 / (1 - rate))],
    bindings: [read(x), write(node)],
    ...coverUnits(quadsOf(size)),
    bytes: 8 * size,
  }];
};
