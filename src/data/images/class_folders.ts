/**
 * Finding the class folders of a set without an official split: neither an image nor a small folder beside them may
 * move the place where they are looked for.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { classNamesIn } from "./folder_splits.ts";
import { isContainerName } from "./split_names.ts";
import { areStray, childrenOf, holdsFolders, type ImageFolder } from "./folder_tree.ts";

/** The folder whose folders are the classes, and what was decided on the way. */
export interface ClassFolders {
  readonly root: ImageFolder;
  readonly notices: readonly string[];
}

/**
 * Finds the class folders, going down while there is but one way.
 *
 * @param source The tree, for messages
 * @throws {InputError} If images lie in no class folder, or folders look like parts of unknown names
 */
export function findClassFolders(source: string, top: ImageFolder): ClassFolders {
  if (top.count === 0) throw new InputError(`Cannot read ${source}: found no images`);
  const notices: string[] = [];
  const leave = (what: readonly string[]) => {
    if (what.length > 0) notices.push(`left out, as it lies beside the class folders: ${what.join(", ")}`);
  };
  let root = top;
  for (;;) {
    if (!holdsFolders(root)) {
      const path = root.images[0] ?? root.path;
      throw new InputError(`Cannot read ${source}: found ${path}, wanted images in a folder of their class`);
    }
    const next = wayDown(root);
    if (!next) break;
    leave([...root.images, ...childrenOf(root).filter((other) => other !== next).map(({ path }) => path)]);
    root = next;
  }
  leave(root.images);
  const [only, second] = childrenOf(root);
  if (only && !second && isContainerName(only.name)) {
    throw new InputError(
      `Cannot read ${source}: found ${only.path} with no folders of classes in it, wanted <class>/*; ` +
        "labels in a table or text file are read by list:PATH",
    );
  }
  refuseUnknownParts(source, root);
  const nested = childrenOf(root).filter((folder) => folder.images.length === 0 && folder.folders.size > 1);
  if (nested.length > 0) {
    notices.push(`the folders of ${nested[0]!.path} are taken together: the class is the outer folder`);
  }
  return { root, notices };
}

/** The one folder that holds the class folders, if it is not the root itself. */
function wayDown(root: ImageFolder): ImageFolder | undefined {
  const children = childrenOf(root);
  const [only, second] = children;
  if (only && !second) {
    const isWrapper = only.images.length === 0 ? only.folders.size > 0 : only.folders.size > 1;
    return isWrapper && holdsFolders(only) ? only : undefined;
  }
  const groups = children.filter((folder) => holdsFolders(folder) && folder.folders.size > 1);
  const [group, otherGroup] = groups;
  if (!group || otherGroup) return undefined;
  const smallest = Math.min(...childrenOf(group).map(({ count }) => count));
  const others = children.filter((folder) => folder !== group);
  const isBeside = others.every(({ count }) => count < smallest) &&
    areStray(others.reduce((sum, { count }) => sum + count, 0), group.count);
  return isBeside ? group : undefined;
}

/**
 * Folders that repeat the same class folders are parts (`fold1`, `fold2`, `photo`, `sketch`), not classes, unless they
 * are many and what they repeat is little (`<class>/front`, `<class>/side`).
 */
function refuseUnknownParts(source: string, root: ImageFolder): void {
  const parts = childrenOf(root);
  const [first, second] = parts;
  if (!first || !second || !parts.every((part) => part.images.length === 0 && part.folders.size > 1)) return;
  const names = classNamesIn(first);
  const overlap = (part: ImageFolder) => {
    const own = classNamesIn(part);
    return own.intersection(names).size / own.union(names).size;
  };
  if (parts.length > names.size || !parts.every((part) => overlap(part) >= 0.5)) return;
  throw new InputError(
    `Cannot read ${source}: found ${first.path} and ${second.path}, which hold the same folders (${
      [...names].slice(0, 3).join(", ")
    }, …), wanted train and test folders, or class folders alone; name the folder of one`,
  );
}
