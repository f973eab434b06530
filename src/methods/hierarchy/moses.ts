/**
 * MoSEs, mixtures of sub-experts (Kang, arXiv 2511.06237): low-rank experts at every site, in which a task owns a mask.
 *
 * 1. A task has a logit for each expert, the `active` largest of which gate it, and scores for every entry of the
 *    experts' factors; its mask m_t is the share `keep` of largest scores in each factor of each gated expert.
 * 2. Train weights, scores and gates together: ΔW_t = Σ_e gate_e (B_e ∘ m_t)(A_e ∘ m_t). Entries in the masks of earlier
 *    tasks are in use, and frozen: a task may read them but not change them.
 * 3. Keep the task's mask, gates and key: the direction of its images' features in the frozen backbone.
 * 4. At test an image takes the task whose key is nearest to its frozen feature, and that task's update.
 *
 * The paper's: sub-experts as masked parts of low-rank experts, re-use without change, routing by keys. Its equations
 * were in no copy that could be read; the masks follow the author's earlier sub-networks. Ours: all numbers; one gate per
 * task for all sites; scores that start afresh with every task; a mask that is a smooth step while it trains, instead of
 * a hard one with gradients passed straight through, and hard from there on; and keys in closed form, since the sum of
 * the unit features is what 1 - cos is least for. The original is told the task where it is evaluated on language; here
 * it never is.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, mul, reshape, sum } from "../../graph/functions.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { type LoraSite, loraSites } from "../../nn/sites.ts";
import { imageTable, type Named } from "../../train/table.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { unit } from "../pieces/tensors.ts";
import { type Pairs, routedPass, type SubExperts } from "./moses_route.ts";
import {
  gatesOf,
  hardMask,
  hostGates,
  mixed,
  packBits,
  softMask,
  spreadGates,
  unpackBits,
} from "./sub_experts.ts";

/** What MoSEs keeps: experts side by side, A [experts · rank, in] and B [out, experts · rank], and the tasks. */
export type MosesState = {
  readonly experts: Pairs<HostTensor>;
  readonly tasks: readonly SubExperts[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  experts: z.int().min(1).max(64).default(4).describe("Experts at every site, each of the run's rank"),
  active: z.int().min(1).max(64).default(2).describe("Experts that a task may use"),
  keep: z.number().gt(0).max(1).default(0.3).describe(
    "Share of the entries of a factor that a task's mask is chosen from",
  ),
}).refine(({ experts, active }) => active <= experts, {
  path: ["active"],
  error: "there are fewer experts",
});

type MosesOptions = z.infer<typeof options>;

/** MoSEs. */
export const moses: MethodDefinition = defineMethod({
  name: "moses",
  summary: "A masked part of shared low-rank experts for each task, chosen by the nearest key",
  source: "Kang, arXiv 2511.06237, in this project's reading",
  family: "system",
  year: 2025,
  adapted: "Routes each image by its frozen feature; masks relaxed in training",
  keeps: "Experts; a mask, gates and a key for each task",
  grows:
    "Masks of all tasks are looked up at test; a program has room for sixteen tasks, then for thirty-two",
  options,
  create: (options) => ({
    sees: "task",
    init: (kit): MosesState => ({
      experts: freshExperts(kit, options),
      tasks: [],
      classifier: kit.freshClassifier(),
    }),
    async learn(state: MosesState, task, kit): Promise<MosesState> {
      const { experts, tasks } = state;
      const used = usedEntries(state);
      const values = await train(state, used, task, kit, options);
      const gates = hostGates(values["gates"]!.data, options.active);
      const trained = mapSites(kit, (site) => ({
        a: mixed(used[site.name]!.a, experts[site.name]!.a, values[`a.${site.name}`]!),
        b: mixed(used[site.name]!.b, experts[site.name]!.b, values[`b.${site.name}`]!),
      }));
      const masks = mapSites(kit, (site) => {
        const found = taskMask(site, values, gates, kit, options);
        return { a: packBits(found.a), b: packBits(found.b) };
      });
      const key = await taskKey(task, kit);
      const next = { ...state, experts: trained, tasks: [...tasks, { gates, key, masks }] };
      const pass = (state: MosesState) => routedPass(state, kit, options.active);
      const classifier = await finishClassifier(
        kit,
        task,
        state.classifier,
        values,
        pass(next),
        () => pass(state),
      );
      return { ...next, classifier };
    },
    deploy: (state: MosesState, kit) =>
      classifiedPredictor(routedPass(state, kit, options.active), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }: MosesState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest,
    }),
    facts: (state: MosesState) => ({
      tasks: state.tasks.length,
      gates: state.tasks.at(-1)?.gates ?? [],
      used: usedShare(state),
    }),
  }),
});

function mapSites<Value>(
  { config, lora }: Pick<Kit, "config" | "lora">,
  pairOf: (site: LoraSite) => { readonly a: Value; readonly b: Value },
): Pairs<Value> {
  return Object.fromEntries(loraSites(config, lora.targets).map((site) => [site.name, pairOf(site)]));
}

