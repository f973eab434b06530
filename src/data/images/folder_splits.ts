/**
 * Finding the official split in a tree of image folders: a folder with `train/<class>` and its partners anywhere
 * below the top, or class folders with `train` and `test` in each. Names propose, contents decide; where both readings
 * stand, the tree is refused rather than read wrongly.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { areStray, childrenOf, holdsFolders, type ImageFolder } from "./folder_tree.ts";
import { isContainerName, rankOf, roleOf, type SplitRole } from "./split_names.ts";

/** `train/<class>/*` with what lies beside it. */
export interface FolderSplits {
  /** The folder of the split folders. */
  readonly root: ImageFolder;
  /** The folder of the class folders of each part. */
  readonly train: ImageFolder;
  readonly test?: ImageFolder;
  readonly validation?: ImageFolder;
  /** Folders beside them that are no part. */
  readonly others: readonly ImageFolder[];
}

/** What was found: splits of class folders, or class folders of splits. */
export type FoundSplits =
  | { readonly kind: "splits"; readonly splits: FolderSplits }
  | { readonly kind: "classes"; readonly root: ImageFolder };

/**
 * Finds the official split, nearest to the top.
 *
 * @param source The tree, for messages
 * @throws {InputError} If folders are named like a split but hold no class folders, or there is more than one split
 */
export function findSplits(source: string, top: ImageFolder): FoundSplits | undefined {
  for (let level = [top]; level.length > 0; level = level.flatMap(childrenOf)) {
    const perClass = level.find(holdsClassesOfSplits);
    if (perClass) return { kind: "classes", root: perClass };
    const [splits, other] = level.flatMap((folder) => splitsIn(source, folder) ?? []);
    if (splits && other) {
      throw new InputError(
        `Cannot read ${source}: found ${splits.train.path} and ${other.train.path}, wanted one data set; ` +
          "name the folder of one",
      );
    }
    if (splits) return { kind: "splits", splits };
    for (const folder of level) refuseFlatSplits(source, folder);
  }
  return undefined;
}

/** Class names below a part, in Unicode's composed form. */
export function classNamesIn(part: ImageFolder): Set<string> {
  return new Set(childrenOf(part).map(({ name }) => name.normalize("NFC")));
}

/** Whether two parts have a class in common. */
export function shareClasses(a: ImageFolder, b: ImageFolder): boolean {
  const names = classNamesIn(b);
  return [...classNamesIn(a)].some((name) => names.has(name));
}

/** `<class>/train/*` and `<class>/test/*` in every folder. */
function holdsClassesOfSplits(root: ImageFolder): boolean {
  const classes = childrenOf(root);
  const isSplit = (folder: ImageFolder) => {
    const parts = childrenOf(folder);
    return parts.length > 0 && areStray(folder.images.length, folder.count - folder.images.length) &&
      parts.every(({ name, folders }) => roleOf(name)?.isExact === true && folders.size === 0);
  };
  const roles = (folder: ImageFolder) => new Set(childrenOf(folder).map(({ name }) => roleOf(name)?.role));
  return holdsFolders(root) && classes.every(isSplit) &&
    classes.some((folder) => roles(folder).has("train") && roles(folder).size > 1);
}

/** The folder of class folders in a part: that itself, or what it wraps, such as `seg_train/seg_train`. */
function unwrap(part: ImageFolder, role: SplitRole): ImageFolder {
  const [only, second] = childrenOf(part);
  const isWrapped = only && !second && part.images.length === 0 && only.folders.size > 0 &&
    (roleOf(only.name)?.role === role || isContainerName(only.name));
  return isWrapped ? unwrap(only, role) : part;
}

/** Whether a part has images in folders that can be classes. */
function isLabelled(part: ImageFolder): boolean {
  const [only, second] = childrenOf(part);
  return holdsFolders(part) && !(only && !second && isContainerName(only.name) && only.folders.size === 0);
}

function splitsIn(source: string, root: ImageFolder): FolderSplits | undefined {
  const children = childrenOf(root);
  const candidates = (role: SplitRole, exact: boolean) =>
    children.filter(({ name }) => {
      const named = roleOf(name);
      return named?.role === role && named.isExact === exact;
    }).sort((a, b) => rankOf(a.name) - rankOf(b.name));
  const choose = (role: SplitRole): ImageFolder | undefined => {
    const parts = [...candidates(role, true), ...candidates(role, false)].map((part) => unwrap(part, role));
    return parts.find(isLabelled) ?? parts[0];
  };
  const [train, test, validation] = [choose("train"), choose("test"), choose("validation")];
  if (!train || !isLabelled(train)) return undefined;
  const isExact = candidates("train", true).some(({ path }) => train.path.startsWith(path));
  const partners = [test, validation].filter((part) => part !== undefined);
  const agrees = partners.some((part) => isLabelled(part) && shareClasses(train, part));
  const used = [train, ...partners].map(({ path }) => path);
  const others = children.filter(({ path }) => !used.some((part) => part.startsWith(path)));
  if (!agrees && (!isExact || looksLikeClass(train, others))) return undefined;
  if (!agrees && partners.length === 0) refuseHeavy(source, train, others);
  return {
    root,
    train,
    ...(test && { test }),
    ...(validation && { validation }),
    others,
  };
}

/** Whether `train` is one of several classes that keep their images in the same folder below. */
function looksLikeClass(train: ImageFolder, others: readonly ImageFolder[]): boolean {
  return others.some((other) => holdsFolders(other) && shareClasses(train, other));
}

/** Beside a lone `train` of class folders, larger folders of images may be classes as well. */
function refuseHeavy(source: string, train: ImageFolder, others: readonly ImageFolder[]): void {
  const heavy = others.filter(({ folders }) => folders.size === 0);
  const count = heavy.reduce((sum, other) => sum + other.count, 0);
  if (heavy.length < 2 || areStray(count, train.count)) return;
  throw new InputError(
    `Cannot read ${source}: found ${train.path} with class folders beside ${heavy[0]!.path} with images, ` +
      "wanted train and test folders, or class folders alone",
  );
}

/** Folders that are named like a split and hold images without class folders are not classes. */
function refuseFlatSplits(source: string, root: ImageFolder): void {
  const named = childrenOf(root).map((folder) => ({ folder, named: roleOf(folder.name) }));
  const roles = new Set(named.flatMap(({ named }) => named ? [named.role] : []));
  const unnamed = named.filter(({ named }) => !named).map(({ folder }) => folder.count);
  const rest = unnamed.reduce((sum, count) => sum + count, 0);
  const isAllExact = named.length > 0 && named.every(({ named }) => named?.isExact);
  if (!isAllExact && (roles.size < 2 || !areStray(rest, root.count - rest))) return;
  const [first] = named.filter(({ named }) => named).map(({ folder }) => folder)
    .sort((a, b) => Number(roleOf(b.name)!.role === "train") - Number(roleOf(a.name)!.role === "train"));
  if (roles.size === 1 && isLabelled(unwrap(first!, roleOf(first!.name)!.role))) return;
  const path = first!.path;
  const found = roles.has("train") || roles.size === 1
    ? `${path} with no folders of classes in it`
    : `${named.map(({ folder }) => folder.path).join(" and ")}, and no training images`;
  throw new InputError(
    `Cannot read ${source}: found ${found}, wanted train/<class>/* and test/<class>/*; ` +
      "labels in a table or text file are read by list:PATH",
  );
}
