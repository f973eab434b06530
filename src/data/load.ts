/**
 * Data sets by their specification, such as `procedural:classes=100`, `cifar100:PATH` or `folder:PATH,size=32`.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";
import { type DatasetKindName, datasetKinds, type LoadDataOptions } from "./kinds.ts";

/**
 * Loads a data set by its specification `kind:rest`; `datasetKinds` says which there are. PATH is a folder, a zip,
 * tar or tar.gz archive, or a folder of archives.
 *
 * @throws {InputError} If the kind is unknown, a setting is wrong, or files are missing, unreadable or damaged
 */
export async function loadDataset(spec: string, options: LoadDataOptions = {}): Promise<Dataset> {
  const colon = spec.indexOf(":");
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const rest = colon < 0 ? "" : spec.slice(colon + 1);
  if (!isDatasetKind(kind)) {
    throw new InputError(
      `Cannot load data set ${JSON.stringify(spec)}: found kind ${JSON.stringify(kind)}, wanted one of ` +
        Object.keys(datasetKinds).join(", "),
    );
  }
  if (kind !== "procedural" && rest === "") {
    throw new InputError(`Cannot load data set ${JSON.stringify(spec)}: found no path, wanted ${kind}:PATH`);
  }
  return await datasetKinds[kind].load(rest, options);
}

/** Whether there is a kind of data set of that name. */
export function isDatasetKind(name: string): name is DatasetKindName {
  return Object.hasOwn(datasetKinds, name);
}
