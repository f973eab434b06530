/**
 * DMEA (Qin et al., EMNLP 2023, arXiv 2310.09886): modules are added to each layer where none of the old ones will do,
 * similar earlier tasks lend theirs, and the new task's gradient must not outweigh that of replay.
 *
 * 1. Expansion: a new module joins those of each block, and their weighted sum is used, weighted by a softmax of trained
 *    coefficients. These start at the task's similarity to the tasks that used a module (the cosine of mean frozen
 *    features), the new one's at the mean of the others. Only new modules and coefficients train.
 * 2. Selection: each block keeps the module of largest coefficient, old or new, as the task's path; a new one that was
 *    not chosen is dropped.
 * 3. Adaptation: the path trains. Modules on the paths of the `similar` most similar earlier tasks add to it with gates
 *    that train, starting at their share in step 1.
 * 4. Replay: every step also draws stored images of earlier tasks, over the classes seen. Dynamic gradient scaling:
 *    g = g_replay + η g_task with η = min(1, ‖g_replay‖ / ‖g_task‖), which rises to 1 over `relax` steps.
 * 5. Deploy the last path with its gates, for all tasks.
 *
 * The paper generates what it replays, and knows the task of a text. The formulas of similarity, of the start of
 * coefficients and of the scaling are our reading of its description. A block has at most `maxModules`; where it is
 * full, the choice is among the old.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, concat, mul, reshape, softmax, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { classMeans } from "../../nn/heads.ts";
import { factorName, loraSites, parseFactor } from "../../nn/sites.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { classMask, featurePass, mergedPredictor } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, TaskView } from "../method.ts";
import { bufferTable, emptyBuffer, type ImageBuffer, offer } from "../pieces/buffer.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { factorsOf, prefixed } from "../pieces/tensors.ts";
import { maskedLoss } from "../../nn/losses.ts";
import { expertBranches, expertMask, type Experts, noExperts, readExpert, writeExperts } from "./experts.ts";
import { asPart, beside } from "./parted.ts";
import { scaledGradients } from "./scaled_gradients.ts";

/** The modules, weights [depth, places] of what is deployed, and of each task its path and its mean frozen feature. */
export type DmeaState = {
  readonly modules: Experts;
  readonly weights: HostTensor;
  readonly tasks: readonly { readonly path: readonly number[]; readonly key: Float32Array }[];
  readonly seen: readonly number[];
  readonly buffer: ImageBuffer;
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  maxModules: z.int().min(1).default(6).describe("Largest number of modules in a block"),
  expandEpochs: z.int().min(1).default(2).describe("Epochs after which modules are chosen"),
  similar: z.int().min(0).default(2).describe("Earlier tasks whose modules add to the path"),
  buffer: z.int().min(1).default(200).describe("Images stored of all earlier tasks"),
  relax: z.int().min(1).default(30).describe("Steps after which the task's gradient counts in full"),
});
type Options = z.infer<typeof options>;

/** DMEA. */
export const dmea: MethodDefinition = defineMethod({
  name: "dmea",
  summary:
    "Modules chosen or added in each block, helped by similar tasks', under replay with scaled gradients",
  source: "Qin et al., EMNLP 2023, arXiv 2310.09886",
  family: "system",
  year: 2023,
  adapted: "Stored images stand for generated texts; with no task given, the last task's path serves all",
  keeps: "Up to six modules a block, path and mean feature of each task, stored images",
  buffer: "Images of earlier tasks with their labels",
  options,
  create: (options): Omit<Method<DmeaState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({
      modules: noExperts(kit, options.maxModules),
      weights: hostTensor([kit.config.depth, options.maxModules]),
      tasks: [],
      seen: [],
      buffer: emptyBuffer,
      classifier: kit.freshClassifier(),
    }),
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: (state, kit) => mergedPredictor(adapterOf(state, kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ modules, tasks, buffer }) => ({
      modules: [...modules.counts],
      path: [...tasks.at(-1)?.path ?? []],
      stored: buffer.labels.length,
    }),
  }),
});

