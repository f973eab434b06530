/**
 * Linear rows of the class token, for methods that classify by more than it: in a run whose feature is layered, rows of
 * all of it serve less to train the adapters under them.
 *
 * @module
 */
import type { Classifier } from "../../classifiers/classifier.ts";
import { linear } from "../../classifiers/linear.ts";
import { narrow } from "../../graph/functions.ts";
import type { ViTConfig } from "../../nn/config.ts";
import type { Pass } from "../method.ts";

/** Whether the run's feature has more behind the class token. */
function isLayered({ pool }: Pick<ViTConfig, "pool">): boolean {
  return pool === "token-and-layers";
}

/** The policy `linear` on the class token; on the run's feature where that is not layered. */
export function tokenRows(config: Pick<ViTConfig, "pool" | "width">): Classifier {
  if (!isLayered(config)) return linear;
  const { width } = config;
  return {
    ...linear,
    init: (classes, _, rng) => linear.init(classes, width, rng),
    logits: (feature, trained) => linear.logits(narrow(feature, 1, 0, width), trained),
  };
}

/** What those rows read, of a pass that gives the run's feature. */
export function tokenPass(pass: Pass, config: Pick<ViTConfig, "pool" | "width">): Pass {
  if (!isLayered(config)) return pass;
  return { ...pass, output: (env) => narrow(pass.output(env), 1, 0, config.width) };
}
