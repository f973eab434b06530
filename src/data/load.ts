/**
 * Data sets by their specification, such as `procedural:classes=100`, `cifar100:PATH`, `folder:PATH,size=32` or
 * `cifar100:PATH+omniglot:PATH`.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";
import { type DatasetKindName, datasetKinds, type LoadDataOptions } from "./kinds.ts";
import { mixDatasets } from "./mix.ts";

/** Between the parts of a mixed specification: a plus sign before a kind or a size, so that paths may have one, too. */
const SEPARATOR = new RegExp(`\\+(?=(?:${Object.keys(datasetKinds).join("|")})(?:[:+]|$)|size=[^+]*$)`);

/** The data sets of a specification `a+b`, and the size that images of all are brought to, as in `a+b+size=32`. */
export function mixedParts(spec: string): { readonly specs: readonly string[]; readonly size?: string } {
  const parts = spec.split(SEPARATOR);
  const last = parts.at(-1)!;
  return parts.length > 1 && last.startsWith("size=")
    ? { specs: parts.slice(0, -1), size: last.slice("size=".length) }
    : { specs: parts };
}

/**
 * Loads a data set by its specification `kind:rest`; `datasetKinds` says which there are. PATH is a folder, a zip,
 * tar or tar.gz archive, or a folder of archives. Several with plus signs between are mixed, see `mixDatasets`.
 *
 * @throws {InputError} If the kind is unknown, a setting is wrong, or files are missing, unreadable or damaged
 */
export async function loadDataset(spec: string, options: LoadDataOptions = {}): Promise<Dataset> {
  const { specs, size } = mixedParts(spec);
  if (specs.length < 2) return await loadOne(spec, options);
  if (size !== undefined && !/^[1-9]\d{0,3}$/.test(size)) {
    throw new InputError(`Cannot mix data sets: found size=${size}, wanted an integer from 1 to 9999`);
  }
  const parts: Dataset[] = [];
  for (const part of specs) parts.push(await loadOne(part, options));
  return mixDatasets(parts, size === undefined ? undefined : Number(size));
}

async function loadOne(spec: string, options: LoadDataOptions): Promise<Dataset> {
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
