/**
 * What `fixtures/methods/regularised/make.py` computes with: tensors that are waves of their names; and terms of a loss
 * with their gradients.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sizeOf } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { gradients } from "../../graph/autodiff.ts";
import { reshape, sum } from "../../graph/functions.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { createBackbone } from "../../nn/backbone.ts";
import { backboneTensors } from "../../nn/config.ts";
import { loraSites } from "../../nn/sites.ts";
import { Engine } from "../../train/engine.ts";
import type { Columns } from "../../train/table.ts";
import type { ExtraLoss } from "../adapter_method.ts";
import type { TaskView } from "../method.ts";
import { CLASSES, tinyConfig, tinyLora } from "../test_kit.ts";

/** The numbers of the fixture. */
export const expected = JSON.parse(
  Deno.readTextFileSync(new URL("../../../fixtures/methods/regularised/expected.json", import.meta.url)),
);

/** size · sin(first + 1.3 i), where the first phase follows from the name. */
export function wave(name: string, shape: readonly number[], size = 0.4, base = 0): HostTensor {
  const first = [...name].reduce((total, letter) => total + letter.charCodeAt(0), 0) % 97;
  const values = Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => base + size * Math.sin(first + 1.3 * i),
  );
  return hostTensor(shape, values);
}

/** An adapter of such factors. */
export function waveAdapter(name: string, importance = 1): Adapter {
  const pairs = loraSites(tinyConfig, tinyLora.targets).map(({ name: site, inputs, outputs }) => [site, {
    a: wave(`${name}.${site}.A`, [tinyLora.rank, inputs]),
    b: wave(`${name}.${site}.B`, [outputs, tinyLora.rank]),
  }]);
  return { scale: tinyLora.scale, importance, pairs: Object.fromEntries(pairs) };
}

/** The classifier. */
export const waveHead: NamedTensors = {
  "head.weight": wave("head.weight", [CLASSES, tinyConfig.width]),
  "head.bias": wave("head.bias", [CLASSES]),
};

/** The tiny backbone. */
export function waveEngine(): Engine {
  const weights = backboneTensors(tinyConfig).map(({ name, shape }) =>
    [name, wave(name, shape, 0.4, /norm\d?\.weight$/.test(name) ? 1 : 0)] as const
  );
  const backbone = createBackbone({
    id: "waves",
    config: tinyConfig,
    weights: Object.fromEntries(weights),
    pixels: { mean: [0.5], std: [0.5] },
  });
  return new Engine(createReferenceExecutor(), backbone, { channels: 1, height: 8, width: 8 });
}

/** A task of such images with the given labels. */
export function waveTask(index: number, labels: readonly number[]): TaskView {
  const classes = [...new Set(labels)];
  return {
    index,
    classes,
    lossClasses: classes,
    train: {
      images: Uint8Array.from({ length: labels.length * 64 }, (_, i) => 127.5 + 127.5 * Math.sin(1.7 * i)),
      labels: Int32Array.from(labels),
      count: labels.length,
    },
  };
}

/** What a term reads besides its own tensors. */
export interface TermInputs {
  readonly adapter?: NamedTensors;
  readonly logits?: HostTensor;
  readonly labels?: readonly number[];
  readonly weights?: readonly number[];
  readonly mask?: HostTensor;
}

function unused(): never {
  throw new Error("the term needs no images");
}

/** A term's value, and its gradients with respect to the adapter's tensors and to the logits. */
export async function termAt(term: ExtraLoss, given: TermInputs) {
  const { adapter = {}, logits, labels = [], weights = [], mask } = given;
  const feeds: Record<string, Float32Array | Int32Array> = {};
  const program = trace((graph: Graph) => {
    const input = (name: string, { shape, data }: HostTensor): Tensor => {
      feeds[name] = data;
      return graph.input(name, shape);
    };
    const inputs = (prefix: string, tensors: NamedTensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, input(prefix + name, tensor)]),
      );
    const rows: Record<string, Tensor> = inputs("rows.", term.columns ?? {});
    if (weights.length > 0) {
      rows["weights"] = input("weights", hostTensor([weights.length], Float32Array.from(weights)));
    }
    if (labels.length > 0) {
      feeds["labels"] = Int32Array.from(labels);
      rows["labels"] = graph.input("labels", [labels.length], "i32");
    }
    const values = inputs("adapter.", adapter);
    const all = logits ? input("logits", logits) : graph.fill(0);
    const built = sum(term.build({
      env: {
        graph,
        fixed: mask ? { mask: input("mask", mask) } : {},
        rows: () => rows as Columns,
        encode: unused,
      },
      forward: unused,
      adapter: values,
      tensors: inputs("tensors.", term.tensors),
      feature: graph.fill(0),
      logits: all,
    }));
    const sources = [...Object.values(values), ...(logits ? [all] : [])];
    const names = [...Object.keys(adapter), ...(logits ? ["logits"] : [])];
    graph.output("value", reshape(built, [1]));
    gradients(built, sources).forEach((slope, i) => graph.output(`slope.${names[i]}`, slope));
  });
  const known = Object.fromEntries(Object.entries(feeds).filter(([name]) => name in program.inputs));
  const executable = await createReferenceExecutor().compile(program, {});
  const { value, ...slopes } = await executable.run(known, Object.keys(program.outputs));
  return {
    value: value![0]!,
    slopes: Object.fromEntries(
      Object.entries(slopes).map(([name, slope]) => [name.slice("slope.".length), slope]),
    ),
  };
}

/** Every number within a share of the largest wanted. */
export function assertNear(
  found: ArrayLike<number>,
  wanted: readonly number[],
  what: string,
  share = 2e-6,
): void {
  assert.equal(found.length, wanted.length, what);
  const bound = share * Math.max(...wanted.map(Math.abs));
  assert.ok(bound > 0, `${what} is zero`);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(found[i]! - value) <= bound, `${what} ${i}: ${found[i]} is not ${value}`)
  );
}
