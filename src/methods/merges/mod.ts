/**
 * Methods that merge adapters entry by entry, in constant memory or from all of them.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { average } from "./average.ts";
import { breadcrumbs } from "./breadcrumbs.ts";
import { dare } from "./dare.ts";
import { dareTies } from "./dare_ties.ts";
import { della } from "./della.ts";
import { ema } from "./ema.ts";
import { emr } from "./emr.ts";
import { lines } from "./lines.ts";
import { magmax } from "./magmax.ts";
import { modelStock } from "./model_stock.ts";
import { ties } from "./ties.ts";

/** By name. */
export const mergesMethods = {
  average,
  ema,
  ties,
  magmax,
  dare,
  "dare-ties": dareTies,
  breadcrumbs,
  "model-stock": modelStock,
  della,
  lines,
  emr,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
