/**
 * ADA-CM (Lei et al., ICCV 2023): a memory of labelled features answers by similarity, in two branches, beside class
 * names that need no examples.
 *
 * Training-free (`tuned=false`):
 *
 * 1. Of each class keep `shots` unit features in two branches: the model's feature (there: of person and object), and
 *    the mean of the patches (there: of the region around both).
 * 2. A branch's logit of a class is the mean similarity to its keys: ℓ = (f Kᵀ) L / n, with the labels L of the keys
 *    and n of them a class. The third logit ℓ_T is the cosine with the class's mean feature (there: with its name).
 * 3. logits = (γ ℓ_1 + γ ℓ_2 + ℓ_T) / (2 γ + 1).
 *
 * Tuned (`tuned=true`): before its keys are kept, a task trains the adapter, and its keys and class rows from their
 * start in the memory, by cross-entropy of m_1 (f Kᵀ - 1) L / n + m_2 (…) + m_3 ℓ_T, with factors m that start at
 * ln(1 / 0.07). Keys of earlier classes stay, also where the adapter has moved since.
 *
 * Published: the logits, γ = 0.5, the bias -1 of tuned keys, the factors' start. Ours: what stands for the branches and
 * for names in a stream of plain images, and one adapter where there was an adapter fed by a detector.
 *
 * @module
 */
import { z } from "zod";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, concat, matmul, mean, mul, narrow, reshape, sub, sum, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { featureWidth, patchCount, prefixCount } from "../../nn/config.ts";
import { classMeans, unitRows } from "../../nn/heads.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { parseFactor } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf, unit } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";

/** Of the trained factors. */
const FACTOR = Math.log(1 / 0.07);

/**
 * The memory of all classes, from the start: keys `own` and `patch` [classes, shots, width], zero where there is none,
 * `names` [classes, width]; how many keys a class has; the factors.
 */
export type AdaCmState = {
  readonly memory: NamedTensors;
  readonly counts: Int32Array;
  readonly adapter: Adapter | null;
  readonly factors: HostTensor;
};

const options = z.strictObject({
  tuned: z.boolean().default(false).describe("Whether adapter and memory train, or nothing does"),
  shots: z.int().min(1).default(8).describe("Features kept for a class in each of the two branches"),
  gamma: z.number().min(0).default(0.5).describe("Weight γ of a branch of the memory, untuned"),
});
type Options = z.infer<typeof options>;

/** ADA-CM. */
export const adaCm: MethodDefinition = defineMethod({
  name: "ada-cm",
  summary: "A memory of a few features a class answers by similarity in two branches, beside class means",
  source: "Lei et al., ICCV 2023; code ltttpku/ADA-CM",
  family: "system",
  needsNewClasses: "The keys of a class are drawn from its images when it is new",
  year: 2023,
  adapted:
    "Feature and mean patch stand for its two branches, class means for names; it keeps its own classifier",
  keeps: "A few features of each class in two branches, class means; tuned also one adapter",
  buffer: "Features of single images: `shots` a class, twice",
  options,
  create: (options): Omit<Method<AdaCmState>, "name" | "options"> => ({
    sees: "task",
    ...(!options.tuned && { trains: false as const }),
    init({ config, classes }) {
      const { width } = config;
      const full = featureWidth(config);
      return {
        memory: {
          own: hostTensor([classes, options.shots, full]),
          patch: hostTensor([classes, options.shots, width]),
          names: hostTensor([classes, full]),
        },
        counts: new Int32Array(classes),
        adapter: null,
        factors: hostTensor([3], new Float32Array(3).fill(FACTOR)),
      };
    },
    async learn(state, task, kit) {
      if (!options.tuned) return { ...state, ...await remember(state, task, kit, undefined, options) };
      return await tune(state, task, kit, options);
    },
    deploy({ memory, counts, adapter, factors }, { config }) {
      const { gamma } = options;
      const weights = options.tuned ? factors : hostTensor([3], Float32Array.of(gamma, gamma, 1));
      return {
        passes: [bothPass(adapter ?? undefined, { config })],
        fixed: { ...memory, counts: countsOf(counts), weights },
        scores: ([both], { fixed }) =>
          options.tuned
            ? tunedLogits(both!, fixed, fixed["weights"]!)
            : freeLogits(both!, fixed, fixed["weights"]!),
      };
    },
    facts: ({ counts }) => ({ keys: counts.reduce((a, b) => a + b, 0) }),
  }),
});

/** Feature and mean patch of the present batch, side by side. */
function both(env: Env, { config }: Pick<Kit, "config">, branches: readonly LoraBranch[] = []): Tensor {
  const { feature, tokens } = env.encode(env.rows().images, { branches });
  return concat(
    [feature, mean(narrow(tokens, 1, prefixCount(config), patchCount(config)), { axes: [1] })],
    1,
  );
}

function bothPass(adapter: Adapter | undefined, kit: Pick<Kit, "config">): Pass {
  return { ...(adapter && { adapter }), output: (env) => both(env, kit) };
}

function countsOf(counts: Int32Array): HostTensor {
  return hostTensor([counts.length], Float32Array.from(counts));
}

