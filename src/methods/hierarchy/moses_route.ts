/**
 * How MoSEs runs: each image takes the masked experts of the task whose key is nearest to its frozen feature.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { add, div, equal, matmul, max, reshape, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { loraSites } from "../../nn/sites.ts";
import type { Env, Kit, Pass } from "../method.ts";
import { unit } from "../pieces/tensors.ts";
import { unpackBits } from "./sub_experts.ts";

/** A pair of something for each site. */
export type Pairs<Value> = { readonly [site: string]: { readonly a: Value; readonly b: Value } };

/** What is kept of a task. */
export type SubExperts = {
  /** Of each expert; 0 where it has no part. */
  readonly gates: readonly number[];
  /** [width], of length 1. */
  readonly key: Float32Array;
  /** Bits for the entries of the experts' factors, eight to a byte. */
  readonly masks: Pairs<Uint8Array>;
};

/** Tasks that a program has room for, or a multiple of it. */
const SLOTS = 16;

/** Step 4: the feature of each image with the factors of its task. */
export function routedPass(
  { experts, tasks }: { readonly experts: Pairs<HostTensor>; readonly tasks: readonly SubExperts[] },
  kit: Kit,
  active: number,
): Pass {
  const sites = loraSites(kit.config, kit.lora.targets);
  const width = featureWidth(kit.config);
  const rank = active * kit.lora.rank;
  const slots = Math.max(1, Math.ceil(tasks.length / SLOTS)) * SLOTS;
  const keys = hostTensor([slots, width]);
  const empty = hostTensor(
    [1, slots],
    Float32Array.from({ length: slots }, (_, i) => i < tasks.length ? 0 : -1e9),
  );
  tasks.forEach(({ key }, slot) => keys.data.set(key, slot * width));
  const tables = sites.flatMap(({ name, inputs, outputs }) => {
    const [a, b] = [hostTensor([slots, rank * inputs]), hostTensor([slots, outputs * rank])];
    tasks.forEach((task, slot) => {
      const pair = taskPair(experts[name]!, task, name, kit.lora.rank);
      a.data.set(pair.a, slot * rank * inputs);
      b.data.set(pair.b, slot * rank * outputs);
    });
    return [[`a.${name}`, a], [`b.${name}`, b]] as const;
  });
  return {
    fixed: { keys, empty, ...Object.fromEntries(tables) },
    output(env) {
      const { images } = env.rows();
      const route = nearest(env.encode(images).feature, env);
      const batch = images.shape[0]!;
      const pairs = sites.map(({ name, inputs, outputs }) =>
        [name, {
          a: reshape(matmul(route, env.fixed[`a.${name}`]!), [batch, rank, inputs]),
          b: reshape(matmul(route, env.fixed[`b.${name}`]!), [batch, outputs, rank]),
        }] as const
      );
      const gain = constant(env, kit.lora.scale);
      return env.encode(images, { branches: [{ pairs: Object.fromEntries(pairs), gain }] }).feature;
    },
  };
}

function constant({ graph }: Env, value: number): Tensor {
  return graph.make("constant", { data: Float64Array.of(value), shape: [1], dtype: "f32" }, []);
}

/** 1 for the task whose key is nearest, else 0: [batch, slots]. */
function nearest(feature: Tensor, { fixed }: Env): Tensor {
  const cosines = add(matmul(unit(feature), fixed["keys"]!, { transposeB: true }), fixed["empty"]!);
  const route = equal(cosines, max(cosines, { axes: [1], keepDims: true }));
  // Equal keys share an image.
  return div(route, sum(route, { axes: [1], keepDims: true }));
}

/** A task's factors of one site: A [active · rank, in] and B [out, active · rank], with the gates in B. */
export function taskPair(
  { a, b }: { readonly a: HostTensor; readonly b: HostTensor },
  { gates, masks }: Pick<SubExperts, "gates" | "masks">,
  site: string,
  rank: number,
): { readonly a: Float32Array; readonly b: Float32Array } {
  const chosen = gates.flatMap((gate, expert) =>
    gate > 0 ? Array.from({ length: rank }, (_, r) => expert * rank + r) : []
  );
  const ranks = gates.length * rank;
  const inputs = a.shape[1]!;
  const [bitsA, bitsB] = [
    unpackBits(masks[site]!.a, a.data.length),
    unpackBits(masks[site]!.b, b.data.length),
  ];
  const entryA = (i: number) => {
    const at = chosen[Math.floor(i / inputs)]! * inputs + i % inputs;
    return a.data[at]! * bitsA[at]!;
  };
  const entryB = (i: number) => {
    const component = chosen[i % chosen.length]!;
    const at = Math.floor(i / chosen.length) * ranks + component;
    return b.data[at]! * bitsB[at]! * gates[Math.floor(component / rank)]!;
  };
  return {
    a: Float32Array.from({ length: chosen.length * inputs }, (_, i) => entryA(i)),
    b: Float32Array.from({ length: b.shape[0]! * chosen.length }, (_, i) => entryB(i)),
  };
}
