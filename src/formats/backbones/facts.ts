/**
 * What files beside the weights can tell about a backbone, wherever they come from.
 *
 * @module
 */
import type { PixelStatistics, TrainedOn } from "../../nn/backbone.ts";
import type { Pool, ViTConfig } from "../../nn/config.ts";
import type { PatchOrder } from "./transforms.ts";

/** Facts about a backbone; every one is optional. */
export interface BackboneFacts {
  readonly config:
    & { readonly [K in Exclude<keyof ViTConfig, "pool">]?: ViTConfig[K] | undefined }
    & { readonly pool?: Pool | undefined };
  readonly pixels: { readonly [K in keyof PixelStatistics]?: PixelStatistics[K] | undefined };
  /** Order of the pixels in a linear patch embedding; see `PatchOrder`. */
  readonly patchOrder?: PatchOrder | undefined;
  /** Patches in a row of the image, where its size is not stated in the patches of the tensors. */
  readonly grid?: number | undefined;
  /** Parts that the file holds and the architecture does not use, by our names, such as `norm`. */
  readonly unused?: readonly string[] | undefined;
  /** From names in the file to ours, `null` for what is not needed; `{block}` and `{kind}` as in name maps. */
  readonly names?: Readonly<Record<string, string | null>> | undefined;
  /** Data that it was trained on. */
  readonly trainedOn?: readonly TrainedOn[] | undefined;
}
