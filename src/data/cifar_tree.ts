/**
 * Finding the files of CIFAR-10 and CIFAR-100, unpacked or in the official archive.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { parseCifar10, parseCifar100 } from "./cifar.ts";
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
  const files = await readNamed(tree, /^(train\.bin|test\.bin|fine_label_names\.txt)$/);
  const names = namesIn(files, "fine_label_names.txt");
  return parseCifar100(need(tree, files, "train.bin"), need(tree, files, "test.bin"), names);
}

/**
 * Loads CIFAR-10; all of `data_batch_1.bin`, `data_batch_2.bin`, … are the training split.
 *
 * @throws {InputError} If files are missing or damaged
 */
export async function loadCifar10(tree: FileTree): Promise<Dataset> {
  const files = await readNamed(tree, /^(data_batch_\d+\.bin|test_batch\.bin|batches\.meta\.txt)$/);
  const batches = [...files.keys()].filter((name) => name.startsWith("data_batch_")).length;
  const train = Array.from(
    { length: Math.max(1, batches) },
    (_, i) => need(tree, files, `data_batch_${i + 1}.bin`),
  );
  return parseCifar10(train, need(tree, files, "test_batch.bin"), namesIn(files, "batches.meta.txt"));
}

function need(tree: FileTree, files: NamedFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes) return bytes;
  throw new InputError(`Cannot read ${tree.source}: found no ${name}, wanted CIFAR's binary version`);
}

function namesIn(files: NamedFiles, name: string): string[] | undefined {
  const bytes = files.get(name);
  return bytes && linesOf(new TextDecoder().decode(bytes));
}
