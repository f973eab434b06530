/**
 * Methods that merge adapters by singular values, Gram matrices or Fisher information.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { cofima, coma } from "./coma.ts";
import { coreSpace } from "./core_space.ts";
import { fisherAverage } from "./fisher_average.ts";
import { isoC } from "./iso_c.ts";
import { knotsTies } from "./knots_ties.ts";
import { lorm } from "./lorm.ts";
import { opcm } from "./opcm.ts";
import { pAndM } from "./p_and_m.ts";
import { regmean } from "./regmean.ts";
import { slao } from "./slao.ts";
import { tsv } from "./tsv.ts";

/** By name. */
export const spectralMethods = {
  opcm,
  "knots-ties": knotsTies,
  tsv,
  "iso-c": isoC,
  regmean,
  lorm,
  "fisher-average": fisherAverage,
  cofima,
  coma,
  "p-and-m": pAndM,
  slao,
  "core-space": coreSpace,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
