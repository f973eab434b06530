/**
 * Image folders: `train/<class>/*` and `test/<class>/*`, `<class>/train/*` and `<class>/test/*`, or `train/<class>/*`
 * alone or `<class>/*` split by a seed. Classes are numbered by the order of their names, as torchvision's
 * `ImageFolder` does. Names are compared in Unicode's composed form: macOS writes them decomposed.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { familiesOfNames } from "../families.ts";
import { findClassFolders } from "./class_folders.ts";
import { classNamesIn, findSplits, type FolderSplits, shareClasses } from "./folder_splits.ts";
import { areStray, childrenOf, folderTreeOf, type ImageFolder } from "./folder_tree.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";
import { roleOf } from "./split_names.ts";

/** Share of each class that goes to the training split where the folder has no splits of its own. */
const TRAIN_SHARE = 0.8;

/**
 * A generic image folder.
 *
 * @param depth 2 if classes are folders in the folders of their families
 */
export function folderLayout(seed: number, depth: FolderDepth = 1): ImageLayout {
  return {
    root: "tree",
    plan(index) {
      const plan = planFolder(index, seed, depth);
      const families = depth === 2 ? familiesOfNames(plan.classNames) : undefined;
      return { ...plan, ...(families && { families }) };
    },
  };
}

/** Folders above an image that make up the name of its class. */
export type FolderDepth = 1 | 2;

function planFolder(index: TreeIndex, seed: number, depth: FolderDepth): ImagePlan {
  const top = folderTreeOf(index.images);
  const found = findSplits(index.source, top);
  if (found?.kind === "splits") return planSplits(index, top, found.splits, seed, depth);
  if (found && depth === 2) {
    throw new InputError(
      `Cannot read ${index.source}: found train and test folders in ${
        found.root.path || "its folders"
      }, wanted ` +
        "<family>/<class>/* with depth=2",
    );
  }
  if (found) return planClassesOfSplits(found.root, index);
  const { root, notices } = findClassFolders(index.source, top);
  const named = roleOf(root.name);
  const alone = named?.isExact ? [`found ${root.path} alone; its images are split 80 to 20 by a seed`] : [];
  const images = index.images.filter((path) => isBelow(path, root));
  return {
    ...splitBySeed(images, new Labels([root], depth), seed),
    notices: [...notices, ...alone],
    regions: [root.path],
  };
}

/** Classes by the folder, or the two folders, that follow some folder in a path. */
export class Labels {
  readonly classNames: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #parts: readonly ImageFolder[];
  readonly #depth: FolderDepth;

  constructor(parts: readonly ImageFolder[], depth: FolderDepth = 1) {
    this.#parts = parts;
    this.#depth = depth;
    this.classNames = [
      ...new Set(parts.flatMap((part) => depth === 2 ? innerNames(part) : [...classNamesIn(part)])),
    ]
      .sort();
    this.#numbers = new Map(this.classNames.map((name, number) => [name, number]));
  }

