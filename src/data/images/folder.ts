/**
 * Image folders: `train/<class>/*` and `test/<class>/*`, or `train/<class>/*` alone or `<class>/*` split by a seed.
 * Classes are numbered by the order of their names, as torchvision's `ImageFolder` does.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";

/** Share of each class that goes to the training split where the folder has no splits of its own. */
const TRAIN_SHARE = 0.8;
/** Names of the folders of splits, in any case; the first that is there counts. */
const TRAIN_FOLDERS = ["train", "training"];
const TEST_FOLDERS = ["test", "testing", "val", "valid", "validation"];

/** A generic image folder. */
export function folderLayout(seed: number): ImageLayout {
  return { root: "images", plan: (index) => planFolder(index, seed) };
}

function planFolder(index: TreeIndex, seed: number): ImagePlan {
  const train = imagesOf(TRAIN_FOLDERS, index);
  const test = imagesOf(TEST_FOLDERS, index);
  if (train.length === 0) return splitBySeed(index.images, classesOf(index, index.images), seed);
  if (test.length === 0) {
    const notice =
      "found no test images in folders of their class; the training images are split 80 to 20 by a seed";
    return { ...splitBySeed(train, classesOf(index, train, 1), seed, 1), notice };
  }
  const classNames = classesOf(index, [...train, ...test], 1);
  const label = labeller(classNames, 1);
  return { classNames, train: train.map(label), test: test.map(label) };
}

/** The images of the first split of some names. A folder without class folders is none: its images have no labels. */
function imagesOf(names: readonly string[], { images }: TreeIndex): readonly string[] {
  const splits = Map.groupBy(images, (path) => path.slice(0, path.indexOf("/")).toLowerCase());
  const isSplit = (paths: readonly string[] = []) => paths.some((path) => path.split("/").length > 2);
  const found = names.find((name) => isSplit(splits.get(name)));
  return found === undefined ? [] : splits.get(found)!;
}

/**
 * Splits images by a seed, 80 to 20 in each class, at least one image on each side where there are two.
 *
 * @param classNames All classes, at their numbers
 * @param depth Where in the paths the class stands
 */
export function splitBySeed(
  images: readonly string[],
  classNames: readonly string[],
  seed: number,
  depth = 0,
): ImagePlan {
  const byClass = Map.groupBy(images.map(labeller(classNames, depth)), ({ label }) => label);
  const train: LabelledPath[] = [], test: LabelledPath[] = [];
  classNames.forEach((name, label) => {
    const all = byClass.get(label) ?? [];
    const count = Math.max(1, Math.min(Math.floor(all.length * TRAIN_SHARE), all.length - 1));
    const chosen = new Set(createRng(seed, `split of ${name}`).shuffle(all).slice(0, count));
    for (const image of all) (chosen.has(image) ? train : test).push(image);
  });
  return { classNames, train, test };
}

/**
 * Names of the folders at `depth`, sorted.
 *
 * @throws {InputError} If an image lies in none
 */
export function classesOf(index: TreeIndex, paths: readonly string[], depth = 0): string[] {
  const names = new Set<string>();
  for (const path of paths) {
    const parts = path.split("/");
    if (parts.length < depth + 2) {
      throw new InputError(
        `Cannot read ${index.source}: found ${path}, wanted images in a folder of their class`,
      );
    }
    names.add(parts[depth]!);
  }
  if (names.size === 0) throw new InputError(`Cannot read ${index.source}: found no JPEG or PNG images`);
  return [...names].sort();
}

function labeller(classNames: readonly string[], depth: number): (path: string) => LabelledPath {
  const labels = new Map(classNames.map((name, label) => [name, label]));
  return (path) => ({ path, label: labels.get(path.split("/")[depth]!)! });
}
