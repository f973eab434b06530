/**
 * From tokens to the feature of an image; see `Pool`.
 *
 * @module
 */
import { concat, mean, narrow, reshape } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { layersRead, patchCount, type Pool, prefixCount, type ViTConfig } from "./config.ts";

/** So many of the first tokens make the feature; undefined if patches do. */
export function frontOf(config: ViTConfig): number | undefined {
  const pool: Pool = config.pool ?? "token";
  return pool === "token" ? 1 : pool === "token-and-register" ? 2 : undefined;
}

/** The mean of the patches [batch, width] among tokens [batch, tokens, width]. */
function patchMean(config: ViTConfig, tokens: Tensor): Tensor {
  return mean(narrow(tokens, 1, prefixCount(config), patchCount(config)), { axes: [1] });
}

/**
 * The class token beside the means of the patches of the last layers, as the pool `token-and-layers` has it.
 *
 * @param encoded A forward pass of a model with a class token
 * @returns [batch, layeredWidth]
 */
export function layeredFeature(
  config: ViTConfig,
  encoded: { readonly tokens: Tensor; input(site: string): Tensor },
): Tensor {
  const { tokens } = encoded;
  const means = [...layersRead(config).map((block) => encoded.input(`${block}.q`)), tokens];
  const token = reshape(narrow(tokens, 1, 0, 1), [tokens.shape[0]!, config.width]);
  return concat([token, ...means.map((layer) => patchMean(config, layer))], 1);
}

/** The feature [batch, featureWidth] of the last block's tokens [batch, tokens, width]. */
export function pooled(
  config: ViTConfig,
  pool: Exclude<Pool, "token-and-layers">,
  tokens: Tensor,
  finish: (tokens: Tensor) => Tensor,
): Tensor {
  const { width } = config;
  const batch = tokens.shape[0]!;
  const meanOf = (all: Tensor) => patchMean(config, all);
  switch (pool) {
    case "token":
      return finish(reshape(tokens, [batch, width]));
    case "token-and-register":
      return reshape(finish(tokens), [batch, 2 * width]);
    case "norm-of-mean":
      return finish(meanOf(tokens));
    case "mean":
      return meanOf(finish(tokens));
    case "token-and-mean": {
      const normal = finish(tokens);
      return concat([reshape(narrow(normal, 1, 0, 1), [batch, width]), meanOf(normal)], 1);
    }
  }
}
