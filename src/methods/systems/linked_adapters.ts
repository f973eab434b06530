/**
 * Linked Adapters (arXiv 2412.10687): an adapter of each task, linked to those of other tasks by weights that a small
 * network gives, so that what they know is used and not changed.
 *
 * 1. A task has an adapter Φ_t and an embedding e_t; every block h has a small network f_h over pairs of embeddings.
 * 2. On task t the forward pass adds Φ_t + Σ_{p<t} β_h^{pt} Φ_p with β_h^{pt} = f_h(e_p, e_t). Φ_t, e_t and all f_h
 *    train; earlier adapters and embeddings stay.
 * 3. So that the f_h keep the links of earlier tasks, Σ_{p<q<t} Σ_h (β_h^{pq} - β̄_h^{pq})² is added, with β̄ the links
 *    after the last task.
 * 4. At test task t also has links back to later tasks, β_h^{st} = f_h(e_s, e_t) for s > t, which no task has trained:
 *    `backward`.
 * 5. The paper is told the task. Here each task's linked model scores the classes of its task, and the best of all is
 *    chosen: one pass a task, each with one folded adapter.
 *
 * The form of f_h and step 3 are our reading: one hidden layer with tanh, and a last layer that starts at zero, so that
 * a task starts without links.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import {
  add,
  broadcast,
  concat,
  matmul,
  mul,
  narrow,
  reshape,
  sub,
  sum,
  tanh,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors, type LoraPair } from "../../nn/adapter.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { factorName, loraSites, parseFactor } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf, noise } from "../pieces/tensors.ts";
import { diagonalPredictor } from "./diagonal.ts";

/** Places for earlier adapters grow by so many at a time, and programs with them. */
const PLACES = 8;
/** Of the networks. */
const HIDDEN = 16;

/** The networks of all blocks: `links.in` [depth, 2 e, hidden], `links.bias` [depth, 1, hidden], `links.out` [depth, hidden, 1]. */
export type LinkedState = {
  readonly tasks: readonly { readonly classes: readonly number[]; readonly adapter: Adapter }[];
  /** [e] of each task. */
  readonly embeddings: readonly Float32Array[];
  readonly links: NamedTensors;
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  embedding: z.int().min(1).default(8).describe("Numbers of a task's embedding"),
  keep: z.number().min(0).default(1).describe("Strength of the term that keeps the links of earlier tasks"),
  backward: z.boolean().default(true).describe("Whether a task's model has links to later tasks at test"),
});
type Options = z.infer<typeof options>;

/** Linked Adapters. */
export const linkedAdapters: MethodDefinition = defineMethod({
  name: "linked-adapters",
  summary: "An adapter for each task, linked to the others by weights that small networks learn",
  source: "arXiv 2412.10687",
  family: "system",
  needsNewClasses: "A class belongs to one task, whose model alone scores it",
  year: 2024,
  adapted: "LoRA for bottlenecks; with no task given, every task's linked model scores its own classes",
  keeps: "Adapter and embedding of each task, and the networks of the links",
  grows: "An adapter and a forward pass for every task; training's program after every eighth",
  options,
  create: (options): Omit<Method<LinkedState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({
      tasks: [],
      embeddings: [],
      links: freshLinks(kit, options.embedding),
      classifier: kit.freshClassifier(),
    }),
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: (state, kit) =>
      diagonalPredictor(
        state.tasks.map((_, task) => linkedPass(state, task, options)),
        state.tasks.map(({ classes }) => classes),
        state.classifier,
        kit.classifier,
        kit,
      ),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ embeddings, links }) => ({
      links: embeddings.map((own) => embeddings.map((other) => mean(hostLinks(links, other, own)))),
    }),
  }),
});

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function freshLinks(kit: Kit, size: number): NamedTensors {
  const { depth } = kit.config;
  return {
    "links.in": noise(kit, [depth, 2 * size, HIDDEN], "links", 1 / Math.sqrt(2 * size)),
    "links.bias": hostTensor([depth, 1, HIDDEN]),
    "links.out": hostTensor([depth, HIDDEN, 1]),
  };
}

