/**
 * From the parts that methods describe to programs: what a part's graph reads becomes inputs and states under fixed
 * names, so that parts of one structure give equal programs.
 *
 * @module
 */
import type { NamedTensors } from "../core/tensors.ts";
import type { Preprocessing } from "../data/preprocess.ts";
import { add, sum } from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { ViTConfig } from "../nn/config.ts";
import { createPacking, type Packing } from "../nn/packing.ts";
import { encode, stateLookup } from "../nn/vit.ts";
import type { Optimiser } from "./optimisers/optimiser.ts";
import type { Env, Fit, Part, Pass, Sums } from "./parts.ts";
import { traceStep } from "./step.ts";
import { type Columns, declareColumns, type Named, type Table } from "./table.ts";

/** What all programs of a run have in common. */
export interface TraceContext {
  /** Architecture of the backbone. */
  readonly config: ViTConfig;
  /** From stored images to what the backbone reads. */
  readonly preprocessing: Preprocessing;
  /** Rows per run. */
  readonly batch: number;
  /** Told of every forward pass of the backbone that a graph asks for. */
  onEncode?(): void;
}

/** Name of the state that holds a fixed value. */
export function fixedName(name: string): string {
  return `fixed.${name}`;
}

/** Name of the state that holds a tensor of a training that does not move. */
export function stillName(name: string): string {
  return `still.${name}`;
}

/** Name of the state that holds a sum. */
export function sumName(name: string): string {
  return `sum.${name}`;
}

/** The only output of a pass. */
export const OUTPUT = "output";

function states(graph: Graph, tensors: NamedTensors, nameOf: (name: string) => string): Named {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape }]) => [name, graph.state(nameOf(name), shape)]),
  );
}

function createEnv(
  graph: Graph,
  { config, preprocessing, batch, onEncode }: TraceContext,
  { fixed = {} }: Part,
  tables: Readonly<Record<string, Table>>,
): Env {
  const known = new Map<string, Columns>();
  return {
    graph,
    fixed: states(graph, fixed, fixedName),
    rows(name = "main") {
      const table = tables[name];
      if (!table) {
        const found = Object.keys(tables).join(", ");
        throw new RangeError(`Cannot read rows of table "${name}": found tables ${found}`);
      }
      const columns = known.get(name) ?? declareColumns(graph, name, table, batch, preprocessing);
      known.set(name, columns);
      return columns;
    },
    encode(images, edits) {
      onEncode?.();
      return encode(config, stateLookup(graph, config), images, edits);
    },
  };
}

/** How the parameters of a training are laid out and moved. */
export interface FitLayout {
  readonly packing: Packing;
  readonly optimiser: Optimiser;
  /** Whether parameters have a factor of the rate. */
  readonly isRated: boolean;
  /** Tensors of the training that do not move. */
  readonly still: NamedTensors;
}

/**
 * What moves and what stays of a training.
 *
 * @throws {RangeError} If nothing moves
 */
export function fitLayout(
  { start, rate = () => 1 }: Pick<Fit, "start" | "rate">,
  optimiser: Optimiser,
): FitLayout {
  // Sorted, because a state that was stored gives its tensors in another order than before: sums over all parameters
  // and noise must not depend on that.
  const sorted = Object.entries(start).sort(([a], [b]) => a < b ? -1 : 1);
  const moving = sorted.filter(([name]) => rate(name) !== 0);
  const packing = createPacking(moving.map(([name, { shape }]) => ({ name, shape })));
  if (packing.size === 0) throw new RangeError("Cannot train: found nothing that trains, wanted a tensor");
  return {
    packing,
    optimiser,
    isRated: moving.some(([name]) => rate(name) !== 1),
    still: Object.fromEntries(sorted.filter(([name]) => rate(name) === 0)),
  };
}

/** The step of a training; see `traceStep`. */
export function traceFit(
  context: TraceContext,
  spec: Pick<Fit, "fixed" | "tables" | "loss">,
  { packing, optimiser, isRated, still }: FitLayout,
): Program {
  let env: Env | undefined;
  // One environment, because an input can be declared once.
  const envOf = (graph: Graph) => env ??= createEnv(graph, context, spec, spec.tables);
  return traceStep({
    packing,
    optimiser,
    rated: isRated,
    fixed: (graph) => envOf(graph).fixed,
    loss(graph) {
      const frozen = states(graph, still, stillName);
      return (moving) => sum(spec.loss({ ...frozen, ...moving }, envOf(graph)));
    },
  });
}

/** A pass over a table: output `OUTPUT` [batch, n]. */
export function tracePass(context: TraceContext, pass: Pass, table: Table): Program {
  return trace((graph) => {
    graph.output(OUTPUT, pass.output(createEnv(graph, context, pass, { main: table })));
  });
}

/** A batch's terms added to their states. */
export function traceSums(context: TraceContext, part: Sums, table: Table): Program {
  return trace((graph) => {
    const terms = part.terms(createEnv(graph, context, part, { main: table }));
    for (const [name, term] of Object.entries(terms)) {
      const total = graph.state(sumName(name), term.shape);
      graph.update(sumName(name), add(total, term));
    }
  });
}
