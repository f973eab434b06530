/**
 * Sequential fine-tuning: the lower bound. One adapter goes from task to task.
 *
 * 1. Start from the adapter the last task left (a fresh one for the first task).
 * 2. Train it on the new task with nothing to protect what was learnt before.
 * 3. Deploy it.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../nn/adapter.ts";
import { adapterMethod, type AdapterParts } from "./adapter_method.ts";
import { defineMethod, type MethodDefinition } from "./definition.ts";
import { firstStart } from "./start.ts";

/** The adapter as it is; absent before the first task. */
export type SequentialState = { readonly adapter: Adapter | null };

/** One adapter that keeps training: the hooks that `naive` and `joint` share. */
export const sequential: Omit<AdapterParts<SequentialState>, "trains"> = {
  init: () => ({ adapter: null }),
  begin: ({ adapter }, _task, kit) => ({ start: adapter ?? firstStart(kit) }),
  end: (_state, _task, { adapter }) => ({ adapter }),
  deploy: ({ adapter }) => adapter ?? undefined,
};

/** Sequential LoRA. */
export const naive: MethodDefinition = defineMethod({
  name: "naive",
  summary: "One adapter keeps training, with no protection: the lower bound",
  source: "Standard baseline; 'finetune' in LAMDA-PILOT, 'sgd' in Mammoth",
  family: "sequential",
  keeps: "The adapter",
  options: z.strictObject({}),
  create: () => adapterMethod({ trains: "task", ...sequential }),
});