/** What is deployed as one adapter: weights go into B. */
function adapterOf(
  { modules, weights }: Pick<DmeaState, "modules" | "weights">,
  kit: Pick<Kit, "config" | "lora">,
): Adapter {
  const { rank, scale, targets } = kit.lora;
  const { places, factors } = modules;
  const pairs = loraSites(kit.config, targets).map(({ name, block }) => {
    const a = factors[`experts.${factorName(name, "A")}`]!;
    const b = factors[`experts.${factorName(name, "B")}`]!;
    const weighted = b.data.map((value, i) => {
      const place = Math.floor(i % (places * rank) / rank);
      return value * weights.data[block * places + place]!;
    });
    return [name, { a, b: hostTensor(b.shape, weighted) }] as const;
  });
  return { scale, importance: 1, pairs: Object.fromEntries(pairs) };
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((total, value, i) => total + value * y[i]!, 0);
  return dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);
}

/** Where coefficients start: [depth, places + 1], the new module last. */
export function startCoefficients(
  paths: readonly (readonly number[])[],
  similarity: readonly number[],
  counts: readonly number[],
  places: number,
): HostTensor {
  const start = hostTensor([counts.length, places + 1]);
  counts.forEach((count, block) => {
    const row = start.data.subarray(block * (places + 1), (block + 1) * (places + 1));
    const found = Array.from(
      { length: count },
      (_, module) =>
        Math.max(-1, ...paths.flatMap((path, task) => path[block] === module ? [similarity[task]!] : [])),
    );
    row.set(found);
    row[places] = count > 0 ? found.reduce((a, b) => a + b, 0) / count : 0;
  });
  return start;
}

/** Step 1: the trained coefficients' softmax by block, and the new modules. */
async function expand(
  { modules, classifier }: DmeaState,
  coefficients: HostTensor,
  known: HostTensor,
  task: TaskView,
  kit: Kit,
  epochs: number,
): Promise<{ readonly shares: number[][]; readonly values: NamedTensors }> {
  const shares = (trained: Named, fixed: Named) =>
    softmax(where(fixed["known"]!, trained["coefficients"]!, -1e9));
  const [depth, size] = coefficients.shape as [number, number];
  const { values } = await kit.fit({
    start: {
      ...prefixed(factorsOf(kit.freshAdapter(`task ${task.index}`)), "new."),
      coefficients,
      ...kit.classifier.trains(classifier),
    },
    fixed: { ...maskOf(task, kit), ...modules.factors, known },
    tables: { main: imageTable(task.train) },
    purpose: "expand",
    epochs,
    decays: (name) => parseFactor(name.replace(/^new\./, "")) !== undefined,
    loss(trained, env) {
      const gates = reshape(shares(trained, env.fixed), [1, depth, size]);
      const branches = expertBranches(gates, { ...env.fixed, ...trained }, kit, modules.places, true);
      return taskLoss(
        kit.classifier.logits(env.encode(env.rows().images, { branches }).feature, trained),
        env,
      );
    },
  });
  const found = Array.from({ length: depth }, (_, block) => {
    const row = [...values["coefficients"]!.data.subarray(block * size, (block + 1) * size)];
    const powers = row.map((value, i) => known.data[block * size + i] ? Math.exp(value) : 0);
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / total);
  });
  return { shares: found, values };
}

