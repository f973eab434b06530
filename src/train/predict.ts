/**
 * Predictors on an engine: passes over images, then scores, which are a pass over what those passes gave.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import { type Cost, costOf as costOfProgram } from "../graph/cost.ts";
import type { Engine } from "./engine.ts";
import { featureBatch } from "./features.ts";
import type { Pass, Predictor } from "./parts.ts";
import type { Table } from "./table.ts";
import { OUTPUT } from "./trace.ts";

/** What scoring one image costs. */
export interface PredictorCost extends Cost {
  /** Forward passes of the backbone. */
  readonly encodings: number;
}

/** Name of the column that holds the output of a pass. */
function passName(index: number): string {
  return `pass.${index}`;
}

/** The outputs of passes, each [count, n], as the columns that scores are computed from. */
function scoreTable(outputs: readonly HostTensor[]): Table {
  const count = outputs[0]?.shape[0];
  if (count === undefined) throw new RangeError("Cannot score: the predictor has no passes");
  return { count, columns: Object.fromEntries(outputs.map((output, i) => [passName(i), output])) };
}

/** The scores of a predictor as a pass over a `scoreTable`. */
function scorePass({ passes, fixed, scores }: Predictor): Pass {
  return {
    ...(fixed && { fixed }),
    output: (env) => scores(passes.map((_, i) => env.rows()[passName(i)]!), env),
  };
}

/**
 * Scores [count, classes] of a predictor whose passes gave these outputs, each [count, n].
 *
 * @throws {DivergenceError} If one is not finite
 * @throws {RangeError} If the predictor has no passes
 */
export async function score(
  engine: Engine,
  predictor: Predictor,
  outputs: readonly HostTensor[],
): Promise<HostTensor> {
  return await engine.map(scorePass(predictor), scoreTable(outputs));
}

/**
 * Scores [count, classes] of the images of a table.
 *
 * @throws {DivergenceError} If one, or the output of a pass, is not finite
 * @throws {RangeError} If the predictor has no passes
 */
export async function predict(engine: Engine, predictor: Predictor, table: Table): Promise<HostTensor> {
  const outputs: HostTensor[] = [];
  for (const pass of predictor.passes) outputs.push(await engine.map(pass, table));
  return await score(engine, predictor, outputs);
}

/** What a predictor costs per image, by the programs that it takes. */
export function costOf(engine: Engine, predictor: Predictor, images: Table): PredictorCost {
  const batch = featureBatch(engine.backbone.config);
  let encodings = 0;
  const options = { batch, onEncode: () => void encodings++ };
  const passes = predictor.passes.map((pass) => engine.trace(pass, images, options));
  const outputs = passes.map(({ outputs }) => hostTensor([1, outputs[OUTPUT]!.shape[1]!]));
  const scoring = engine.trace(scorePass(predictor), scoreTable(outputs), { batch: 1 });
  const costs = passes.map((program) => costOfProgram(program));
  const scores = costOfProgram(scoring);
  return {
    flop: costs.reduce((total, { flop }) => total + flop / batch, scores.flop),
    bytes: costs.reduce((total, { bytes }) => total + bytes / batch, scores.bytes),
    encodings,
  };
}
