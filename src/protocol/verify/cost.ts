/**
 * Training, cost, memory and time of a task that contradict one another.
 *
 * @module
 */
import type { AnyRecord } from "../records/parse.ts";
import { isEdition1 } from "../records/parse.ts";
import type { TaskEvent } from "../records/record.ts";
import type { Finding } from "./finding.ts";

/** Seconds below zero that rounding may leave in a difference of clock readings. */
const ROUNDING = 1e-6;

/** Contradictions in what tasks cost. */
export function checkCost(record: AnyRecord): Finding[] {
  const findings: Finding[] = [];
  const add = (index: number, found: string, wanted: string) =>
    findings.push({ check: "cost", line: index + 2, found, wanted });
  for (const { index, seconds, training } of record.tasks) {
    for (const [part, value] of Object.entries(seconds)) {
      if (value < -ROUNDING) add(index, `${value} seconds of ${part}`, "none below 0");
    }
    if (training?.steps === 0) add(index, "a training of no steps", "at least one, or no training");
    if (!isEdition1(record) && !training && seconds.train > 0) {
      add(index, `${seconds.train} seconds of training`, "a training");
    }
  }
  if (isEdition1(record)) return findings;
  for (const task of record.tasks) {
    for (const [found, wanted] of costOddities(task)) add(task.index, found, wanted);
  }
  return findings;
}

function costOddities({ training, cost, evaluation }: TaskEvent): (readonly [string, string])[] {
  const oddities: (readonly [string, string])[] = [];
  if (!cost) return evaluation ? [["scores without the cost of a test image", "it, as it is counted"]] : [];
  const { trainedNumbers, flopPerTrainingImage, flopPerTestImage, passesPerTestImage } = cost;
  if ((trainedNumbers > 0) !== (training !== undefined)) {
    oddities.push([
      `${trainedNumbers} trained numbers with${training ? "" : "out"} a training`,
      "some if anything is trained, else none",
    ]);
  }
  if ((flopPerTrainingImage !== undefined) !== (training !== undefined)) {
    oddities.push([
      training ? "a training without its cost" : "the cost of a training without one",
      "both or none",
    ]);
  }
  if (flopPerTrainingImage !== undefined && flopPerTrainingImage <= 0) {
    oddities.push([`${flopPerTrainingImage} operations for a training image`, "more than 0"]);
  }
  if (!Number.isInteger(passesPerTestImage) || passesPerTestImage < 1) {
    oddities.push([`${passesPerTestImage} passes for a test image`, "a whole number from 1"]);
  }
  if (flopPerTestImage <= 0) {
    oddities.push([`${flopPerTestImage} operations for a test image`, "more than 0"]);
  }
  return oddities;
}