/**
 * β_h for pairs of embeddings: [depth, pairs].
 *
 * @param pairs [pairs, 2 e]: the embedding of the task that gives, then of that which takes
 */
export function linkWeights(links: Named, pairs: Tensor): Tensor {
  const [depth, size] = links["links.in"]!.shape as [number, number];
  const count = pairs.shape[0]!;
  const all = broadcast(reshape(pairs, [1, count, size]), [depth, count, size]);
  const hidden = tanh(add(matmul(all, links["links.in"]!), links["links.bias"]!));
  return reshape(matmul(hidden, links["links.out"]!), [depth, count]);
}

/** The same for one pair on the host: one number a block. */
function hostLinks(links: NamedTensors, giver: Float32Array, taker: Float32Array): number[] {
  const [depth, size] = links["links.in"]!.shape as [number, number];
  const pair = [...giver, ...taker];
  return Array.from({ length: depth }, (_, h) => {
    let total = 0;
    for (let j = 0; j < HIDDEN; j++) {
      let hidden = links["links.bias"]!.data[h * HIDDEN + j]!;
      for (let i = 0; i < size; i++) {
        hidden += pair[i]! * links["links.in"]!.data[(h * size + i) * HIDDEN + j]!;
      }
      total += Math.tanh(hidden) * links["links.out"]!.data[h * HIDDEN + j]!;
    }
    return total;
  });
}

