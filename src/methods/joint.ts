/**
 * Joint training: the upper bound, not a continual method.
 *
 * 1. Wait until all tasks have arrived.
 * 2. Train one fresh adapter on the union of their data, cross-entropy over all classes.
 *
 * @module
 */
import { z } from "zod";
import { adapterMethod } from "./adapter_method.ts";
import { defineMethod, type MethodDefinition } from "./definition.ts";
import { sequential } from "./naive.ts";

/** One adapter trained once on everything. */
export const joint: MethodDefinition = defineMethod({
  name: "joint",
  summary: "One adapter trained once on the data of all tasks: the upper bound",
  source: "Standard bound; 'joint' in Mammoth",
  family: "bound",
  anchor: "bound",
  keeps: "Nothing: it trains once, on all data",
  options: z.strictObject({}),
  create: () => adapterMethod({ trains: "joint", ...sequential }),
});
