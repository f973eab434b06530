/**
 * A short look at how fast this machine is: a few training steps of one adapter and a few forward passes, on the
 * backend, the backbone and the settings of the run. Done by every worker at the same time, since cells that run side
 * by side slow each other down.
 *
 * @module
 */
import { createStream, type Dataset, limitPerClass } from "../../src/data/mod.ts";
import { createMethod, type Pass } from "../../src/methods/mod.ts";
import { createMemoryStore, type ProtocolSettings, runCell } from "../../src/protocol/mod.ts";
import { type Engine, imageTable } from "../../src/train/mod.ts";
import type { Units } from "./costs.ts";

/** Seconds for each of the two, at most. */
const PATIENCE = 0.8;
/** Seconds of a first one after which there is no second. */
const LONG = 10;
/** The part of the time to come that may be spent on looking ahead. */
const SHARE = 0.01;
/** Epochs that no patience outlasts. */
const MANY = 10_000;

/** The bare backbone. */
const features: Pass = { output: (env) => env.encode(env.rows().images).feature };

/** What ends the training when enough has been seen. */
class Enough extends Error {}

/** The part of a data set that fills some batches. */
function someOf(dataset: Dataset, batch: number): Dataset {
  return limitPerClass(dataset, {
    train: Math.ceil(4 * batch / dataset.classNames.length),
    test: 1,
  });
}

/**
 * Seconds per image of a training step and of a forward pass. The first of each is not counted where there is time
 * for a second, since programs are compiled in it.
 *
 * @param images How many are to come in training steps: looking takes no longer than a small part of doing
 * @param clock Seconds
 */
export async function measureUnits(
  engine: Engine,
  dataset: Dataset,
  settings: ProtocolSettings,
  images: number,
  clock: () => number,
): Promise<Units> {
  const some = someOf(dataset, settings.batchSize);
  const isEnough = patience(images / settings.batchSize);
  const step = await secondsPerStep(engine, some, settings, isEnough, clock) / settings.batchSize;
  const table = imageTable(some.train);
  const pass = () => engine.map(features, table);
  return { step, forward: await secondsPerPass(pass, patience(images / table.count), clock) / table.count };
}

/** Whether the ends of the turns so far, the beginning of the first before them, tell enough. */
type IsEnough = (ends: readonly number[]) => boolean;

async function secondsPerStep(
  engine: Engine,
  dataset: Dataset,
  settings: ProtocolSettings,
  isEnough: IsEnough,
  clock: () => number,
): Promise<number> {
  const ends = [clock()];
  try {
    await runCell({
      method: createMethod("naive"),
      stream: createStream(dataset, { tasks: 1, orderSeed: 0 }),
      backbone: engine.backbone,
      executor: engine.executor,
      engine,
      settings: { ...settings, epochs: MANY, head: "ncm" },
      trainSeed: 0,
      environment: {},
      store: createMemoryStore(),
      clock,
      onProgress({ phase }) {
        ends.push(clock());
        if (phase !== "train" || isEnough(ends)) throw new Enough();
      },
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  return perTurn(ends);
}

async function secondsPerPass(
  pass: () => Promise<unknown>,
  isEnough: IsEnough,
  clock: () => number,
): Promise<number> {
  const ends = [clock()];
  do {
    await pass();
    ends.push(clock());
  } while (!isEnough(ends));
  return perTurn(ends);
}

/** Where so many turns are to come: the turns after the first took long enough, or the first
 * took so long that it must do, though programs were compiled in it. */
function patience(turns: number): IsEnough {
  return (ends) => {
    const [began, first, last] = [ends[0]!, ends[1]!, ends.at(-1)!];
    const limit = Math.min(PATIENCE, SHARE * turns * perTurn(ends));
    return last > first ? last - first >= limit : first - began >= LONG;
  };
}

/** Seconds of a turn; the first counts only if it is the only one. */
function perTurn(ends: readonly number[]): number {
  const [skipped, turns] = ends.length > 2 ? [1, ends.length - 2] : [0, 1];
  return (ends.at(-1)! - ends[skipped]!) / turns;
}
