/**
 * Cases of `u8`: images that are fed and kept as bytes.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import { gradients } from "../../graph/autodiff.ts";
import * as fn from "../../graph/functions.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { bytes, coarse, given, integers, MANY_ROWS, normal, opCase, type ProgramCase, size } from "./case.ts";
import { scenario } from "./programs.ts";

/** Mostly of no multiple of 4 elements. */
const shapes: readonly Shape[] = [
  [],
  [1],
  [2],
  [3],
  [4],
  [5],
  [3, 5],
  [1, 1, 257],
  [2, 3, 5, 7],
  [3, 7, 7, 3],
  [64, 16],
  [MANY_ROWS, 3],
];

/** Cases by op. */
export const bytesCases = {
  fromBytes: [
    ...shapes.map((shape) =>
      opCase("fromBytes", size(shape), { x: bytes(shape) }, "exact", ({ x }) => fn.fromBytes(x))
    ),
    ...[256, 257].map((count) =>
      opCase(
        "fromBytes",
        `every value in ${count}`,
        { x: given([count], Array.from({ length: 256 }, (_, i) => i), "u8") },
        "exact",
        ({ x }) => fn.fromBytes(x),
      )
    ),
    opCase(
      "fromBytes",
      "beside products",
      { a: coarse([3, 6]), w: coarse([5, 6]), bias: coarse([5]), x: bytes([3, 5]) },
      { length: 6 },
      ({ a, w, bias, x }) => ({
        added: fn.add(fn.linear(a, w, bias), fn.fromBytes(x)),
        scaled: fn.mul(fn.fromBytes(x), fn.matmul(a, w, { transposeB: true })),
        multiplied: fn.matmul(fn.fromBytes(x), w),
      }),
    ),
    opCase("fromBytes", "of a state", {}, "exact", ({ s }) => fn.fromBytes(s), { s: bytes([3, 7]) }),
    opCase(
      "fromBytes",
      "read twice, and as bytes",
      { x: bytes([2, 3, 5]) },
      "element",
      ({ x }) => ({
        bytes: x,
        flat: fn.neg(fn.flatten(fn.fromBytes(x))),
        last: fn.narrow(fn.fromBytes(x), 2, 3, 2),
      }),
    ),
  ],
};

const [BATCH, SIDE, CHANNELS, CLASSES] = [3, 5, 3, 4] as const;
const PIXELS = SIDE * SIDE * CHANNELS;
const IMAGES: Shape = [BATCH, CHANNELS, SIDE, SIDE];

/** Pixels as a backbone wants them: per channel (x / 255 - mean) / std as one product and one sum. */
function normalised(graph: Graph, images: Tensor): Tensor {
  const perChannel = (values: readonly number[]) => graph.constant(values, [CHANNELS, 1, 1]);
  const [mean, std] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
  const scaled = fn.mul(fn.fromBytes(images), perChannel(std.map((s) => 1 / (255 * s))));
  return fn.add(scaled, perChannel(mean.map((m, c) => -m / std[c]!)));
}

function logitsOf(graph: Graph, images: Tensor): Tensor {
  const rows = fn.reshape(normalised(graph, images), [BATCH, PIXELS]);
  return fn.linear(rows, graph.state("w", [CLASSES, PIXELS]), graph.state("bias", [CLASSES]));
}

