/**
 * What HAM and its ablation without groups have in common: an importance scalar trained with the task's adapter,
 * and pruning by magnitude.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../../nn/adapter.ts";
import type { Kit } from "../method.ts";

/** How an adapter is pruned. */
export interface PruneChoice {
  readonly keep: number;
  readonly pruneSpace: "factors" | "delta" | "none";
  readonly balance: boolean;
}

/** The options of importance and pruning. */
export const prunedTaskOptions: {
  importance: z.ZodDefault<z.ZodEnum<{ trained: "trained"; fixed: "fixed" }>>;
  keep: z.ZodDefault<z.ZodNumber>;
  pruneSpace: z.ZodDefault<z.ZodEnum<{ factors: "factors"; delta: "delta"; none: "none" }>>;
  balance: z.ZodDefault<z.ZodBoolean>;
} = {
  importance: z.enum(["trained", "fixed"]).default("trained")
    .describe("Whether the importance scalar of a task's adapter is trained with it or stays 1"),
  keep: z.number().gt(0).max(1).default(0.5)
    .describe("Fraction of the entries that pruning keeps, by magnitude, in each matrix"),
  pruneSpace: z.enum(["factors", "delta", "none"]).default("factors")
    .describe("What is pruned: A and B each, their product (then factorised again), or nothing"),
  balance: z.boolean().default(true)
    .describe(
      "Whether each component's column of B and row of A are given equal norms before factors are pruned",
    ),
};

/** Prunes an adapter as the options say. */
export async function pruneAdapter(
  adapter: Adapter,
  { keep, pruneSpace, balance }: PruneChoice,
  kit: Kit,
): Promise<Adapter> {
  return pruneSpace === "none"
    ? adapter
    : await kit.merger.prune(adapter, keep, { space: pruneSpace, balance });
}