/** The three logits [batch, classes]: two of the memory, with a bias on every similarity, and that of the means. */
function threeLogits(
  both: Tensor,
  { own, patch, names, counts }: Named,
  bias: number,
): [Tensor, Tensor, Tensor] {
  const [classes, shots, width] = own!.shape as [number, number, number];
  const batch = both.shape[0]!;
  const feature = unit(narrow(both, 1, 0, width));
  const patches = unit(narrow(both, 1, width, both.shape[1]! - width));
  // Classes without keys would divide by zero.
  const share = where(counts!, counts!, 1);
  const branch = (value: Tensor, keys: Tensor) => {
    const rows = reshape(keys, [classes * shots, keys.shape[2]!]);
    const alike = sum(reshape(matmul(value, rows, { transposeB: true }), [batch, classes, shots]), {
      axes: [2],
    });
    return bias === 0 ? mul(alike, invert(share)) : add(mul(alike, invert(share)), bias);
  };
  return [branch(feature, own!), branch(patches, patch!), matmul(feature, names!, { transposeB: true })];
}

function invert(x: Tensor): Tensor {
  return x.graph.make("unary", { fn: "reciprocal" }, [x]);
}

/** (γ ℓ_1 + γ ℓ_2 + ℓ_T) / (2 γ + 1), with weights (γ, γ, 1). */
export function freeLogits(both: Tensor, memory: Named, weights: Tensor): Tensor {
  return mul(weighted(threeLogits(both, memory, 0), weights), invert(sum(weights)));
}

/** m_1 (ℓ_1 - 1) + m_2 (ℓ_2 - 1) + m_3 ℓ_T: a bias -1 on every key is one on their mean. */
export function tunedLogits(both: Tensor, memory: Named, weights: Tensor): Tensor {
  return weighted(threeLogits(both, memory, -1), weights);
}

function weighted(logits: readonly Tensor[], weights: Tensor): Tensor {
  return logits.map((logit, i) => mul(logit, narrow(weights, 0, i, 1))).reduce((a, b) => add(a, b));
}

/** The memory with the classes of a task: features of images drawn for it, and class means. */
async function remember(
  state: AdaCmState,
  task: TaskView,
  kit: Kit,
  adapter: Adapter | undefined,
  { shots }: Options,
): Promise<Pick<AdaCmState, "memory" | "counts">> {
  const { data, shape } = await kit.map(bothPass(adapter, kit), imageTable(task.train));
  const [full, whole] = [featureWidth(kit.config), shape[1]!];
  const partOf = (from: number, to: number) => {
    const rows = new Float32Array(task.train.count * (to - from));
    for (let i = 0; i < task.train.count; i++) {
      rows.set(data.subarray(i * whole + from, i * whole + to), i * (to - from));
    }
    return Float32Array.from(unitRows(rows, to - from));
  };
  const [own, patch] = [partOf(0, full), partOf(full, whole)];
  const copy = (name: string) => hostTensor(state.memory[name]!.shape, state.memory[name]!.data.slice());
  const memory = { own: copy("own"), patch: copy("patch"), names: copy("names") };
  const counts = state.counts.slice();
  const means = unitRows(classMeans(own, task.train.labels, kit.classes).means, full);
  for (const label of task.classes) {
    const members = [...task.train.labels.keys()].filter((i) => task.train.labels[i] === label);
    const chosen = kit.rng(`keys of ${label}`).shuffle(members).slice(0, shots);
    chosen.forEach((image, shot) => {
      for (const [keys, rows] of [[memory.own, own], [memory.patch, patch]] as const) {
        const width = keys.shape[2]!;
        keys.data.set(rows.subarray(image * width, (image + 1) * width), (label * shots + shot) * width);
      }
    });
    counts[label] = chosen.length;
    memory.names.data.set(means.subarray(label * full, (label + 1) * full), label * full);
  }
  return { memory, counts };
}

/** Trains the adapter, the factors, and what the memory has of the task's classes. */
async function tune(state: AdaCmState, task: TaskView, kit: Kit, options: Options): Promise<AdaCmState> {
  const begun = await remember(state, task, kit, state.adapter ?? undefined, options);
  const { values } = await kit.fit({
    start: { ...factorsOf(state.adapter ?? firstStart(kit)), ...begun.memory, weights: state.factors },
    fixed: {
      ...maskOf(task, kit),
      counts: countsOf(begun.counts),
      ...movesOf(begun.counts, task, kit, options),
      ...Object.fromEntries(Object.entries(begun.memory).map(([name, tensor]) => [`at.${name}`, tensor])),
    },
    tables: { main: imageTable(task.train) },
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const value = both(env, kit, [branchOf(trained, kit)]);
      return taskLoss(tunedLogits(value, movingMemory(trained, env.fixed), trained["weights"]!), env);
    },
  });
  const adapter = adapterFromTensors(values, kit.lora.scale);
  kit.trained(adapter);
  const memory = Object.fromEntries(Object.keys(begun.memory).map((name) => [name, values[name]!]));
  return { memory, counts: begun.counts, adapter, factors: values["weights"]! };
}

/** 1 for what trains of the memory: keys that are there and class means, of the task's classes. */
function movesOf(counts: Int32Array, task: TaskView, { classes }: Kit, { shots }: Options): NamedTensors {
  const [keys, names] = [hostTensor([classes, shots, 1]), hostTensor([classes, 1])];
  for (const label of task.classes) {
    keys.data.fill(1, label * shots, label * shots + counts[label]!);
    names.data[label] = 1;
  }
  return { "moves.own": keys, "moves.patch": keys, "moves.names": names };
}

/** The memory in training: what does not move is as it was. */
function movingMemory(trained: Named, fixed: Named): Named {
  const parts = ["own", "patch", "names"].map((name) => {
    const moves = fixed[`moves.${name}`]!;
    return [name, add(mul(trained[name]!, moves), mul(fixed[`at.${name}`]!, sub(1, moves)))] as const;
  });
  return { ...fixed, ...Object.fromEntries(parts) };
}