/** Whole programs. */
export const bytesPrograms: readonly ProgramCase[] = [
  scenario("training on images that are fed as bytes", { length: 256 }, async (session) => {
    const states = {
      w: session.tensor(normal([CLASSES, PIXELS], 0, 0.1), "w"),
      bias: session.tensor(normal([CLASSES]), "bias"),
    };
    const step = await session.compile((graph) => {
      const images = graph.input("images", IMAGES, "u8");
      const logits = logitsOf(graph, images);
      const labels = graph.input("labels", [BATCH], "i32");
      const loss = fn.mean(fn.crossEntropy(logits, labels, graph.fill(1, [CLASSES])));
      const [w, bias] = [graph.state("w", [CLASSES, PIXELS]), graph.state("bias", [CLASSES])];
      const [dw, dbias, dimages] = gradients(loss, [w, bias, images]) as [Tensor, Tensor, Tensor];
      graph.update("w", fn.sub(w, fn.mul(dw, 0.01)));
      graph.update("bias", fn.sub(bias, fn.mul(dbias, 0.01)));
      for (const [name, value] of Object.entries({ loss, logits, dw, dbias, dimages })) {
        graph.output(name, value);
      }
    }, states);
    const images = new Uint8Array(BATCH * PIXELS);
    for (let i = 0; i < 3; i++) {
      images.set(session.draw(bytes(IMAGES), `images ${i}`));
      const labels = session.draw(integers([BATCH], CLASSES), `labels ${i}`);
      await step({ images, labels }, i === 1 ? [] : ["loss", "logits", "dw", "dbias", "dimages"], `${i} `);
    }
    images.fill(255);
    await session.keep("w", states.w);
    await session.keep("bias", states.bias);
  }),

  scenario("images that stay as bytes", { length: 256 }, async (session) => {
    const states = {
      w: session.tensor(normal([CLASSES, PIXELS], 0, 0.1), "w"),
      bias: session.tensor(normal([CLASSES]), "bias"),
      kept: session.tensor(bytes(IMAGES), "kept"),
      fixed: session.tensor(bytes(IMAGES), "fixed", true),
    };
    const run = await session.compile((graph) => {
      graph.output("of kept", logitsOf(graph, graph.state("kept", IMAGES, "u8")));
      graph.output("of fixed", logitsOf(graph, graph.state("fixed", IMAGES, "u8")));
      graph.output("of fed", logitsOf(graph, graph.input("fed", IMAGES, "u8")));
    }, states);
    const fed = session.draw(bytes(IMAGES), "fed");
    const read = ["of kept", "of fixed", "of fed"];
    await run({ fed }, read, "1 ");
    states.kept.write(fed);
    await run({ fed: session.draw(bytes(IMAGES), "fed again") }, read, "2 ");
    await session.keep("kept", states.kept);
    await session.keep("fixed", states.fixed);
  }),

  scenario("bytes move between inputs, states and outputs", "exact", async (session) => {
    const shape = [3, 7];
    const tensors = Object.fromEntries(
      ["a", "b", "c", "d"].map((name) => [name, session.tensor(bytes(shape), name)]),
    );
    const run = await session.compile((graph) => {
      const [a, b] = [graph.state("a", shape, "u8"), graph.state("b", shape, "u8")];
      graph.state("c", shape, "u8");
      graph.update("a", b);
      graph.update("b", a);
      graph.update("c", graph.input("x", shape, "u8"));
      graph.output("y", graph.input("y", [5], "u8"));
      graph.output("b", b);
      graph.output("d", fn.fromBytes(graph.state("d", shape, "u8")));
    }, tensors);
    for (const [i, read] of [["y", "d", "b"], [], ["b", "y"]].entries()) {
      const x = session.draw(bytes(shape), `x ${i}`);
      await run({ x, y: session.draw(bytes([5]), `y ${i}`) }, read, `${i} `);
    }
    for (const [name, tensor] of Object.entries(tensors)) await session.keep(name, tensor);
  }),

  scenario("bytes lie anywhere in an array, and start as zeros", "exact", async (session) => {
    const run = await session.compile((graph) => {
      graph.output("y", fn.fromBytes(graph.input("x", [8], "u8")));
      graph.output("z", fn.fromBytes(graph.input("z", [5], "u8")));
    });
    const all = session.draw(bytes([32]), "all");
    await run({ x: all.subarray(3, 11), z: all.subarray(14, 19) }, ["y", "z"]);
    await session.keep("zeros", session.blank([9], "u8"));
  }),
];
