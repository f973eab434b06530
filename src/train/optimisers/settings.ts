/**
 * Optimisers as settings name them: what recipes, suites and commands can ask for.
 *
 * @module
 */
import { adamw } from "./adamw.ts";
import { muon } from "./muon.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedule.ts";
import { sgd } from "./sgd.ts";

/** How parameters move, and how fast. Weight decay is decoupled for AdamW and Muon, and L2 for SGD. */
export interface OptimiserSettings extends Schedule {
  /** Which rule. */
  readonly kind: "adamw" | "muon" | "sgd";
  /** 0 for none. */
  readonly weightDecay: number;
  /** Decay of AdamW's first moment, in [0, 1). */
  readonly beta1: number;
  /** Decay of AdamW's second moment, in [0, 1). */
  readonly beta2: number;
  /** Added to the root of AdamW's second moment. */
  readonly epsilon: number;
  /** Of SGD. */
  readonly momentum: number;
}

/** AdamW with the constants of Kingma and Ba (arXiv 1412.6980), no decay, cosine schedule. */
export const defaultOptimiser: OptimiserSettings = {
  kind: "adamw",
  learningRate: 1e-3,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  momentum: 0.9,
  schedule: "cosine",
  warmup: 0,
};

/** The rule that settings name. */
export function createOptimiser({ kind, beta1, beta2, epsilon, momentum }: OptimiserSettings): Optimiser {
  switch (kind) {
    case "adamw":
      return adamw({ beta1, beta2, epsilon });
    case "muon":
      return muon({ matrices: blockMatrices, beta1, beta2, epsilon });
    case "sgd":
      return sgd({ momentum });
  }
}

/** What Muon takes of a transformer: the weights of its blocks, queries, keys and values apart. */
function blockMatrices(name: string): number {
  if (!/^blocks\.\d+\.(attn|mlp)\..*weight$/.test(name)) return 0;
  return name.endsWith("qkv.weight") ? 3 : 1;
}
