/**
 * Cases of whole programs: states, updates, aliases, several programs on one tensor.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import { gradients } from "../../graph/autodiff.ts";
import * as fn from "../../graph/functions.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import type { DType, Tensor } from "../../graph/ops.ts";
import type { DeviceTensor, Executor, HostArray } from "../executor.ts";
import type { DeviceArray } from "../host_values.ts";
import { drawLeaf, integers, type LeafSpec, normal, type Precision, type ProgramCase } from "./case.ts";

/** Runs a scenario's programs and keeps what it reads. */
export class Session {
  readonly #executor: Executor;
  readonly #name: string;
  readonly #owned: { dispose(): void }[] = [];
  readonly results: Record<string, HostArray> = {};

  constructor(executor: Executor, name: string) {
    this.#executor = executor;
    this.#name = name;
  }

  draw(spec: LeafSpec, label: string): DeviceArray {
    return drawLeaf(spec, `${this.#name}/${label}`).values;
  }

  tensor(spec: LeafSpec, label: string, frozen = false): DeviceTensor {
    const { shape, dtype } = spec;
    const tensor = this.#executor.tensor({ shape, dtype, values: this.draw(spec, label), frozen, label });
    this.#owned.push(tensor);
    return tensor;
  }

  /** A tensor without given values. */
  blank(shape: Shape, dtype: DType): DeviceTensor {
    const tensor = this.#executor.tensor({ shape, dtype });
    this.#owned.push(tensor);
    return tensor;
  }

  /** Compiles; the result runs and keeps the outputs it was asked for under `prefix`. */
  async compile(build: (graph: Graph) => void, states: Readonly<Record<string, DeviceTensor>> = {}) {
    const executable = await this.#executor.compile(trace(build), states);
    this.#owned.push(executable);
    return async (inputs: Readonly<Record<string, HostArray>>, read: readonly string[], prefix = "") => {
      for (const [name, values] of Object.entries(await executable.run(inputs, read))) {
        this.results[`${prefix}${name}`] = values;
      }
    };
  }

  async keep(label: string, tensor: DeviceTensor): Promise<void> {
    this.results[label] = await tensor.read();
  }