/** Steps 3 and 4. */
async function adapt(
  { modules, buffer, seen, tasks }: DmeaState,
  { path, gates, present, rows }: {
    /** Factors under `new.`: where the path starts. */
    readonly path: NamedTensors;
    /** [depth, places] */
    readonly gates: HostTensor;
    readonly present: HostTensor;
    readonly rows: NamedTensors;
  },
  task: TaskView,
  kit: Kit,
  options: Options,
): Promise<NamedTensors> {
  const start = { ...path, gates, ...rows };
  const replays = tasks.length > 0;
  const stored: Table = replays ? bufferTable(buffer) : imageTable(task.train);
  const known = [...seen, ...task.classes];
  const [depth, places] = gates.shape as [number, number];
  const { values } = await kit.fit({
    start: { ...start, ...beside(start) },
    fixed: {
      ...maskOf(task, kit),
      ...modules.factors,
      present,
      own: hostTensor([depth, 1], new Float32Array(depth).fill(1)),
      all: classMask(known, kit),
      replays: hostTensor([1], Float32Array.of(replays ? 1 : 0)),
    },
    tables: {
      main: imageTable(task.train),
      stored: { count: stored.count, images: stored.images!, ...(stored.at && { at: stored.at }) },
    },
    purpose: "adapt",
    optimiser: scaledGradients(adamw(), options.relax),
    decays: (name) => parseFactor(name.replace(/^new\./, "")) !== undefined,
    loss(trained, env: Env) {
      const { fixed } = env;
      const logits = (tensors: Named, images: Tensor) => {
        const lent = mul(tensors["gates"]!, fixed["present"]!);
        const weights = reshape(concat([lent, fixed["own"]!], 1), [1, depth, places + 1]);
        const branches = expertBranches(weights, { ...fixed, ...tensors }, kit, places, true);
        return kit.classifier.logits(env.encode(images, { branches }).feature, tensors);
      };
      const { images, labels, weights } = env.rows("stored");
      const kept = maskedLoss(logits(trained, images), labels, fixed["all"]!, weights);
      const learnt = taskLoss(logits(asPart(trained), env.rows().images), env);
      return add(learnt, mul(kept, reshape(fixed["replays"]!, [])));
    },
  });
  return values;
}

async function learn(state: DmeaState, task: TaskView, kit: Kit, options: Options): Promise<DmeaState> {
  const { modules, tasks } = state;
  const { counts, places } = modules;
  const frozen = await kit.map(featurePass(undefined), imageTable(task.train));
  const key = Float32Array.from(classMeans(frozen.data, new Int32Array(task.train.count), 1).means);
  const similarity = tasks.map(({ key: other }) => cosine(key, other));
  const known = expertMask(modules, counts.map((count) => count < places));
  const coefficients = startCoefficients(tasks.map(({ path }) => path), similarity, counts, places);
  const found = await expand(state, coefficients, known, task, kit, options.expandEpochs);
  const path = found.shares.map((row, block) => {
    const best = row.indexOf(Math.max(...row));
    return best === places ? counts[block]! : best;
  });

  const nearest = similarity.map((_, i) => i).sort((a, b) => similarity[b]! - similarity[a]! || a - b)
    .slice(0, options.similar);
  const [gates, present] = [hostTensor([counts.length, places]), hostTensor([counts.length, places])];
  path.forEach((own, block) => {
    for (const other of nearest) {
      const module = tasks[other]!.path[block]!;
      if (module !== own) present.data[block * places + module] = 1;
    }
    gates.data.set(found.shares[block]!.slice(0, places), block * places);
  });
  const start = loraSites(kit.config, kit.lora.targets).flatMap(({ name, block }) =>
    (["A", "B"] as const).map((factor) => {
      const isNew = path[block] === counts[block];
      const fresh = found.values[`new.${factorName(name, factor)}`]!;
      return [
        `new.${factorName(name, factor)}`,
        isNew ? fresh : readExpert(modules, name, factor, path[block]!),
      ] as const;
    })
  );
  const rows = Object.keys(kit.classifier.trains(state.classifier)).map((name) =>
    [name, found.values[name]!] as const
  );
  const values = await adapt(
    state,
    { path: Object.fromEntries(start), gates, present, rows: Object.fromEntries(rows) },
    task,
    kit,
    options,
  );
  const weights = hostTensor(gates.shape, values["gates"]!.data.map((gate, i) => gate * present.data[i]!));
  path.forEach((own, block) => weights.data[block * places + own] = 1);
  const next = {
    modules: writeExperts(modules, values, path, kit),
    weights,
    tasks: [...tasks, { path, key }],
    seen: [...new Set([...state.seen, ...task.classes])],
    buffer: offer(state.buffer, task.train, options.buffer, kit.rng(`buffer ${task.index}`)),
    classifier: state.classifier,
  };
  kit.trained(adapterOf(next, kit));
  const before = () => featurePass(adapterOf(state, kit));
  const after = featurePass(adapterOf(next, kit));
  return { ...next, classifier: await finishClassifier(kit, task, state.classifier, values, after, before) };
}
