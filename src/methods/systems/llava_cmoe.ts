/**
 * LLaVA-CMoE (arXiv 2503.21227): experts are added where a probe finds that a task needs them; a router for each task
 * chooses among them, and a locator finds the task of an image.
 *
 * 1. Probe: beside the experts so far, which stay, a probe expert in every block trains on a part of the task with a
 *    router of its own, under a loss that balances the experts. Its frequency in a block is the share of those images
 *    whose two highest gates contain it.
 * 2. Expand block l if frequency_l > mean - α · deviation over blocks. A new expert starts as a copy of the old one that
 *    the probe's router used most; the probes are dropped. The first task expands everywhere.
 * 3. The new experts and the task's router train; all else stays. A block's gates are a softmax over the two highest of
 *    the router's logits of the image's frozen feature, among the experts that there are.
 * 4. Locator: see `locator.ts`. At test an image is routed as its task.
 *
 * Experts are low-rank updates of the run's projections; routers see the frozen feature of the image and not tokens, so
 * that one pass decides. A block has at most `maxExperts`; where it is full it expands no more. The reviews of the paper
 * disagree with it on how many experts are added: here one a block.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, matmul, mul, reshape, sum } from "../../graph/functions.ts";
import { featureWidth } from "../../nn/config.ts";
import { parseFactor } from "../../nn/sites.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Method, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { factorsOf, noise, prefixed } from "../pieces/tensors.ts";
import {
  balance,
  expertBranches,
  expertMask,
  type Experts,
  noExperts,
  placeRouter,
  readExpert,
  topGates,
  writeExperts,
} from "./experts.ts";
import { locate, type Located, stackLocators, trainLocator } from "./locator.ts";

/** Places for routers and locators grow by so many at a time, and the program at test with them. */
const PLACES = 8;

/** The experts, and of each task its router [width, depth · experts], which experts it knew, and its locator. */
export type CmoeState = {
  readonly experts: Experts;
  readonly tasks: readonly {
    readonly router: HostTensor;
    readonly known: HostTensor;
    readonly located: Located;
  }[];
  /** What the last task's probe found: the frequency of the probe in each block. */
  readonly frequencies: readonly number[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  maxExperts: z.int().min(1).default(6).describe("Largest number of experts in a block"),
  alpha: z.number().min(0).default(1).describe(
    "Deviations α below the mean frequency from which a block expands",
  ),
  probeShare: z.number().gt(0).max(1).default(0.25).describe(
    "Share of the task's images that the probe sees",
  ),
  probeEpochs: z.int().min(1).default(2).describe("Epochs of the probe"),
  balance: z.number().min(0).default(0.01).describe(
    "Strength of the loss that balances experts under the probe",
  ),
  locatorEpochs: z.int().min(1).default(20).describe("Epochs of a task's locator"),
});
type Options = z.infer<typeof options>;

/** LLaVA-CMoE. */
export const llavaCmoe: MethodDefinition = defineMethod({
  name: "llava-cmoe",
  summary:
    "Experts added where a probe finds need, a router for each task, and a locator that finds the task",
  source: "arXiv 2503.21227",
  family: "system",
  year: 2025,
  adapted:
    "From a language model to an image's frozen feature: it routes whole images and locates their task",
  keeps: "Up to six experts a block; router and locator of each task",
  grows: "A router and a locator for each task; the program at test after every eighth",
  options,
  create: (options): Omit<Method<CmoeState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({
      experts: noExperts(kit, options.maxExperts),
      tasks: [],
      frequencies: [],
      classifier: kit.freshClassifier(),
    }),
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: (state, kit) => classifiedPredictor(routedPass(state, kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ experts, frequencies }) => ({ experts: [...experts.counts], frequencies: [...frequencies] }),
  }),
});

