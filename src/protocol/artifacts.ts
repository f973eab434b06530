/**
 * Adapters kept beside a record, for use outside the benchmark. They are written before the line that says their
 * task is done, so a record never speaks of a file that is not there; the record's hash does not know of them.
 *
 * @module
 */
import {
  encodeAdapterFile,
  type KeptAdapter,
  type KeptClassifier,
} from "../formats/adapters/adapter_file.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { AnyRecord } from "./records/parse.ts";
import type { ArtifactStore, CellStore } from "./store.ts";

/** The file of what is deployed in the end: adapter and classifier. */
export const DEPLOYED = "deployed.safetensors";

/** The file of a task's trained adapter. */
export function trainedName(task: number): string {
  return `task-${String(task).padStart(3, "0")}.safetensors`;
}

/** The file that stands where there is no adapter to keep: prompts, several models at once. */
export function absenceOf(file: string): string {
  return file.replace(/\.safetensors$/, ".none");
}

/** Keeps the adapters of one cell. */
export interface AdapterKeeper {
  /** What a task's training gave, in the order of training. */
  trained(task: number, adapters: readonly Adapter[]): Promise<void>;
  /** What the method deploys after the last task, with the classifier over all classes if files can hold it. */
  deployed(adapter: Adapter | undefined, classifier: KeptClassifier | undefined): Promise<void>;
  /** Says that what is deployed is no single model. */
  nothingDeployed(): Promise<void>;
}

/**
 * A keeper that writes into a store.
 *
 * @throws {TypeError} If the store has no place for adapters
 */
export function createKeeper(
  store: CellStore,
  origin: Pick<KeptAdapter, "backbone" | "cell">,
): AdapterKeeper {
  const artifacts = artifactsOf(store);
  return {
    async trained(task, adapters) {
      const name = trainedName(task);
      if (adapters.length === 0) await artifacts.write(absenceOf(name), new Uint8Array());
      // The first one last: where it is, the others are.
      for (const [i, adapter] of [...adapters.entries()].reverse()) {
        const file = i === 0 ? name : name.replace(".safetensors", `-${i}.safetensors`);
        await artifacts.write(file, encodeAdapterFile({ ...origin, task, adapter }));
      }
    },
    nothingDeployed: () => artifacts.write(absenceOf(DEPLOYED), new Uint8Array()),
    deployed: (adapter, classifier) =>
      artifacts.write(
        DEPLOYED,
        encodeAdapterFile({ ...origin, ...(adapter && { adapter }), ...(classifier && { classifier }) }),
      ),
  };
}

function artifactsOf({ artifacts }: CellStore): ArtifactStore {
  if (!artifacts) throw new TypeError("Cannot keep adapters: the store has no place for them");
  return artifacts;
}

/**
 * The files that a keeper leaves for a record, or whose absence it notes: of every task that trained, and of what a
 * finished one deploys.
 */
export function keptNames({ tasks, end }: AnyRecord): string[] {
  const trained = tasks.flatMap(({ training, index }) => training ? [trainedName(index)] : []);
  return end?.status === "done" ? [...trained, DEPLOYED] : trained;
}

/** Whether everything that a record's tasks trained has been kept. */
export async function hasAdapters(store: CellStore, record: AnyRecord): Promise<boolean> {
  const artifacts = artifactsOf(store);
  for (const name of keptNames(record)) {
    if (!await artifacts.has(name) && !await artifacts.has(absenceOf(name))) return false;
  }
  return true;
}
