/**
 * Systems named beside HAM's paper, brought to class-incremental images.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { adaCm } from "./ada_cm.ts";
import { badam } from "./badam.ts";
import { clLora } from "./cl_lora.ts";
import { forkMerge } from "./forkmerge.ts";
import { linkedAdapters } from "./linked_adapters.ts";
import { mier } from "./mier.ts";
import { dmea } from "./dmea.ts";
import { llavaCmoe } from "./llava_cmoe.ts";
import { lvAdapter } from "./lv_adapter.ts";
import { uniformPriors } from "./uniform_priors.ts";

/** By name. */
export const systemsMethods = {
  "cl-lora": clLora,
  badam,
  "ada-cm": adaCm,
  "uniform-priors": uniformPriors,
  forkmerge: forkMerge,
  "linked-adapters": linkedAdapters,
  mier,
  "lv-adapter": lvAdapter,
  "llava-cmoe": llavaCmoe,
  dmea,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
