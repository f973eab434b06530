/**
 * Finding pairs of IDX files under the names that MNIST and its relatives use.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";
import type { FileTree } from "./files/tree.ts";
import { type IdxConventions, type IdxPair, parseIdxDataset, unpackIdx } from "./idx.ts";
import { refuseStandIn } from "./images/content.ts";
import { linesOf } from "./images/lines.ts";
import { fileName, readNamed } from "./tree_files.ts";

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
 * Loads the IDX files of a tree. Files that lie there packed and unpacked, as torchvision leaves them, or in two folders
 * are one file if their content is the same. Class names come from `conventions`, else from `classes.txt` if there is one. A tree
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
  const files = new Map<string, RoleFile>();
  let listed: Uint8Array | undefined;
  for await (const file of tree.walk()) {
    const base = fileName(file.path);
    if (base === "classes.txt") listed = await file.bytes();
    const [, part, content] = (base.startsWith(prefix) && FILE.exec(base.slice(prefix.length))) || [];
    if (!part) continue;
    const role = `${part === "t10k" ? "test" : part} ${content}`;
    const source = `${tree.source}: ${file.path}`, packed = await file.bytes();
    refuseStandIn(source, packed);
    const bytes = await unpackIdx(source, packed);
    const other = files.get(role);
    if (other && !areEqual(other.bytes, bytes)) {
      throw new InputError(
        `Cannot read ${tree.source}: found both ${other.path} and ${file.path} of different content, ` +
          `wanted one file of ${role}`,
      );
    }
    if (!other) files.set(role, { path: file.path, bytes });
  }
  const pair = (part: string): IdxPair | undefined => {
    const images = files.get(`${part} images`), labels = files.get(`${part} labels`);
    if (!images && !labels) return undefined;
    if (!images || !labels) {
      throw new InputError(
        `Cannot read ${tree.source}: found ${(images ?? labels)!.path} alone, wanted images and labels`,
      );
    }
    return { images: images.bytes, labels: labels.bytes };
  };
  const train = pair("train"), test = pair("test");
  const first = train ?? test;
  if (!first) {
    throw new InputError(
      `Cannot read ${tree.source}: found no IDX files, wanted names such as ${prefix}train-images-idx3-ubyte.gz`,
    );
  }
  return await parseIdxDataset(name, train && test ? { train, test } : { train: first }, {
    ...(listed && { classNames: linesOf(new TextDecoder().decode(listed)) }),
    ...conventions,
  });
}

/** A file and where it was found. */
interface RoleFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const DIGITS = "0123456789", UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", LOWER = UPPER.toLowerCase();
/** Small letters that look unlike their capitals; the others are merged with them. */
const UNMERGED = "abdefghnqrt";
/** The characters of each set, and the label of the first, as the mapping files have them. */
const EMNIST_CLASSES: Readonly<
  Record<typeof EMNIST_SETS[number], { readonly characters: string; readonly first: number }>
> = {
  balanced: { characters: DIGITS + UPPER + UNMERGED, first: 0 },
  byclass: { characters: DIGITS + UPPER + LOWER, first: 0 },
  bymerge: { characters: DIGITS + UPPER + UNMERGED, first: 0 },
  digits: { characters: DIGITS, first: 0 },
  letters: { characters: UPPER, first: 1 },
  mnist: { characters: DIGITS, first: 0 },
};

/**
 * Loads one set of EMNIST (Cohen et al., arXiv 1702.05373), whose images are stored column by column and whose
 * `…-mapping.txt` gives label and character codes of each class. torchvision deletes that file; the classes are known
 * without it.
 *
 * @throws {InputError} If files are missing or damaged
 */
export async function loadEmnist(tree: FileTree, set: typeof EMNIST_SETS[number]): Promise<Dataset> {
  const file = `emnist-${set}-mapping.txt`;
  const text = (await readNamed(tree, new RegExp(`^${file}$`))).get(file);
  const { characters, first } = EMNIST_CLASSES[set];
  const mapping = text
    ? linesOf(new TextDecoder().decode(text)).map((line) => line.split(/\s+/).map(Number))
    : Array.from(characters, (character, i) => [first + i, character.charCodeAt(0)]);
  await refuseOtherSets(tree, set);
  return await loadIdx(`emnist-${set}`, tree, {
    transposed: true,
    labels: mapping.map(([label]) => label!),
    classNames: mapping.map(([, code]) => String.fromCharCode(code!)),
  }, `emnist-${set}-`);
}

/** Says which sets there are where the one wanted is not. */
async function refuseOtherSets(tree: FileTree, set: string): Promise<void> {
  const sets = new Set<string>();
  for await (const { path } of tree.walk()) {
    const [, found] = /^emnist-([a-z]+)-train-images-/.exec(fileName(path)) ?? [];
    if (found) sets.add(found);
  }
  if (sets.size === 0 || sets.has(set)) return;
  throw new InputError(
    `Cannot read ${tree.source}: found EMNIST's ${[...sets].sort().join(", ")}, not ${set}; choose with set=`,
  );
}