/** The blocks that expand: those whose probe is used more than α deviations below the mean. */
export function expansions(frequencies: readonly number[], alpha: number): boolean[] {
  const mean = frequencies.reduce((a, b) => a + b, 0) / frequencies.length;
  const variance = frequencies.reduce((total, value) => total + (value - mean) ** 2, 0) / frequencies.length;
  // Equal frequencies are all at the mean, which rounding must not decide.
  return frequencies.map((value) => value >= mean - alpha * Math.sqrt(variance) - 1e-9);
}

/** Trains what stands beside the experts, and a router over all. Probing and learning are one program. */
async function train(
  { experts, classifier }: CmoeState,
  table: Table,
  task: TaskView,
  kit: Kit,
  { beside, mask, purpose, strength, epochs }: {
    readonly beside: NamedTensors;
    readonly mask: HostTensor;
    readonly purpose: string;
    readonly strength: number;
    readonly epochs?: number;
  },
): Promise<NamedTensors> {
  const { values } = await kit.fit({
    start: {
      ...prefixed(beside, "new."),
      router: noise(kit, [featureWidth(kit.config), mask.data.length], `${purpose} ${task.index}`, 0.02),
      ...kit.classifier.trains(classifier),
    },
    fixed: {
      ...maskOf(task, kit),
      ...experts.factors,
      known: hostTensor([1, ...mask.shape], mask.data),
      balance: hostTensor([], Float32Array.of(strength)),
    },
    tables: { main: table },
    purpose,
    ...(epochs !== undefined && { epochs }),
    decays: (name) => parseFactor(name.replace(/^new\./, "")) !== undefined,
    loss(trained, env) {
      const { images, frozen, weights } = env.rows();
      const logits = matmul(frozen!, trained["router"]!);
      const { gates, shares } = topGates(logits, env.fixed["known"]!);
      const branches = expertBranches(gates, { ...env.fixed, ...trained }, kit, experts.places, true);
      const learnt = taskLoss(kit.classifier.logits(env.encode(images, { branches }).feature, trained), env);
      return add(learnt, mul(balance(gates, shares, env.fixed["known"]!, weights), env.fixed["balance"]!));
    },
  });
  return values;
}

/** How often each place of each block is among the gates: [depth, experts + 1]. */
async function usage(
  router: HostTensor,
  mask: HostTensor,
  frozen: HostTensor,
  kit: Kit,
): Promise<number[][]> {
  const table = { count: frozen.shape[0]!, columns: { frozen } };
  const { data } = await kit.map({
    fixed: { router, known: hostTensor([1, ...mask.shape], mask.data) },
    output(env) {
      const { gates } = topGates(matmul(env.rows()["frozen"]!, env.fixed["router"]!), env.fixed["known"]!);
      return reshape(gates, [gates.shape[0]!, mask.data.length]);
    },
  }, table);
  const [depth, size] = mask.shape as [number, number];
  return Array.from({ length: depth }, (_, block) =>
    Array.from({ length: size }, (_, place) => {
      let used = 0;
      for (let i = 0; i < table.count; i++) if (data[(i * depth + block) * size + place]! > 0) used++;
      return used / table.count;
    }));
}

