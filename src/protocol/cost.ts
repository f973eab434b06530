/**
 * What a cell's models cost, as facts for records: counted from programs and tensors, never timed.
 *
 * @module
 */
import type { NamedTensors } from "../core/tensors.ts";
import { adapterToTensors } from "../nn/adapter.ts";
import type { Engine } from "../train/engine.ts";
import type { Predictor } from "../train/parts.ts";
import { costOf } from "../train/predict.ts";
import type { Table } from "../train/table.ts";
import type { Cost } from "./records/record.ts";

/** Trainings of one task, added up. */
export class TrainingMeter {
  readonly losses: number[] = [];
  #flop = 0;
  #images = 0;
  #numbers = 0;

  /**
   * Notes a training.
   *
   * @param numbers That the optimiser changed
   * @param images Rows of all its steps
   */
  add(numbers: number, losses: readonly number[], flop: number, images: number): void {
    this.losses.push(...losses);
    this.#flop += flop;
    this.#images += images;
    this.#numbers = Math.max(this.#numbers, numbers);
  }

  get facts(): Pick<Cost, "flopPerTrainingImage" | "trainedNumbers"> {
    return {
      ...(this.#images > 0 && { flopPerTrainingImage: this.#flop / this.#images }),
      trainedNumbers: this.#numbers,
    };
  }
}

/** Bytes of what a predictor needs beside the backbone; a tensor that several passes share counts once. */
function deployedBytes({ passes, fixed = {} }: Predictor): number {
  const adapters = new Set(passes.flatMap(({ adapter }) => adapter ?? []));
  const named: NamedTensors[] = [
    fixed,
    ...passes.map(({ fixed = {} }) => fixed),
    ...[...adapters].map((adapter) => adapterToTensors(adapter)),
  ];
  const distinct = new Set(named.flatMap((tensors) => Object.values(tensors)));
  return [...distinct].reduce((total, { data }) => total + data.byteLength, 0);
}

/** The cost of what was trained in a task and of what is deployed after it. */
export function costOfTask(
  engine: Engine,
  predictor: Predictor,
  images: Table,
  meter: TrainingMeter,
): Cost {
  const { flop, encodings } = costOf(engine, predictor, images);
  return {
    ...meter.facts,
    flopPerTestImage: flop,
    passesPerTestImage: encodings,
    deployedBytes: deployedBytes(predictor),
  };
}