function freshExperts(kit: Kit, { experts }: MosesOptions): Pairs<HostTensor> {
  const fresh = Array.from({ length: experts }, (_, expert) => kit.freshAdapter(`moses/${expert}`));
  return mapSites(kit, ({ name, inputs, outputs }) => {
    const a = hostTensor([experts * kit.lora.rank, inputs]);
    fresh.forEach(({ pairs }, expert) => a.data.set(pairs[name]!.a.data, expert * kit.lora.rank * inputs));
    return { a, b: hostTensor([outputs, experts * kit.lora.rank]) };
  });
}

/** 1 for entries in the mask of any task so far. */
export function usedEntries({ experts, tasks }: MosesState): Pairs<Uint8Array> {
  const union = (site: string, factor: "a" | "b") => {
    const all = new Uint8Array(experts[site]![factor].data.length);
    for (const { masks } of tasks) {
      unpackBits(masks[site]![factor], all.length).forEach((bit, i) => all[i]! |= bit);
    }
    return all;
  };
  return Object.fromEntries(
    Object.keys(experts).map((site) => [site, { a: union(site, "a"), b: union(site, "b") }]),
  );
}

function usedShare(state: MosesState): number {
  const all = Object.values(usedEntries(state)).flatMap(({ a, b }) => [a, b]);
  const count = (arrays: readonly Uint8Array[]) => arrays.reduce((sum, { length }) => sum + length, 0);
  return count(all.map((array) => array.filter((bit) => bit === 1))) / Math.max(1, count(all));
}

/** Step 2: trained values `a.<site>`, `b.<site>`, scores `sa.<site>`, `sb.<site>`, `gates`, and the classifier's. */
async function train(
  { experts, classifier }: MosesState,
  used: Pairs<Uint8Array>,
  task: TaskView,
  kit: Kit,
  options: MosesOptions,
): Promise<NamedTensors> {
  const rng = kit.rng(`moses/task ${task.index}`);
  const drawn = (shape: readonly number[], bound: number) => {
    const tensor = hostTensor(shape);
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = bound * (2 * rng.uniform() - 1);
    return tensor;
  };
  const start: Record<string, HostTensor> = {
    ...kit.classifier.trains(classifier),
    gates: drawn([options.experts], 0.1),
  };
  const fixed: Record<string, HostTensor> = { ...maskOf(task, kit) };
  const sites = loraSites(kit.config, kit.lora.targets);
  for (const { name, inputs } of sites) {
    for (const factor of ["a", "b"] as const) {
      const weight = experts[name]![factor];
      const isUsed = hostTensor(weight.shape, Float32Array.from(used[name]![factor]));
      start[`${factor}.${name}`] = weight;
      start[`s${factor}.${name}`] = drawn(weight.shape, 1 / Math.sqrt(inputs));
      fixed[`free.${factor}.${name}`] = hostTensor(weight.shape, isUsed.data.map((bit) => 1 - bit));
      fixed[`used.${factor}.${name}`] = hostTensor(
        weight.shape,
        weight.data.map((value, i) => value * isUsed.data[i]!),
      );
    }
  }
  const { values } = await kit.fit({
    start,
    fixed,
    tables: { main: imageTable(task.train) },
    loss(trained, env) {
      const branch = maskedBranch(trained, env.fixed, sites, kit, options);
      const { feature } = env.encode(env.rows().images, { branches: [branch] });
      return taskLoss(kit.classifier.logits(feature, trained), env);
    },
  });
  return values;
}

/** The experts' factors under soft masks. */
function maskedBranch(
  trained: Named,
  fixed: Named,
  sites: readonly LoraSite[],
  { lora: { rank, scale } }: Kit,
  { active, keep }: MosesOptions,
): LoraBranch {
  const masked = (factor: "a" | "b", site: string) => {
    const name = `${factor}.${site}`;
    const weight = add(fixed[`used.${name}`]!, mul(fixed[`free.${name}`]!, trained[name]!));
    return mul(weight, softMask(trained[`s${name}`]!, keep));
  };
  return {
    pairs: Object.fromEntries(
      sites.map(({ name }) => [name, { a: masked("a", name), b: masked("b", name) }]),
    ),
    gain: spreadGates(gatesOf(trained["gates"]!, active), rank, scale),
  };
}

/** The hard masks of a site, with the experts that have no part left out. */
function taskMask(
  { name, inputs }: LoraSite,
  values: NamedTensors,
  gates: readonly number[],
  { lora: { rank } }: Kit,
  { keep, experts }: MosesOptions,
): { readonly a: Uint8Array; readonly b: Uint8Array } {
  const hasPart = (component: number) => gates[Math.floor(component / rank)]! > 0;
  const ranks = experts * rank;
  return {
    a: hardMask(values[`sa.${name}`]!.data, keep).map((bit, i) => hasPart(Math.floor(i / inputs)) ? bit : 0),
    b: hardMask(values[`sb.${name}`]!.data, keep).map((bit, i) => hasPart(i % ranks) ? bit : 0),
  };
}

/** Step 3. */
async function taskKey(task: TaskView, kit: Kit): Promise<Float32Array> {
  const { key } = await kit.sum({
    terms(env) {
      const { images, weights } = env.rows();
      const rows = mul(unit(env.encode(images).feature), reshape(weights, [weights.shape[0]!, 1]));
      return { key: sum(rows, { axes: [0] }) };
    },
  }, imageTable(task.train));
  const length = Math.hypot(...key!.data);
  return key!.data.map((value) => value / Math.max(length, 1e-12));
}
