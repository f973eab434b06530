/**
 * The images of tasks as they are seen: those of a split, under the task's condition where it has one. Everything that
 * shows images of a stream to a model gets them here.
 *
 * @module
 */
import { type Dataset, imageSize, selectImages, type Split } from "../dataset.ts";
import { conditionOf, underCondition } from "./conditions.ts";

/** What of a task says which images it has. */
export interface TaskImages {
  /** Indices into the training split. */
  readonly train: Int32Array;
  /** Indices into the test split. */
  readonly test: Int32Array;
  /** Name of the condition under which they are seen; absent where they are seen as they are. */
  readonly condition?: string;
}

/** Copies the images of some tasks, one task after another. */
export function imagesOf(dataset: Dataset, tasks: readonly TaskImages[], split: "train" | "test"): Split {
  const size = imageSize(dataset);
  const selected = selectImages(dataset[split], tasks.flatMap((task) => [...task[split]]), size);
  let row = 0;
  for (const task of tasks) {
    if (task.condition === undefined) {
      row += task[split].length;
      continue;
    }
    const condition = conditionOf(task.condition, dataset);
    for (const index of task[split]) {
      const image = selected.images.subarray(row * size, (row + 1) * size);
      image.set(underCondition(condition, image, dataset, 2 * index + (split === "test" ? 1 : 0)));
      row++;
    }
  }
  return selected;
}
