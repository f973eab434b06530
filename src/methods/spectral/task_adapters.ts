/**
 * The shape of methods that keep every task's adapter and merge all of them anew: what differs is the merge.
 *
 * @module
 */
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod, type AdapterMethodState } from "../adapter_method.ts";
import type { Kit, Method } from "../method.ts";
import { type MergeStart, mergeStart } from "./start.ts";

/** The adapters of all tasks so far. */
export type TaskAdapters = { readonly adapters: readonly Adapter[] };

/** Such a method. */
export function mergeTaskAdapters(
  start: MergeStart,
  merge: (adapters: readonly Adapter[], kit: Kit) => Adapter,
): Omit<Method<AdapterMethodState<TaskAdapters>>, "name" | "options"> {
  return adapterMethod({
    trains: "task",
    init: (): TaskAdapters => ({ adapters: [] }),
    begin: ({ adapters }: TaskAdapters, task, kit) => ({
      start: mergeStart(kit, task.index, start, adapters.at(-1) ?? null),
    }),
    end: ({ adapters }: TaskAdapters, _task, { adapter }) => ({ adapters: [...adapters, adapter] }),
    deploy: ({ adapters }: TaskAdapters, kit) => adapters.length > 0 ? merge(adapters, kit) : undefined,
  });
}
