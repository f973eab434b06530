/**
 * A training step as one program: forward, backward, optimiser. Losses collect in a ring on the device, so that
 * nothing waits for the device between steps.
 *
 * @module
 */
import { gradients } from "../graph/autodiff.ts";
import { narrow, oneHot, reshape, where } from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { type Packing, packTensors, unpackTensors } from "../nn/packing.ts";
import type { Optimiser } from "./optimisers/optimiser.ts";
import { rated } from "./optimisers/projected.ts";

/** Steps whose losses fit in the ring; `fit` reads it at least this often. */
export const LOSS_RING = 64;

/** Rows of the packed state: parameters, then slots. */
export function packedRows({ slots }: Optimiser): number {
  return 1 + slots;
}

/** Name of the input that holds the i-th normal numbers of a step. */
export function noiseName(index: number): string {
  return `noise.${index}`;
}

/** A scalar, of parameters by name. An optimiser may ask for it at several places. */
export type Loss = (parameters: Readonly<Record<string, Tensor>>) => Tensor;

/** What is trained and on what loss. */
export interface StepSpec {
  readonly packing: Packing;
  readonly optimiser: Optimiser;
  /** Whether a state `rates` [p] holds a factor of every parameter's move. */
  readonly rated?: boolean;
  /** Declares the inputs and states that the loss needs, once, and gives it as a function of the parameters. */
  loss(graph: Graph): Loss;
  /** Values for the optimiser's rule; none by default. */
  fixed?(graph: Graph): Readonly<Record<string, Tensor>>;
}

/**
 * Traces the step. States: `packed` [1 + slots, p], `decay` [p], `losses` [LOSS_RING] and those of the loss. Inputs:
 * `hyper`, `ringSlot` (i32 [1], the position in the ring), the optimiser's noise, and those of the loss. The loss that
 * is noted is that of the parameters before the step.
 */
export function traceStep(
  { packing, optimiser, rated: isRated = false, fixed, loss }: StepSpec,
): Program {
  return trace((graph) => {
    const { size } = packing;
    const packed = graph.state("packed", [packedRows(optimiser), size]);
    const row = (index: number) => reshape(narrow(packed, 0, index, 1), [size]);
    const names = packing.entries.map(({ name }) => name);
    const parametersAt = (theta: Tensor) => unpackTensors(packing, theta);
    const pack = (tensors: Readonly<Record<string, Tensor>>) => packTensors(packing, tensors);
    const lossOf = loss(graph);
    const lossAt = (theta: Tensor) => reshape(lossOf(parametersAt(theta)), [1]);
    const rule = isRated ? rated(optimiser, graph.state("rates", [size])) : optimiser;
    const theta = row(0);
    const next = rule.step({
      packed,
      theta,
      slots: Array.from({ length: rule.slots }, (_, i) => row(1 + i)),
      noise: Array.from({ length: rule.noise ?? 0 }, (_, i) => graph.input(noiseName(i), [size])),
      decay: graph.state("decay", [size]),
      hyper: graph.input("hyper", [rule.hyperLength]),
      fixed: fixed?.(graph) ?? {},
      unpack: parametersAt,
      pack,
      lossAt,
      gradientAt(theta) {
        const parameters = parametersAt(theta);
        const slopes = gradients(lossAt(theta), names.map((name) => parameters[name]!));
        return pack(Object.fromEntries(names.map((name, i) => [name, slopes[i]!])));
      },
    });
    graph.update("packed", next);
    const losses = graph.state("losses", [LOSS_RING]);
    const slot = reshape(oneHot(graph.input("ringSlot", [1], "i32"), LOSS_RING), [LOSS_RING]);
    graph.update("losses", where(slot, lossAt(theta), losses));
  });
}
