/**
 * DER++ (Buzzega et al., arXiv 2004.07211): a reservoir of images with the logits of their time, from which every step
 * draws twice: once to keep the logits, once to keep the labels.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, crossEntropy, mean, mul, sub } from "../../graph/functions.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { classMask } from "../../methods/adapter_method.ts";
import type { Env, Kit, Method, Named } from "../../methods/method.ts";
import { branchOf, factors, maskOf, taskLoss } from "./test_parts.ts";

/** The buffer, of `count` images. */
export type Buffer = {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  /** [count, classes] */
  readonly logits: Float32Array;
  /** Images that came by so far. */
  readonly offered: number;
};

/** The model and the buffer. */
export type DerState = { readonly trained: NamedTensors | null; readonly buffer: Buffer };

const empty: Buffer = {
  images: new Uint8Array(),
  labels: new Int32Array(),
  logits: new Float32Array(),
  offered: 0,
};

function logitsOf(tensors: Named, env: Env, kit: Kit, table = "main") {
  const { feature } = env.encode(env.rows(table).images, { branches: [branchOf(tensors, kit)] });
  return kit.classifier.logits(feature, tensors);
}

/** Reservoir sampling: each image that came by is in the buffer with the same probability. */
function offer(
  buffer: Buffer,
  task: Table["images"],
  logits: HostTensor,
  size: number,
  kit: Kit,
  index: number,
) {
  const { images, labels, count } = task!;
  const [pixels, classes] = [images.length / count, logits.shape[1]!];
  const rng = kit.rng(`reservoir ${index}`);
  const held = Math.min(size, buffer.offered + count);
  const next = {
    images: new Uint8Array(held * pixels),
    labels: new Int32Array(held),
    logits: new Float32Array(held * classes),
    offered: buffer.offered + count,
  };
  next.images.set(buffer.images);
  next.labels.set(buffer.labels);
  next.logits.set(buffer.logits);
  for (let i = 0; i < count; i++) {
    const place = buffer.offered + i < size ? buffer.offered + i : rng.integer(buffer.offered + i + 1);
    if (place >= size) continue;
    next.images.set(images.subarray(i * pixels, (i + 1) * pixels), place * pixels);
    next.labels[place] = labels[i]!;
    next.logits.set(logits.data.subarray(i * classes, (i + 1) * classes), place * classes);
  }
  return next;
}

/** DER++ with a buffer of some images. */
export function derpp(size = 6, alpha = 0.3, beta = 0.5): Method<DerState> {
  return {
    name: "derpp",
    options: { size, alpha, beta },
    sees: "task",
    init: () => ({ trained: null, buffer: empty }),
    async learn({ trained, buffer }, task, kit) {
      const count = buffer.labels.length;
      const drawn: Table = {
        ...imageTable({ images: buffer.images, labels: buffer.labels, count }),
        columns: { logits: hostTensor([count, kit.classes], buffer.logits) },
      };
      const everything = Array.from({ length: kit.classes }, (_, label) => label);
      const { values } = await kit.fit({
        start: trained ?? { ...factors(kit, "task 0"), ...kit.freshClassifier() },
        fixed: { ...maskOf(task, kit), all: classMask(everything, kit) },
        tables: { main: imageTable(task.train), ...(count > 0 && { first: drawn, second: drawn }) },
        loss(trained, env) {
          const own = taskLoss(logitsOf(trained, env, kit), env);
          if (count === 0) return own;
          const moved = sub(logitsOf(trained, env, kit, "first"), env.rows("first")["logits"]!);
          const again = logitsOf(trained, env, kit, "second");
          const wrong = mean(crossEntropy(again, env.rows("second").labels, env.fixed["all"]!));
          return add(own, add(mul(mean(mul(moved, moved)), alpha), mul(wrong, beta)));
        },
      });
      const pass = { fixed: values, output: (env: Env) => logitsOf(env.fixed, env, kit) };
      const logits = await kit.map(pass, imageTable(task.train));
      return { trained: values, buffer: offer(buffer, task.train, logits, size, kit, task.index) };
    },
    deploy: ({ trained }, kit) => ({
      passes: [{ fixed: trained!, output: (env) => logitsOf(env.fixed, env, kit) }],
      scores: ([logits]) => logits!,
    }),
  };
}
