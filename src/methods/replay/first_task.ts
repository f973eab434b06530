/**
 * The adapter of the first task, in methods that train no other and have a feature of their own.
 *
 * @module
 */
import { ncm } from "../../classifiers/linear.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { adapterFit } from "../adapter_method.ts";
import type { Kit, TaskView } from "../method.ts";
import { firstStart } from "../start.ts";

/** Trains it as `naive` would, with linear rows that are thrown away. */
export async function adaptOnce(task: TaskView, kit: Kit): Promise<Adapter> {
  const start = firstStart(kit);
  const { values } = await kit.fit(adapterFit({ start }, kit.freshClassifier(ncm), ncm, task, kit));
  const adapter = adapterFromTensors(values, start.scale);
  kit.trained(adapter);
  return adapter;
}