  dispose(): void {
    for (const owned of this.#owned) owned.dispose();
  }
}

/** A case from a conversation, all of whose results are compared. */
export function scenario(
  name: string,
  precision: Precision,
  play: (session: Session) => Promise<void>,
): ProgramCase {
  const fullName = `program: ${name}`;
  return {
    name: fullName,
    precision,
    async scenario(executor) {
      const session = new Session(executor, fullName);
      try {
        await play(session);
        return session.results;
      } finally {
        session.dispose();
      }
    },
  };
}

/** A loss that goes through most layers, for its gradients. */
function tinyTransformer(graph: Graph): { readonly loss: Tensor; readonly parameters: readonly Tensor[] } {
  const state = (name: string, shape: readonly number[]) => graph.state(name, shape);
  const x = graph.input("x", [2, 5, 8]);
  const normed = fn.layerNorm(x, state("gamma", [8]), state("beta", [8]), 1e-6);
  const qkv = fn.loraLinear(
    normed,
    state("w", [24, 8]),
    state("bias", [24]),
    state("a", [3, 8]),
    state("b", [24, 3]),
    state("gain", [3]),
  );
  const residual = fn.add(x, fn.gelu(fn.attention(qkv, 2)));
  const first = fn.reshape(fn.narrow(residual, 1, 0, 1), [2, 8]);
  const logits = fn.linear(first, state("head", [4, 8]), state("headBias", [4]));
  const losses = fn.crossEntropy(
    logits,
    graph.input("labels", [2], "i32"),
    graph.constant([1, 1, 0, 1], [4]),
  );
  const names = ["gamma", "beta", "a", "b", "gain", "head", "headBias"];
  const shapes: Record<string, readonly number[]> = {
    gamma: [8],
    beta: [8],
    a: [3, 8],
    b: [24, 3],
    gain: [3],
    head: [4, 8],
    headBias: [4],
  };
  return { loss: fn.mean(losses), parameters: names.map((name) => graph.state(name, shapes[name]!)) };
}

export const programCases: readonly ProgramCase[] = [
  scenario("three steps of AdamW", { length: 32 }, async (session) => {
    const packed = session.tensor({
      shape: [3, 12],
      dtype: "f32",
      draw: (rng, i) => i < 12 ? rng.normal() : 0,
    }, "packed");
    const step = await session.compile((graph) => {
      const state = graph.state("packed", [3, 12]);
      const w = fn.reshape(fn.narrow(state, 0, 0, 1), [3, 4]);
      const error = fn.sub(
        fn.matmul(graph.input("x", [8, 4]), w, { transposeB: true }),
        graph.input("y", [8, 3]),
      );
      const loss = fn.mean(fn.mul(error, error));
      const grad = fn.flatten(gradients(loss, [w])[0]!);
      const decay = graph.fill(0.01, [12]);
      graph.update(
        "packed",
        fn.adamwStep(state, grad, decay, graph.input("hyper", [3]), {
          beta1: 0.9,
          beta2: 0.999,
          epsilon: 1e-8,
        }),
      );
      graph.output("loss", loss);
    }, { packed });
    for (let t = 1; t <= 3; t++) {
      const hyper = Float32Array.of(0.05, 1 - 0.9 ** t, 1 - 0.999 ** t);
      const x = session.draw(normal([8, 4]), `x${t}`);
      await step(
        { x, y: session.draw(normal([8, 3]), `y${t}`), hyper },
        t === 2 ? [] : ["loss"],
        `step ${t} `,
      );
    }
    await session.keep("packed", packed);
  }),

  scenario("gradients of a tiny transformer", { length: 128 }, async (session) => {
    const build = (graph: Graph) => {
      const { loss, parameters } = tinyTransformer(graph);
      graph.output("loss", loss);
      gradients(loss, parameters).forEach((gradient, i) => graph.output(`gradient ${i}`, gradient));
    };
    const { states, outputs } = trace(build);
    const frozen = ["w", "bias"];
    const bound = Object.fromEntries(
      Object.entries(states).map(([name, { shape }]) => [
        name,
        session.tensor(normal(shape, 0, 0.5), name, frozen.includes(name)),
      ]),
    );
    const run = await session.compile(build, bound);
    const labels = Int32Array.of(3, 0);
    await run({ x: session.draw(normal([2, 5, 8]), "x"), labels }, Object.keys(outputs));
  }),

  scenario("two states are swapped", "exact", async (session) => {
    const [a, b] = [session.tensor(normal([7]), "a"), session.tensor(normal([7]), "b")];
    const swap = await session.compile((graph) => {
      const [oldA, oldB] = [graph.state("a", [7]), graph.state("b", [7])];
      graph.update("a", oldB);
      graph.update("b", oldA);
    }, { a, b });
    await swap({}, []);
    await session.keep("a once", a);
    await swap({}, []);
    await swap({}, []);
    await session.keep("a", a);
    await session.keep("b", b);
  }),

  scenario("updates see old values only", "element", async (session) => {
    const [a, b] = [session.tensor(normal([5]), "a"), session.tensor(normal([5]), "b")];
    const run = await session.compile((graph) => {
      const [oldA, oldB] = [graph.state("a", [5]), graph.state("b", [5])];
      graph.update("a", fn.add(fn.mul(oldA, 0.5), oldB));
      graph.update("b", fn.mul(oldA, 2));
      graph.output("old a", oldA);
      graph.output("old b shifted", fn.add(oldB, 1));
    }, { a, b });
    await run({}, ["old a", "old b shifted"], "first ");
    await run({}, ["old b shifted", "old a"], "second ");
    await session.keep("a", a);
    await session.keep("b", b);
  }),

  scenario("states exchange views of each other", "exact", async (session) => {
    const a = session.tensor(normal([4, 3]), "a");
    const b = session.tensor(normal([12]), "b");
    const square = session.tensor(normal([5, 5]), "square");
    const run = await session.compile((graph) => {
      const [oldA, oldB] = [graph.state("a", [4, 3]), graph.state("b", [12])];
      graph.update("a", fn.reshape(oldB, [4, 3]));
      graph.update("b", fn.flatten(oldA));
      graph.update("square", fn.transpose(graph.state("square", [5, 5]), [1, 0]));
    }, { a, b, square });
    for (let i = 0; i < 3; i++) await run({}, []);
    await session.keep("a", a);
    await session.keep("b", b);
    await session.keep("square", square);
  }),

  scenario("outputs are leaves and views of leaves", "exact", async (session) => {
    const s = session.tensor(normal([2, 3]), "s");
    const run = await session.compile((graph) => {
      const x = graph.input("x", [6]);
      graph.output("input", x);
      graph.output("input again", x);
      graph.output("input seen as a matrix", fn.reshape(x, [3, 2]));
      graph.output("state", graph.state("s", [2, 3]));
      graph.output("state flat", fn.flatten(graph.state("s", [2, 3])));
      graph.output("constant", graph.constant([1.5, -2], [2]));
      graph.output("labels", graph.constant([3, 1, 2], [3], "i32"));
      graph.output("filled", graph.fill(0.25, [2, 2]));
    }, { s });
    const read = [
      "input",
      "input again",
      "input seen as a matrix",
      "state",
      "state flat",
      "constant",
      "labels",
      "filled",
    ];
    await run({ x: session.draw(normal([6]), "x") }, read);
    await run({ x: session.draw(normal([6]), "other x") }, read, "second ");
  }),

  scenario("an unused input and a state that is only written", "element", async (session) => {
    const s = session.tensor(normal([3]), "s");
    const run = await session.compile((graph) => {
      graph.input("unused", [4]);
      graph.input("unused labels", [2], "i32");
      graph.state("unused state", [9]);
      graph.state("s", [3]);
      graph.update("s", fn.mul(graph.input("x", [3]), 3));
    }, { s });
    const unused = new Float32Array(4);
    await run({ unused, "unused labels": new Int32Array(2), x: session.draw(normal([3]), "x") }, []);
    await session.keep("s", s);
  }),

  scenario("one node is output and update at once", "element", async (session) => {
    const tensors = { a: session.tensor(normal([5]), "a"), b: session.tensor(normal([5]), "b") };
    const run = await session.compile((graph) => {
      const next = fn.add(fn.mul(graph.state("a", [5]), 0.5), graph.input("x", [5]));
      graph.state("b", [5]);
      graph.update("a", next);
      graph.update("b", next);
      graph.output("next", next);
      graph.output("next again", next);
      graph.output("and further", fn.mul(next, 3));
    }, tensors);
    const read = ["next again", "next", "and further"];
    await run({ x: session.draw(normal([5]), "x1") }, read, "first ");
    await run({ x: session.draw(normal([5]), "x2") }, read, "second ");
    await session.keep("a", tensors.a);
    await session.keep("b", tensors.b);
  }),

  scenario("updates from an input and from a constant", "exact", async (session) => {
    const tensors = { a: session.tensor(normal([5]), "a"), b: session.tensor(normal([2]), "b") };
    const run = await session.compile((graph) => {
      graph.state("a", [5]);
      graph.state("b", [2]);
      graph.update("a", graph.input("x", [5]));
      graph.update("b", graph.constant([1, 2], [2]));
    }, tensors);
    await run({ x: session.draw(normal([5]), "x") }, []);
    await session.keep("a", tensors.a);
    await session.keep("b", tensors.b);
  }),

  scenario("labels and indices", "exact", async (session) => {
    const images = session.tensor(normal([10, 2, 3]), "images");
    const labels = session.tensor(integers([10], 4), "labels");
    const last = session.tensor(integers([6], 4), "last");
    const run = await session.compile((graph) => {
      const index = fn.concat([graph.input("index", [4], "i32"), graph.constant([9, 0], [2], "i32")]);
      const chosen = fn.gather(graph.state("labels", [10], "i32"), index);
      graph.state("last", [6], "i32");
      graph.update("last", chosen);
      graph.output("labels", fn.reshape(chosen, [2, 3]));
      graph.output("some", fn.slice(chosen, [1], [4]));
      graph.output("hot", fn.oneHot(chosen, 4));
      graph.output("images", fn.gather(graph.state("images", [10, 2, 3]), fn.reshape(index, [3, 2])));
    }, { images, labels, last });
    await run({ index: Int32Array.of(3, 3, 7, 1) }, ["labels", "some", "hot", "images"]);
    await session.keep("last", last);
  }),

  scenario("two programs share a tensor", "element", async (session) => {
    const s = session.tensor(normal([4, 3]), "s");
    const grow = await session.compile((graph) => {
      graph.update("s", fn.mul(graph.state("s", [4, 3]), graph.input("by", [1])));
    }, { s });
    const look = await session.compile((graph) => {
      graph.output("max", fn.max(graph.state("under another name", [4, 3])));
      graph.output("copy", graph.state("under another name", [4, 3]));
    }, { "under another name": s });
    await look({}, ["max", "copy"], "1 ");
    await grow({ by: Float32Array.of(3) }, []);
    await grow({ by: Float32Array.of(-0.7) }, []);
    await look({}, ["max", "copy"], "2 ");
    s.write(session.draw(normal([4, 3]), "from the host"));
    await look({}, ["copy"], "3 ");
    await grow({ by: Float32Array.of(2) }, []);
    await session.keep("s", s);
  }),

  scenario("a deep chain", { length: 400 }, async (session) => {
    const run = await session.compile((graph) => {
      let x = graph.input("x", [3, 7]);
      for (let i = 0; i < 200; i++) {
        x = fn.add(fn.mul(x, 0.99), 0.01 * (i % 7));
        if (i % 10 === 0) x = fn.sub(x, fn.max(x, { axes: [1], keepDims: true }));
      }
      graph.output("y", x);
    });
    await run({ x: session.draw(normal([3, 7]), "x") }, ["y"]);
  }),

  scenario("many values alive at once", { length: 64 }, async (session) => {
    const run = await session.compile((graph) => {
      const x = graph.input("x", [5, 6]);
      const kept = Array.from(
        { length: 24 },
        (_, i) => fn.matmul(fn.tanh(fn.mul(x, i / 8)), x, { transposeB: true }),
      );
      graph.output("sum", kept.reduceRight((total, next) => fn.add(fn.mul(total, 0.5), next)));
      kept.slice(0, 3).forEach((value, i) => graph.output(`kept ${i}`, value));
    });
    await run({ x: session.draw(normal([5, 6]), "x") }, ["sum", "kept 1", "kept 0", "kept 2"]);
    await run({ x: session.draw(normal([5, 6]), "other x") }, ["kept 2"], "second ");
    await run({ x: session.draw(normal([5, 6]), "third x") }, ["sum"], "third ");
  }),

  scenario("states start at zero and count runs", "exact", async (session) => {
    const shape = [2, 65];
    const counter = session.tensor({ shape, dtype: "f32", draw: () => 0 }, "counter");
    const run = await session.compile((graph) => {
      graph.update("counter", fn.add(graph.state("counter", shape), 1));
      graph.output("before", graph.state("counter", shape));
    }, { counter });
    for (let i = 0; i < 5; i++) await run({}, []);
    await run({}, ["before"]);
    await session.keep("counter", counter);
  }),

  scenario("a feed is reused after the run", "element", async (session) => {
    const s = session.tensor(normal([33]), "s");
    const run = await session.compile((graph) => {
      graph.update("s", fn.add(graph.state("s", [33]), graph.input("x", [33])));
    }, { s });
    const x = new Float32Array(33);
    for (const value of [1, 2, 3]) {
      x.fill(value);
      await run({ x }, []);
    }
    x.fill(NaN);
    await session.keep("s", s);
  }),
];