function rowsOf({ shape, data }: HostTensor, rows: readonly number[]): HostTensor {
  const width = shape[1]!;
  const chosen = hostTensor([rows.length, width]);
  rows.forEach((row, i) => chosen.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return chosen;
}

async function learn(state: CmoeState, task: TaskView, kit: Kit, options: Options): Promise<CmoeState> {
  const { experts } = state;
  const frozen = await kit.map(featurePass(undefined), imageTable(task.train));
  const fresh = factorsOf(kit.freshAdapter(`task ${task.index}`));
  const everywhere = experts.counts.map(() => true);
  const { count } = task.train;

  let frequencies = experts.counts.map(() => 1);
  let grown = everywhere;
  let beside = fresh;
  if (state.tasks.length > 0) {
    const order = kit.rng(`probe ${task.index}`).shuffle(Array.from({ length: count }, (_, i) => i));
    const some = order.slice(0, Math.max(1, Math.round(options.probeShare * count)));
    const seen = rowsOf(frozen, some);
    const mask = expertMask(experts, everywhere);
    const probed = await train(
      state,
      { ...imageTable(task.train, some), columns: { frozen: seen } },
      task,
      kit,
      {
        beside: fresh,
        mask,
        purpose: "probe",
        strength: options.balance,
        epochs: options.probeEpochs,
      },
    );
    const used = await usage(probed["router"]!, mask, seen, kit);
    frequencies = used.map((places) => places.at(-1)!);
    grown = expansions(frequencies, options.alpha).map((does, block) =>
      does && experts.counts[block]! < experts.places
    );
    beside = copies(experts, used, fresh);
  }
  const mask = expertMask(experts, grown);
  const values = await train(state, { ...imageTable(task.train), columns: { frozen } }, task, kit, {
    beside,
    mask,
    purpose: "learn",
    strength: 0,
  });
  const next = writeExperts(
    experts,
    values,
    experts.counts.map((count, i) => grown[i] ? count : undefined),
    kit,
  );
  const { router, known } = placeRouter(values["router"]!, experts.counts, grown, experts.places);
  const located = await trainLocator(kit, frozen, task.index, options.locatorEpochs);
  const after = {
    experts: next,
    tasks: [...state.tasks, { router, known, located }],
    frequencies,
    classifier: state.classifier,
  };
  const before = () => routedPass(state, kit);
  return {
    ...after,
    classifier: await finishClassifier(kit, task, state.classifier, values, routedPass(after, kit), before),
  };
}

/** Of each block the expert that was used most; a fresh one where there is none. */
function copies(experts: Experts, used: readonly (readonly number[])[], fresh: NamedTensors): NamedTensors {
  const factors = Object.entries(fresh).map(([name, tensor]) => {
    const { site, factor } = parseFactor(name)!;
    const block = Number(site.split(".")[0]);
    const count = experts.counts[block]!;
    if (count === 0) return [name, tensor] as const;
    const old = used[block]!.slice(0, count);
    return [name, readExpert(experts, site, factor, old.indexOf(Math.max(...old)))] as const;
  });
  return Object.fromEntries(factors);
}

/** The feature of an image, routed as the task that the locator finds. */
function routedPass({ experts, tasks }: CmoeState, kit: Kit): Pass {
  if (tasks.length === 0) return featurePass(undefined);
  const places = PLACES * Math.ceil(tasks.length / PLACES);
  const [depth, size] = [experts.counts.length, experts.places];
  const width = featureWidth(kit.config);
  const routers = hostTensor([width, places, depth * size]);
  const known = hostTensor([places, depth * size]);
  tasks.forEach(({ router, known: own }, place) => {
    known.data.set(own.data, place * depth * size);
    for (let i = 0; i < width; i++) {
      const row = router.data.subarray(i * depth * size, (i + 1) * depth * size);
      routers.data.set(row, (i * places + place) * depth * size);
    }
  });
  return {
    fixed: {
      ...experts.factors,
      ...stackLocators(tasks.map(({ located }) => located), places),
      routers: hostTensor([width, places * depth * size], routers.data),
      known,
    },
    output(env) {
      const { fixed } = env;
      const { images } = env.rows();
      const frozen = env.encode(images).feature;
      const batch = frozen.shape[0]!;
      const chosen = locate(frozen, fixed);
      const all = reshape(matmul(frozen, fixed["routers"]!), [batch, places, depth * size]);
      const logits = sum(mul(all, reshape(chosen, [batch, places, 1])), { axes: [1] });
      const mask = reshape(matmul(chosen, fixed["known"]!), [batch, depth, size]);
      const { gates } = topGates(logits, mask);
      return env.encode(images, { branches: expertBranches(gates, fixed, kit, size, false) }).feature;
    },
  };
}