  /** The images that lie in a class folder, with their labels, in the given order. */
  of(images: readonly string[]): LabelledPath[] {
    return images.flatMap((path) => {
      const part = this.#parts.find((part) => isBelow(path, part));
      if (!part) return [];
      const folders = path.slice(part.path.length).split("/").slice(0, -1);
      // An image beside the class folders of its family is of no class.
      if (folders.length < this.#depth) return [];
      const name = folders.slice(0, this.#depth).join("/").normalize("NFC");
      return [{ path, label: this.#numbers.get(name)! }];
    });
  }
}

/** Names of the folders in the folders of a folder, as `<outer>/<inner>`. */
function innerNames(part: ImageFolder): string[] {
  return childrenOf(part).flatMap((outer) =>
    childrenOf(outer).map((inner) => `${outer.name}/${inner.name}`.normalize("NFC"))
  );
}

/** Whether an image lies in a folder of a folder. */
function isBelow(path: string, folder: ImageFolder): boolean {
  return path.startsWith(folder.path) && path.indexOf("/", folder.path.length) >= 0;
}

function planSplits(
  index: TreeIndex,
  top: ImageFolder,
  splits: FolderSplits,
  seed: number,
  depth: FolderDepth,
): ImagePlan {
  const { root, train, test, validation, others } = splits;
  const outside = top.count - root.count;
  if (!areStray(outside, root.count)) {
    const stranger = index.images.find((path) => !path.startsWith(root.path));
    throw new InputError(
      `Cannot read ${index.source}: found ${outside} images outside of ${root.path} such as ${stranger}, ` +
        `wanted one data set; name the folder of it`,
    );
  }
  const notices: string[] = [];
  const isUsable = (part: ImageFolder | undefined) => part !== undefined && shareClasses(train, part);
  const held = [test, validation].find(isUsable);
  const unlabelled = [test, validation].filter((part) => part && !isUsable(part)).map((part) => part!);
  for (const part of unlabelled) {
    notices.push(`found no class of ${train.path} in ${part.path}; its ${part.count} images are left out`);
  }
  if (held === test && isUsable(validation)) {
    notices.push(
      `${validation!.path} of ${validation!.count} images is left out; ${test!.path} is the test split`,
    );
  }
  if (held && held === validation) notices.push(`${validation.path} is the test split`);
  if (!held) {
    notices.push(
      "found no test images in folders of their class; the training images are split 80 to 20 by a seed",
    );
  }
  const parts = held ? [train, held] : [train];
  const labels = new Labels(parts, depth);
  const used = [...parts, ...unlabelled, ...(validation ? [validation] : [])];
  const strays = index.images.filter((path) => {
    if (others.some((other) => path.startsWith(other.path))) return false;
    const part = used.find((part) => path.startsWith(part.path));
    return part ? parts.includes(part) && !isBelow(path, part) : true;
  });
  if (strays.length > 0) notices.push(strayNotice(strays));
  const beside = others.filter(({ count }) => count > 0).map(({ path }) => path);
  if (beside.length > 0) notices.push(`${beside.join(", ")} beside ${train.path}: no part of the data set`);
  notices.push(...formNotices(parts));
  const regions = parts.map(({ path }) => path);
  const imagesOf = (part: ImageFolder) => index.images.filter((path) => isBelow(path, part));
  if (!held) return { ...splitBySeed(imagesOf(train), labels, seed), notices, regions };
  return {
    classNames: labels.classNames,
    train: labels.of(imagesOf(train)),
    test: labels.of(imagesOf(held)),
    notices,
    regions,
  };
}

/** `<class>/train/*` and `<class>/test/*`. */
function planClassesOfSplits(root: ImageFolder, index: TreeIndex): ImagePlan {
  const labels = new Labels([root]);
  const roleIn = (path: string) => roleOf(path.slice(root.path.length).split("/")[1]!)?.role;
  const images = index.images.filter((path) =>
    path.slice(root.path.length).split("/").length === 3 && isBelow(path, root)
  );
  const roles = new Set(images.map(roleIn));
  const held = roles.has("test") ? "test" : "validation";
  const strays = index.images.filter((path) => !images.includes(path));
  const leftOut = images.filter((path) => !["train", held].includes(roleIn(path) ?? "")).length;
  return {
    classNames: labels.classNames,
    train: labels.of(images.filter((path) => roleIn(path) === "train")),
    test: labels.of(images.filter((path) => roleIn(path) === held)),
    notices: [
      "the classes are the outer folders, their train and test folders are the splits",
      ...leftOut > 0 ? [`${leftOut} validation images are left out`] : [],
      ...strays.length > 0 ? [strayNotice(strays)] : [],
      ...formNotices([root]),
    ],
    regions: [root.path],
  };
}

/** What is said of images that belong to no class. */
export function strayNotice(strays: readonly string[]): string {
  const what = strays.length === 1
    ? "1 image outside of class folders is"
    : `${strays.length} images outside of class folders are`;
  return `${what} left out: ${strays.slice(0, 3).join(", ")}${strays.length > 3 ? ", …" : ""}`;
}

/** Class folders whose names differ in Unicode's form only. */
function formNotices(parts: readonly ImageFolder[]): string[] {
  const forms = new Map<string, Set<string>>();
  for (const name of parts.flatMap(({ folders }) => [...folders.keys()])) {
    const composed = name.normalize("NFC");
    forms.set(composed, (forms.get(composed) ?? new Set()).add(name));
  }
  return [...forms].filter(([, names]) => names.size > 1).map(([name]) =>
    `found ${name} in two forms of Unicode; they are one class`
  );
}

/** Splits the images of class folders by a seed. */
export function splitBySeed(images: readonly string[], labels: Labels, seed: number): ImagePlan {
  return splitLabelled(labels.of(images), labels.classNames, seed);
}

/** Splits images by a seed, 80 to 20 in each class, at least one image on each side where there are two. */
export function splitLabelled(
  images: readonly LabelledPath[],
  classNames: readonly string[],
  seed: number,
): ImagePlan {
  const byClass = Map.groupBy(images, ({ label }) => label);
  const train: LabelledPath[] = [], test: LabelledPath[] = [];
  classNames.forEach((name, label) => {
    const all = byClass.get(label) ?? [];
    const count = Math.max(1, Math.min(Math.floor(all.length * TRAIN_SHARE), all.length - 1));
    const chosen = new Set(createRng(seed, `split of ${name}`).shuffle(all).slice(0, count));
    for (const image of all) (chosen.has(image) ? train : test).push(image);
  });
  return { classNames, train, test };
}
