/**
 * Recomputes a golden case on an executor: forward, every gradient (of frozen parameters too), and a training run
 * as the suite does it, with packed parameters and frozen backbone weights.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import type { HostTensor, NamedTensors, TensorSpec } from "../core/tensors.ts";
import type { DeviceTensor, Executor, HostArray } from "../executors/executor.ts";
import { gradients } from "../graph/autodiff.ts";
import { adamwStep, narrow, reshape } from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { linearHead } from "../nn/heads.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { maskedLoss } from "../nn/losses.ts";
import { createPacking, pack, type Packing, packTensors, unpack, unpackTensors } from "../nn/packing.ts";
import { vitFeature } from "../nn/vit.ts";
import { type GoldenCase, GRADIENT, isTrained, LOSSES, TRAINED } from "./golden_case.ts";

/** How far one recomputed tensor is from the expected one. */
export interface TensorError {
  /** Its name in the case's file, such as `grad/blocks.0.norm1.weight`. */
  readonly name: string;
  /** Largest absolute difference; NaN and infinity in the result count as infinite. */
  readonly absolute: number;
  /** `absolute` over the largest expected magnitude. */
  readonly relative: number;
}

/** Everything that a case expects, by name in its file. */
export type GoldenResults = Readonly<Record<string, HostArray>>;

function parameterSpecs({ parameters }: GoldenCase): TensorSpec[] {
  return Object.entries(parameters).map(([name, { shape }]) => ({ name, shape }));
}

/** Feature, logits and loss of a case, for parameters from anywhere. */
function forward(golden: GoldenCase, graph: Graph, parameters: Readonly<Record<string, Tensor>>) {
  const { config, classes, seen, scale, input, labels } = golden;
  const batch = labels.length;
  const images = graph.input("images", input.shape);
  const mask = Float32Array.from({ length: classes }, (_, c) => seen.includes(c) ? 1 : 0);
  const branch = branchFromTensors(parameters, scale);
  const feature = vitFeature(config, (name) => parameters[name]!, images, [branch]);
  const logits = linearHead(feature, parameters["head.weight"]!, parameters["head.bias"]!);
  const targets = graph.input("labels", [batch], "i32");
  const loss = maskedLoss(logits, targets, graph.constant(mask, [classes]), graph.fill(1, [batch]));
  return { feature, logits, loss };
}

/** Outputs carry the names of the case's file. */
function gradientProgram(golden: GoldenCase): Program {
  return trace((graph) => {
    const specs = parameterSpecs(golden);
    const parameters = Object.fromEntries(specs.map(({ name, shape }) => [name, graph.state(name, shape)]));
    const results = forward(golden, graph, parameters);
    for (const [name, value] of Object.entries(results)) graph.output(name, value);
    const found = gradients(results.loss, Object.values(parameters));
    specs.forEach(({ name }, i) => graph.output(GRADIENT + name, found[i]!));
  });
}

function trainingProgram(golden: GoldenCase, packing: Packing): Program {
  const { beta1, beta2, epsilon, decay } = golden.optimiser;
  return trace((graph) => {
    const packed = graph.state("packed", [3, packing.size]);
    const trained = unpackTensors(packing, reshape(narrow(packed, 0, 0, 1), [packing.size]));
    const frozen = parameterSpecs(golden).filter(({ name }) => !isTrained(name));
    const states = Object.fromEntries(frozen.map(({ name, shape }) => [name, graph.state(name, shape)]));
    const { loss } = forward(golden, graph, { ...states, ...trained });
    const found = gradients(loss, Object.values(trained));
    const names = Object.keys(trained);
    const gradient = packTensors(packing, Object.fromEntries(names.map((name, i) => [name, found[i]!])));
    const hyper = graph.input("hyper", [3]);
    graph.update(
      "packed",
      adamwStep(packed, gradient, graph.fill(decay, [packing.size]), hyper, { beta1, beta2, epsilon }),
    );
    graph.output("loss", loss);
  });
}

function upload(executor: Executor, tensors: NamedTensors, frozen: boolean): Record<string, DeviceTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [
      name,
      executor.tensor({ shape, values: data, frozen, label: name }),
    ]),
  );
}

async function runForward(golden: GoldenCase, executor: Executor): Promise<GoldenResults> {
  const program = gradientProgram(golden);
  const states = upload(executor, golden.parameters, false);
  const executable = await executor.compile(program, states);
  const inputs = { images: golden.input.data, labels: golden.labels };
  const results = await executable.run(inputs, Object.keys(program.outputs));
  executable.dispose();
  for (const state of Object.values(states)) state.dispose();
  return results;
}

async function runTraining(golden: GoldenCase, executor: Executor): Promise<GoldenResults> {
  const { steps, rate, beta1, beta2 } = golden.optimiser;
  const entries = Object.entries(golden.parameters);
  const packing = createPacking(parameterSpecs(golden).filter(({ name }) => isTrained(name)));
  const start = new Float32Array(3 * packing.size);
  start.set(pack(packing, golden.parameters));
  const packed = executor.tensor({ shape: [3, packing.size], values: start, label: "packed" });
  const frozen = Object.fromEntries(entries.filter(([name]) => !isTrained(name)));
  const states = { ...upload(executor, frozen, true), packed };
  const executable = await executor.compile(trainingProgram(golden, packing), states);
  const losses: number[] = [];
  const step = async (t: number) => {
    const hyper = Float64Array.of(rate, 1 - beta1 ** t, 1 - beta2 ** t);
    const { loss } = await executable.run({ images: golden.input.data, labels: golden.labels, hyper }, [
      "loss",
    ]);
    losses.push(loss![0]!);
  };
  for (let t = 1; t <= steps; t++) await step(t);
  const vector = await packed.read() as Float32Array | Float64Array;
  // The loss after the last step is the loss before one more.
  await step(steps + 1);
  executable.dispose();
  for (const state of Object.values(states)) state.dispose();
  const trained = unpack(packing, vector.subarray(0, packing.size));
  const named = Object.entries(trained).map(([name, { data }]) => [TRAINED + name, data] as const);
  return { [LOSSES]: Float64Array.from(losses), ...Object.fromEntries(named) };
}

function compare(name: string, found: HostArray, { shape, data }: HostTensor): TensorError {
  if (found.length !== sizeOf(shape)) {
    throw new RangeError(`Cannot compare "${name}": found ${found.length} values, wanted ${sizeOf(shape)}`);
  }
  let absolute = 0;
  let magnitude = 0;
  for (let i = 0; i < data.length; i++) {
    const difference = Math.abs(found[i]! - data[i]!);
    absolute = Number.isFinite(difference) ? Math.max(absolute, difference) : Infinity;
    if (absolute === Infinity) break;
    magnitude = Math.max(magnitude, Math.abs(data[i]!));
  }
  return { name, absolute, relative: absolute === 0 ? 0 : absolute / magnitude };
}

/** Recomputes everything that a case expects. */
export async function recomputeGolden(golden: GoldenCase, executor: Executor): Promise<GoldenResults> {
  return { ...await runForward(golden, executor), ...await runTraining(golden, executor) };
}

/**
 * Recomputes a case and compares.
 *
 * @returns One error per expected tensor, in the order of the file
 */
export async function checkGolden(golden: GoldenCase, executor: Executor): Promise<TensorError[]> {
  const results = await recomputeGolden(golden, executor);
  return Object.entries(golden.expected).map(([name, expected]) => compare(name, results[name]!, expected));
}