/** Factors side by side with the B of adapter i in block h times `weights[i][h]`; scales go into B. */
export function linkedAdapter(
  adapters: readonly Adapter[],
  weights: readonly (readonly number[])[],
): Adapter {
  const pairs = Object.keys(adapters[0]!.pairs).map((site): readonly [string, LoraPair] => {
    const block = Number(site.split(".")[0]);
    const own = adapters.map(({ pairs }) => pairs[site]!);
    const [inputs, outputs] = [own[0]!.a.shape[1]!, own[0]!.b.shape[0]!];
    const rank = own.reduce((total, { a }) => total + a.shape[0]!, 0);
    const [a, b] = [hostTensor([rank, inputs]), hostTensor([outputs, rank])];
    let first = 0;
    own.forEach((pair, i) => {
      const [size, factor] = [pair.a.shape[0]!, adapters[i]!.scale * weights[i]![block]!];
      a.data.set(pair.a.data, first * inputs);
      pair.b.data.forEach((value, at) =>
        b.data[Math.floor(at / size) * rank + first + at % size] = factor * value
      );
      first += size;
    });
    return [site, { a, b }];
  });
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** The linked model of a task. */
function linkedPass({ tasks, embeddings, links }: LinkedState, task: number, { backward }: Options): Pass {
  const used = tasks.map((_, other) => other).filter((other) => other <= task || backward);
  const weights = used.map((other) => {
    const found = hostLinks(links, embeddings[other]!, embeddings[task]!);
    return other === task ? found.map(() => 1) : found;
  });
  return featurePass(linkedAdapter(used.map((other) => tasks[other]!.adapter), weights));
}

/** The earlier adapters in a graph: one branch, B times the links of its block. */
export function linkedBranch(fixed: Named, weights: Tensor, kit: Pick<Kit, "config" | "lora">): LoraBranch {
  const { rank, scale, targets } = kit.lora;
  const places = weights.shape[1]!;
  const pairs = loraSites(kit.config, targets).map(({ name, block }) => {
    const row = reshape(narrow(weights, 0, block, 1), [places, 1]);
    const spread = reshape(broadcast(row, [places, rank]), [1, places * rank]);
    return [name, {
      a: fixed[`earlier.${factorName(name, "A")}`]!,
      b: mul(fixed[`earlier.${factorName(name, "B")}`]!, spread),
    }] as const;
  });
  const gain = weights.graph.make("constant", { data: Float64Array.of(scale), shape: [1], dtype: "f32" }, []);
  return { pairs: Object.fromEntries(pairs), gain };
}

/** Earlier adapters in their places, with zeros where there is none. */
function stacked(state: LinkedState, places: number, kit: Kit): NamedTensors {
  const { rank } = kit.lora;
  const factors = loraSites(kit.config, kit.lora.targets).flatMap(({ name, inputs, outputs }) => {
    const [a, b] = [hostTensor([places * rank, inputs]), hostTensor([outputs, places * rank])];
    state.tasks.forEach(({ adapter }, place) => {
      const pair = adapter.pairs[name]!;
      a.data.set(pair.a.data, place * rank * inputs);
      pair.b.data.forEach((value, at) =>
        b.data[Math.floor(at / rank) * places * rank + place * rank + at % rank] = value
      );
    });
    return [[`earlier.${factorName(name, "A")}`, a], [`earlier.${factorName(name, "B")}`, b]] as const;
  });
  return Object.fromEntries(factors);
}

/** Embeddings, which links to train, which to keep and at what values. */
function linkFeeds(
  { embeddings, links }: LinkedState,
  places: number,
  { embedding, keep }: Options,
  depth: number,
) {
  const rows = hostTensor([places, embedding]);
  const there = hostTensor([1, places]);
  const kept = hostTensor([1, places * places]);
  const values: HostTensor = hostTensor([depth, places * places]);
  embeddings.forEach((own, q) => {
    rows.data.set(own, q * embedding);
    there.data[q] = 1;
    for (let p = 0; p < q; p++) {
      kept.data[p * places + q] = keep;
      hostLinks(links, embeddings[p]!, own).forEach((value, h) =>
        values.data[h * places ** 2 + p * places + q] = value
      );
    }
  });
  return { rows, there, kept, values };
}

/** Pairs of all rows with all: [n m, 2 e], the first fastest last. */
function allPairs(givers: Tensor, takers: Tensor): Tensor {
  const [n, size] = givers.shape as [number, number];
  const m = takers.shape[0]!;
  const left = broadcast(reshape(givers, [n, 1, size]), [n, m, size]);
  const right = broadcast(reshape(takers, [1, m, size]), [n, m, size]);
  return reshape(concat([left, right], 2), [n * m, 2 * size]);
}

/** Σ kept (β - β̄)² over blocks and pairs of earlier tasks. */
function drift(trained: Named, { rows, kept, values }: Named): Tensor {
  const moved = sub(linkWeights(trained, allPairs(rows!, rows!)), values!);
  return sum(mul(mul(moved, moved), kept!));
}

async function learn(state: LinkedState, task: TaskView, kit: Kit, options: Options): Promise<LinkedState> {
  const places = PLACES * Math.max(1, Math.ceil(state.tasks.length / PLACES));
  const factors = factorsOf(kit.freshAdapter(`task ${task.index}`));
  const { values } = await kit.fit({
    start: {
      ...factors,
      ...state.links,
      embedding: noise(kit, [1, options.embedding], `embedding ${task.index}`, 1),
      ...kit.classifier.trains(state.classifier),
    },
    fixed: {
      ...maskOf(task, kit),
      ...stacked(state, places, kit),
      ...linkFeeds(state, places, options, kit.config.depth),
    },
    tables: { main: imageTable(task.train) },
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env: Env) {
      const { fixed } = env;
      const weights = mul(
        linkWeights(trained, allPairs(fixed["rows"]!, trained["embedding"]!)),
        fixed["there"]!,
      );
      const branches = [branchOf(trained, kit), linkedBranch(fixed, weights, kit)];
      const { feature } = env.encode(env.rows().images, { branches });
      return add(taskLoss(kit.classifier.logits(feature, trained), env), drift(trained, fixed));
    },
  });
  const adapter = adapterFromTensors(values, kit.lora.scale);
  kit.trained(adapter);
  const next = {
    tasks: [...state.tasks, { classes: task.classes, adapter }],
    embeddings: [...state.embeddings, values["embedding"]!.data],
    links: Object.fromEntries(Object.keys(state.links).map((name) => [name, values[name]!])),
    classifier: state.classifier,
  };
  const after = linkedPass(next, task.index, options);
  const before = () => linkedPass(state, task.index - 1, options);
  return { ...next, classifier: await finishClassifier(kit, task, state.classifier, values, after, before) };
}
