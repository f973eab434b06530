/**
 * Finding the files of CIFAR-10 and CIFAR-100, of the binary or the Python version, unpacked or in the official archive.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { parseCifar10, parseCifar100 } from "./cifar.ts";
import { optionalNames, pickledNames, pickledRecords } from "./cifar_python.ts";
import type { Dataset } from "./dataset.ts";
import type { FileTree } from "./files/tree.ts";
import { linesOf } from "./images/lines.ts";
import { type NamedFiles, readNamed } from "./tree_files.ts";

/**
 * Loads CIFAR-100; classes are the fine labels.
 *
 * @throws {InputError} If files are missing or damaged
 */
export async function loadCifar100(tree: FileTree): Promise<Dataset> {
  const files = await readNamed(
    tree,
    /^(train\.bin|test\.bin|(fine|coarse)_label_names\.txt|train|test|meta)$/,
  );
  if (!files.has("train.bin") && files.has("train")) {
    const records = (name: string) =>
      pickledRecords(`${tree.source}: ${name}`, need(tree, files, name), ["coarse_labels", "fine_labels"]);
    const meta = files.get("meta");
    const names = meta && pickledNames(`${tree.source}: meta`, meta, "fine_label_names");
    const coarse = meta && optionalNames(`${tree.source}: meta`, meta, "coarse_label_names");
    return parseCifar100(records("train"), records("test"), names, coarse);
  }
  const names = namesIn(files, "fine_label_names.txt");
  const coarse = namesIn(files, "coarse_label_names.txt");
  return parseCifar100(need(tree, files, "train.bin"), need(tree, files, "test.bin"), names, coarse);
}

/**
 * Loads CIFAR-10; all of `data_batch_1.bin`, `data_batch_2.bin`, … are the training split.
 *
 * @throws {InputError} If files are missing or damaged
 */
export async function loadCifar10(tree: FileTree): Promise<Dataset> {
  const files = await readNamed(
    tree,
    /^(data_batch_\d+(\.bin)?|test_batch(\.bin)?|batches\.meta(\.txt)?)$/,
  );
  const isPickled = files.has("data_batch_1") && !files.has("data_batch_1.bin");
  const ending = isPickled ? "" : ".bin";
  const records = (name: string) => {
    const bytes = need(tree, files, `${name}${ending}`);
    return isPickled ? pickledRecords(`${tree.source}: ${name}`, bytes, ["labels"]) : bytes;
  };
  const batches =
    [...files.keys()].filter((name) => /^data_batch_\d+/.test(name) && name.endsWith(ending)).length;
  const train = Array.from({ length: Math.max(1, batches) }, (_, i) => records(`data_batch_${i + 1}`));
  const meta = files.get("batches.meta");
  const names = isPickled
    ? meta && pickledNames(`${tree.source}: batches.meta`, meta, "label_names")
    : namesIn(files, "batches.meta.txt");
  return parseCifar10(train, records("test_batch"), names);
}

function need(tree: FileTree, files: NamedFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes) return bytes;
  throw new InputError(
    `Cannot read ${tree.source}: found no ${name}, wanted CIFAR's binary or Python version`,
  );
}

function namesIn(files: NamedFiles, name: string): string[] | undefined {
  const bytes = files.get(name);
  return bytes && linesOf(new TextDecoder().decode(bytes));
}
