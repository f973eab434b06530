/**
 * Omniglot as B. Lake publishes it: `images_background` and `images_evaluation`, below them
 * `<alphabet>/<character>/<number>_<drawer>.png`. Both parts make one set of 1,623 classes; the drawings of drawers
 * 1 to 15 are the training split, those of 16 to 20 the test split. Ink becomes white as in MNIST.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { familiesOfNames } from "../families.ts";
import type { ImageLayout, ImagePlan, TreeIndex } from "./image_set.ts";

const DRAWING = /(?:^|\/)images_(?:background|evaluation)\/([^/]+\/[^/]+)\/[^/]*_(\d+)\.png$/;
const TRAINING_DRAWERS = 15;

/** The original PNG tree of Omniglot. */
export const omniglotLayout: ImageLayout = { root: "tree", plan };

/** Whether a tree with these paths is one. */
export function isOmniglotTree(paths: readonly string[]): boolean {
  return paths.some((path) => DRAWING.test(path));
}

function plan(index: TreeIndex): ImagePlan {
  const drawings = index.images.flatMap((path) => {
    const [, name, drawer] = DRAWING.exec(path) ?? [];
    return name === undefined ? [] : [{ path, name, isTraining: Number(drawer) <= TRAINING_DRAWERS }];
  });
  if (drawings.length === 0) {
    throw new InputError(
      `Cannot read ${index.source}: found no images_background/<alphabet>/<character>/*.png, wanted Omniglot's tree`,
    );
  }
  const classNames = [...new Set(drawings.map(({ name }) => name))].sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const split = (training: boolean) =>
    drawings.filter(({ isTraining }) => isTraining === training)
      .map(({ path, name }) => ({ path, label: labels.get(name)! }));
  const families = familiesOfNames(classNames)!;
  return { classNames, families, train: split(true), test: split(false), inverted: true };
}
