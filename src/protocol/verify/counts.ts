/**
 * Right answers that cannot be. Of n test images of a task, A are right among the task's own classes and B are given a
 * class of the right task; those that are right among all classes are exactly those that are both. Of a task that has all
 * classes seen, every prediction is within it.
 *
 * @module
 */
import type { RunRecord1, TaskEvent1 } from "../records/edition1.ts";
import type { RunRecord, TaskEvent } from "../records/record.ts";
import type { Finding } from "./finding.ts";

/** Impossible right answers of a record. */
export function checkCounts({ tasks }: RunRecord): Finding[] {
  const known = new Set<number>();
  return tasks.flatMap((task) => {
    for (const label of task.classes) known.add(label);
    return checkRow(task, tasks, known.size);
  });
}

/** @param seen Classes of the tasks up to this one */
function checkRow(
  { index, evaluation }: TaskEvent,
  tasks: readonly TaskEvent[],
  seen: number,
): Finding[] {
  if (!evaluation) return [];
  const findings: Finding[] = [];
  evaluation.classIncremental.forEach((all, task) => {
    const add = (found: string, wanted: string) =>
      findings.push({ check: "counts", line: index + 2, found: `${found} of task ${task}`, wanted });
    const { images: { test: images }, classes } = tasks[task]!;
    const [own, placed] = [evaluation.taskIncremental[task]!, evaluation.taskInference[task]!];
    if (all > own) {
      add(`${all} right answers among all classes and ${own} among its own`, "no fewer among its own");
    }
    if (all > placed) {
      add(`${all} right answers and ${placed} predictions within the task`, "at least as many within it");
    }
    if (own + placed - all > images) {
      add(
        `${own} right among its own classes, ${placed} within the task and ${all} right among all`,
        `at least ${own + placed - images} right among all ${images} images`,
      );
    }
    if (classes.length === 1 && own !== images) {
      add(`${own} right answers among one class`, `all ${images}`);
    }
    if (classes.length === seen && placed !== images) {
      const which = index === 0 ? "the only task" : "a task of all classes";
      add(`${placed} predictions within ${which}`, `all ${images}`);
    }
  });
  return findings;
}

/** Impossible shares of a record of the first edition, which has no counts. */
export function checkShares({ start, tasks }: RunRecord1): Finding[] {
  const { classes, test } = start.cell.dataset;
  const findings: Finding[] = [];
  // The number of test images of a task: as its classes say, where that gives whole numbers.
  const images = tasks.map((task) => {
    const even = test * task.classes.length / classes;
    return fits(sharesOf(task.index, tasks), even) ? even : leastImages(sharesOf(task.index, tasks), test);
  });
  images.forEach((count, task) => {
    if (count !== undefined) return;
    findings.push({
      check: "counts",
      line: task + 2,
      found: `shares of task ${task} that are parts of no number of images`,
      wanted: `multiples of 1/n for an n of at most ${test}`,
    });
  });
  for (const { index, evaluation } of tasks) {
    if (!evaluation) continue;
    const add = (found: string, wanted: string) =>
      findings.push({ check: "counts", line: index + 2, found, wanted });
    evaluation.classIncremental.forEach((all, task) => {
      const own = evaluation.taskIncremental[task]!;
      if (all > own) {
        add(
          `${all} right among all classes and ${own} among its own, of task ${task}`,
          "no fewer among its own",
        );
      }
      if (tasks[task]!.classes.length === 1 && own !== 1) {
        add(`${own} right among one class, of task ${task}`, "all");
      }
    });
    const seen = images.slice(0, index + 1);
    const total = seen.reduce<number>((sum, count) => sum + (count ?? NaN), 0);
    if (index === 0 && evaluation.taskInference !== 1) {
      add(`${evaluation.taskInference} of all predictions within the only task`, "all");
    } else if (seen.every((count) => Number.isInteger(count)) && isEven(start.cell, images, tasks)) {
      if (!fits([evaluation.taskInference], total)) {
        add(`a share of ${evaluation.taskInference} of ${total} images`, `a multiple of 1/${total}`);
      }
    }
  }
  return findings;
}

/** Whether every task has the test images that its classes have in a balanced data set. */
function isEven(
  { dataset }: RunRecord1["start"]["cell"],
  images: readonly (number | undefined)[],
  tasks: readonly TaskEvent1[],
): boolean {
  return images.every((count, i) => count === dataset.test * tasks[i]!.classes.length / dataset.classes);
}

function sharesOf(task: number, tasks: readonly TaskEvent1[]): number[] {
  return tasks.flatMap(({ evaluation }) => {
    const shares = [evaluation?.classIncremental[task], evaluation?.taskIncremental[task]];
    return shares.filter((share) => share !== undefined);
  });
}

/** Whether shares are whole numbers of so many images, to the last bit. */
function fits(shares: readonly number[], images: number): boolean {
  return Number.isInteger(images) && images > 0 &&
    shares.every((share) => Math.round(share * images) / images === share);
}

/** Numbers of images up to which shares are tried. */
const MOST_TRIED = 1_000_000;

/** The fewest images that shares are parts of; `NaN` if so many are possible that not all are tried. */
function leastImages(shares: readonly number[], most: number): number | undefined {
  const distinct = [...new Set(shares)];
  for (let images = 1; images <= Math.min(most, MOST_TRIED); images++) {
    if (fits(distinct, images)) return images;
  }
  return most > MOST_TRIED ? NaN : undefined;
}
