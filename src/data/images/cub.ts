/**
 * CUB-200-2011 (Wah et al., Caltech CNS-TR-2011-001): images below `images/`, and lists of `number value` lines that
 * name the images, their classes, the classes' names and the official split.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";

/** CUB-200-2011. */
export const cubLayout: ImageLayout = { root: { anchor: "images.txt" }, plan };

function plan(index: TreeIndex): ImagePlan {
  const images = listOf(index, "images.txt");
  const classes = listOf(index, "classes.txt");
  const classOf = listOf(index, "image_class_labels.txt");
  const isTraining = listOf(index, "train_test_split.txt");
  const labels = new Map([...classes.keys()].map((id, label) => [id, label]));
  const train: LabelledPath[] = [], test: LabelledPath[] = [];
  for (const [id, path] of images) {
    const label = labels.get(classOf.get(id) ?? "");
    const split = { "1": train, "0": test }[isTraining.get(id) ?? ""];
    if (label === undefined || !split) {
      throw new InputError(
        `Cannot read ${index.source}: found image ${id} of class ${classOf.get(id)} in split ${
          isTraining.get(id)
        }, ` +
          "wanted a class of classes.txt and split 0 or 1",
      );
    }
    split.push({ path: `images/${path}`, label });
  }
  return { classNames: [...classes.values()], train, test };
}

/** A list as a map from number to value. */
function listOf(index: TreeIndex, file: string): Map<string, string> {
  return new Map(
    linesOf(index.text(file)).map((line) => {
      const space = line.indexOf(" ");
      if (space < 0) {
        throw new InputError(
          `Cannot read ${index.source}: found ${JSON.stringify(line)} in ${file}, wanted two words`,
        );
      }
      return [line.slice(0, space), line.slice(space + 1).trim()] as const;
    }),
  );
}
