/**
 * Finding pairs of IDX files under the names that MNIST and its relatives use.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";
import type { FileTree } from "./files/tree.ts";
import { type IdxConventions, type IdxPair, parseIdxDataset } from "./idx.ts";
import { linesOf } from "./images/lines.ts";
import { readNamed } from "./tree_files.ts";

/** Such as `t10k-images-idx3-ubyte.gz` or `train-labels.idx1-short`. */
const FILE = /^(train|t10k|test)-(images|labels)[.-]idx[13]-(ubyte|short)(\.gz)?$/;

/** The sets that EMNIST is published in. */
export const EMNIST_SETS = ["balanced", "byclass", "bymerge", "digits", "letters", "mnist"] as const;

/** Whether a tree with these file names holds IDX files. */
export function isIdxTree(names: readonly string[]): boolean {
  return names.some((name) => FILE.test(name));
}

/** Whether a tree with these file names holds EMNIST. */
export function isEmnistTree(names: readonly string[]): boolean {
  return names.some((name) => /^emnist-[a-z]+-train-images-/.test(name));
}

/**
 * Loads the IDX files of a tree. Class names come from `conventions`, else from `classes.txt` if there is one. A tree
 * with only one pair of files is split 80/20 per class, see `parseIdxDataset`.
 *
 * @param prefix What file names begin with, such as `emnist-letters-`
 * @throws {InputError} If files are missing, ambiguous or damaged
 */
export async function loadIdx(
  name: string,
  tree: FileTree,
  conventions: IdxConventions = {},
  prefix = "",
): Promise<Dataset> {
  const files = await readNamed(tree, new RegExp(`^${prefix}${FILE.source.slice(1)}|^classes\\.txt$`));
  const found = new Map<string, string>();
  for (const file of files.keys()) {
    const [, part, content] = FILE.exec(file.slice(prefix.length)) ?? [];
    if (!part) continue;
    const role = `${part === "t10k" ? "test" : part} ${content}`;
    const other = found.get(role);
    if (other) {
      throw new InputError(
        `Cannot read ${tree.source}: found both ${other} and ${file}, wanted one file of ${role}`,
      );
    }
    found.set(role, file);
  }
  const pair = (part: string): IdxPair | undefined => {
    const images = found.get(`${part} images`), labels = found.get(`${part} labels`);
    if (!images && !labels) return undefined;
    if (!images || !labels) {
      throw new InputError(
        `Cannot read ${tree.source}: found ${images ?? labels} alone, wanted images and labels`,
      );
    }
    return { images: files.get(images)!, labels: files.get(labels)! };
  };
  const train = pair("train"), test = pair("test");
  const first = train ?? test;
  if (!first) {
    throw new InputError(
      `Cannot read ${tree.source}: found no IDX files, wanted names such as ${prefix}train-images-idx3-ubyte.gz`,
    );
  }
  const listed = files.get("classes.txt");
  return await parseIdxDataset(name, train && test ? { train, test } : { train: first }, {
    ...(listed && { classNames: linesOf(new TextDecoder().decode(listed)) }),
    ...conventions,
  });
}

/**
 * Loads one set of EMNIST (Cohen et al., arXiv 1702.05373), whose images are stored column by column and whose
 * `…-mapping.txt` gives label and character codes of each class.
 *
 * @throws {InputError} If files are missing or damaged
 */
export async function loadEmnist(tree: FileTree, set: typeof EMNIST_SETS[number]): Promise<Dataset> {
  const file = `emnist-${set}-mapping.txt`;
  const text = (await readNamed(tree, new RegExp(`^${file}$`))).get(file);
  const mapping = text &&
    linesOf(new TextDecoder().decode(text)).map((line) => line.split(/\s+/).map(Number));
  return await loadIdx(`emnist-${set}`, tree, {
    transposed: true,
    ...(mapping && {
      labels: mapping.map(([label]) => label!),
      classNames: mapping.map(([, code]) => String.fromCharCode(code!)),
    }),
  }, `emnist-${set}-`);
}
