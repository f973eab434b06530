/**
 * What becomes the feature of an image, and the classifier that reads it. Tensors tell some of it (`fc_norm`, a second
 * classifier), files beside them or the caller the rest; without a word it is the class token.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import type { Pool } from "../../nn/config.ts";

type Fail = (why: string) => never;

/** Halves of the mean of two answers, as one layer over two tokens side by side. */
function meanOfTwo(first: HostTensor, second: HostTensor): HostTensor {
  if (first.shape.length === 1) {
    return hostTensor(first.shape, first.data.map((value, i) => (value + second.data[i]!) / 2));
  }
  const [rows, width] = first.shape as [number, number];
  const result = hostTensor([rows, 2 * width]);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      result.data[row * 2 * width + i] = first.data[row * width + i]! / 2;
      result.data[row * 2 * width + width + i] = second.data[row * width + i]! / 2;
    }
  }
  return result;
}

/** The teacher's and the labels' classifier of a distilled DeiT as one. */
export function joinHeads(tensors: NamedTensors, fail: Fail): NamedTensors {
  const joined: Record<string, HostTensor> = { ...tensors };
  for (const kind of ["weight", "bias"]) {
    const [first, second] = [tensors[`head.${kind}`], tensors[`head_dist.${kind}`]];
    const rank = kind === "weight" ? 2 : 1;
    if (!first || !second || first.shape.length !== rank || !sameShape(first.shape, second.shape)) {
      const shown = [first, second].map((one) => one ? formatShape(one.shape) : "nothing").join(" and ");
      return fail(
        `found ${shown} for the ${kind}s of two classifiers, wanted equal ones: their answers are averaged`,
      );
    }
    joined[`head.${kind}`] = meanOfTwo(first, second);
    delete joined[`head_dist.${kind}`];
  }
  return joined;
}

/** The pool that a classifier for two vectors side by side needs, if the file's naming tells it. */
function poolOfHead(head: HostTensor | undefined, width: number, map: string): Pool | undefined {
  const isDouble = head?.shape.length === 2 && head.shape[1] === 2 * width;
  return isDouble && map.startsWith("hugging-face") ? "token-and-mean" : undefined;
}

/** A pool, and the tensors that go with it. */
export interface Pooling {
  readonly pool: Pool;
  readonly tensors: NamedTensors;
}

/**
 * Settles it.
 *
 * @param tensors After `settleTokens`
 * @param stated What files beside the weights say
 * @param asked What the caller says, which wins
 * @throws {InputError} If it is not known, or does not go with the tensors
 */
export function settlePooling(
  tensors: NamedTensors,
  { stated, asked, map }: {
    readonly stated?: Pool | undefined;
    readonly asked?: Pool | undefined;
    readonly map: string;
  },
  file: string,
): Pooling {
  const fail = (why: string): never => {
    throw new InputError(`Cannot load ${file}: ${why}`);
  };
  const isTeachers = "head_dist.weight" in tensors || "head_dist.bias" in tensors;
  const plain = isTeachers ? joinHeads(tensors, fail) : tensors;
  const hasMeanNorm = "fc_norm.weight" in plain || "fc_norm.bias" in plain;
  if (hasMeanNorm && ("norm.weight" in plain || "norm.bias" in plain)) {
    return fail('found "fc_norm" beside "norm", wanted one final norm: of the tokens or of their mean');
  }
  const width = plain["pos_embed"]?.shape[2] ?? 0;
  const told = hasMeanNorm
    ? "norm-of-mean"
    : isTeachers
    ? "token-and-register"
    : poolOfHead(plain["head.weight"], width, map);
  const wanted = asked ?? stated;
  // A mean is that of fc_norm where there is one.
  const chosen = wanted === "mean" && hasMeanNorm ? "norm-of-mean" : wanted;
  if (chosen !== undefined && told !== undefined && chosen !== told && (hasMeanNorm || isTeachers)) {
    return fail(`found tensors of the pool ${told}, wanted ${chosen}, as stated`);
  }
  const pool = chosen ?? told ?? "token";
  const hasToken = "cls_token" in plain;
  if (!hasToken && pool.startsWith("token")) {
    return fail(
      "found no class token, wanted one, or the pool that makes the feature without it, in a config.json or as " +
        "an override (--pool mean)",
    );
  }
  if (pool === "token-and-register" && !("reg_token" in plain)) {
    return fail("found no second token, wanted one for the pool token-and-register");
  }
  if (!hasMeanNorm) return { pool, tensors: plain };
  const { "fc_norm.weight": weight, "fc_norm.bias": bias, ...others } = plain;
  return {
    pool,
    tensors: { ...others, ...(weight && { "norm.weight": weight }), ...(bias && { "norm.bias": bias }) },
  };
}
