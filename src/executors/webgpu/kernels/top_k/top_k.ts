/**
 * Lowers the k-th largest magnitude: radix selection in three passes over the data, exact at any size.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { ceilDiv, type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { sizeClass } from "../cover.ts";
import source from "./top_k.wgsl" with { type: "text" };

/** Counters of a histogram, as in the WGSL. */
const BINS = 2048;
const WORKGROUP = 256;

/** The digits of a magnitude, highest first: where each begins and how many values it has. */
const digits = [{ shift: 20, bins: 2048 }, { shift: 10, bins: 1024 }, { shift: 0, bins: 1024 }] as const;

/** x -> [], the k-th largest |x| */
export const lowerTopKThreshold: Lower<"topKThreshold"> = (node, context) => {
  const [x] = node.operands as readonly [Tensor];
  const count = sizeOf(x.shape);
  const variants = context.software ? ["row", "group"] as const : ["group", "row"] as const;
  const variant = context.variant("topKThreshold", `${sizeClass(count)}`, variants);
  // A part takes about 4096 elements until there are parts enough to occupy the device.
  const parts = Math.min(variant === "group" ? 128 : 64, ceilDiv(count, 4096));
  const histograms = context.scratch("histograms", parts * BINS);
  const progress = context.scratch("progress", 2);
  return digits.flatMap(({ shift, bins }, pass): Dispatch[] => {
    const uniforms = [count, parts, node.attributes.k, shift, bins, pass === 0 ? 1 : 0].map(u32);
    return [{
      kernel: "topKThreshold",
      source,
      entryPoint: `histogram_${variant}`,
      constants: { WORKGROUP: variant === "group" ? WORKGROUP : 8 },
      uniforms,
      bindings: [read(x), write(progress), write(histograms)],
      workgroups: [variant === "group" ? parts : ceilDiv(parts, 8), 1, 1],
      bytes: 4 * (count + parts * bins),
    }, {
      kernel: "topKThreshold",
      source,
      entryPoint: "select_digit",
      constants: {},
      uniforms,
      bindings: [read(histograms), write(progress), write(node)],
      workgroups: [1, 1, 1],
      bytes: 4 * parts * bins,
    }];
  });
};
