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
import { hyperLength, type OptimiserSettings, optimiserStep, packedRows } from "./optimiser.ts";

/** Steps whose losses fit in the ring; `fit` reads it at least this often. */
export const LOSS_RING = 64;

/** What is trained and on what loss. */
export interface StepSpec {
  readonly packing: Packing;
  readonly optimiser: OptimiserSettings;
  /** Builds the loss, a scalar, declaring the inputs and states it needs. */
  loss(graph: Graph, parameters: Readonly<Record<string, Tensor>>): Tensor;
}

/**
 * Traces the step. States: `packed` [rows, p], `decay` [p], `losses` [LOSS_RING] and those of the loss. Inputs:
 * `hyper`, `ringSlot` (i32 [1], the position in the ring) and those of the loss.
 */
export function traceStep({ packing, optimiser, loss: buildLoss }: StepSpec): Program {
  return trace((graph) => {
    const { size } = packing;
    const packed = graph.state("packed", [packedRows(optimiser), size]);
    const parameters = unpackTensors(packing, reshape(narrow(packed, 0, 0, 1), [size]));
    const loss = reshape(buildLoss(graph, parameters), [1]);
    const names = packing.entries.map(({ name }) => name);
    const slopes = gradients(loss, names.map((name) => parameters[name]!));
    const grad = packTensors(packing, Object.fromEntries(names.map((name, i) => [name, slopes[i]!])));
    const hyper = graph.input("hyper", [hyperLength(optimiser)]);
    graph.update("packed", optimiserStep(optimiser, packed, grad, graph.state("decay", [size]), hyper));
    const losses = graph.state("losses", [LOSS_RING]);
    const slot = reshape(oneHot(graph.input("ringSlot", [1], "i32"), LOSS_RING), [LOSS_RING]);
    graph.update("losses", where(slot, loss, losses));
  });
}
