/**
 * Image folders: `train/<class>/*` and `test/<class>/*`, or `<class>/*` split by a seed. Classes are numbered by the
 * order of their names, as torchvision's `ImageFolder` does.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";

/** Share of each class that goes to the training split where the folder has no splits of its own. */
const TRAIN_SHARE = 0.8;
/** Names of the folder of test images, the first that is there. */
const TEST_FOLDERS = ["test", "val", "valid", "validation"];

/** A generic image folder. */
export function folderLayout(seed: number): ImageLayout {
  return { root: "images", plan: (index) => planFolder(index, seed) };
}

function planFolder(index: TreeIndex, seed: number): ImagePlan {
  const tops = new Set(index.images.map((path) => path.slice(0, path.indexOf("/"))));
  const test = TEST_FOLDERS.find((name) => tops.has(name));
  if (!tops.has("train") || test === undefined) {
    return splitBySeed(index, classesOf(index, index.images), seed);
  }
  const inside = (folder: string) => index.images.filter((path) => path.startsWith(`${folder}/`));
  const classNames = classesOf(index, [...inside("train"), ...inside(test)], 1);
  const label = labeller(classNames, 1);
  return { classNames, train: inside("train").map(label), test: inside(test).map(label) };
}

/**
 * Splits `<class>/*` by a seed, 80 to 20 in each class, at least one image on each side where there are two.
 *
 * @param classNames All classes, at their numbers
 */
export function splitBySeed(index: TreeIndex, classNames: readonly string[], seed: number): ImagePlan {
  const byClass = Map.groupBy(index.images.map(labeller(classNames, 0)), ({ label }) => label);
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
