/**
 * SEMA, self-expansion with a mixture of adapters (Wang et al., arXiv 2403.18886): a model grows where, and only when,
 * images look unlike all that a block has seen.
 *
 * 1. The last blocks have modules: an adapter, an autoencoder of what the block reads, and a row of the block's router.
 * 2. A new task is shown to all autoencoders. With e the reconstruction error of an image, and mean and deviation of
 *    such errors on the module's own task, z = |e - mean| / deviation. A block expands if, of its modules, even that of
 *    least average z is above a threshold.
 * 3. Blocks that expand train a new adapter and router row together, then the new autoencoder; all older modules stay
 *    as they are. Where no block expands, the classifier trains alone. The first task expands every block and trains
 *    the adapters of the blocks below, which serve all tasks.
 * 4. A block's update for an image is Σ_m softmax_m(router) ΔW_m.
 *
 * Readings. What a block reads is taken from the frozen backbone, averaged over tokens, so that no module shifts what
 * later ones see; all blocks are then examined at once, on all images of the task, where the code goes batch by batch
 * and block by block. Blocks have a fixed number of places; one that is full no longer expands.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { broadcast, concat, linear, mean, mul, narrow, reshape, softmax } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import {
  type Adapter,
  adapterFromTensors,
  adapterToTensors,
  IMPORTANCE,
  type LoraPair,
} from "../../nn/adapter.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { parseFactor, parseSite } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { frozenStack, GAINS, stackBranch } from "../frozen_branches.ts";
import type { Env, Kit, Named, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { among } from "../pieces/selection.ts";
import { branchOf, noise, prefixed } from "../pieces/tensors.ts";
import { independentStart, independentStartOption } from "../start.ts";
import { type Autoencoder, errorsOf, trainAutoencoders } from "./autoencoders.ts";

/** What a block gained with one task. */
export type SemaModule = {
  /** Factors by site, importance 1. */
  readonly pairs: Readonly<Record<string, LoraPair>>;
  /** [width] */
  readonly router: Float32Array;
  readonly bias: number;
  readonly code: Autoencoder;
};

/** The adapters of the blocks below, the modules of each block that can expand, and the classifier. */
export type SemaState = {
  readonly base: Adapter | null;
  readonly blocks: readonly (readonly SemaModule[])[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  blocks: z.int().min(1).default(3).describe("Blocks that can expand, from the last"),
  slots: z.int().min(1).default(8).describe("Modules that a block has room for"),
  threshold: z.number().min(0).default(2).describe("Average z above which a block expands"),
  code: z.int().min(1).nullable().default(null)
    .describe("Numbers to which an autoencoder reduces what a block reads; null is a sixth of the width"),
  codeEpochs: z.int().min(1).default(20).describe("Epochs of an autoencoder"),
  codeRate: z.number().gt(0).default(5).describe("Factor of the run's learning rate for autoencoders"),
  start: independentStartOption,
});

type SemaOptions = z.infer<typeof options>;

/** What is fixed by options and architecture. */
interface Shape {
  /** The first block that can expand, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly slots: number;
}

function shapeOf({ blocks, slots }: SemaOptions, { config }: Pick<Kit, "config">): Shape {
  const count = Math.min(blocks, config.depth);
  return { first: config.depth - count, count, slots };
}

/** What the blocks read of an image on the frozen backbone: [batch, blocks width]. */
export function described(env: Env, { first, count }: Pick<Shape, "first" | "count">): Tensor {
  const encoded = env.encode(env.rows().images);
  const blocks = Array.from(
    { length: count },
    (_, i) => mean(encoded.input(`${first + i}.q`), { axes: [1] }),
  );
  return concat(blocks, 1);
}

/** z of step 2, averaged over the errors. Fewer than three errors of a module's own say nothing: 0. */
export function averageZ(
  errors: readonly number[],
  { mean, deviation, count }: Autoencoder["errors"],
): number {
  if (count < 3) return 0;
  const scores = errors.map((error) => Math.abs(error - mean) / Math.max(deviation, 1e-12));
  return scores.reduce((a, b) => a + b, 0) / errors.length;
}

/** The weights of a block's modules for each image [batch, n], of what it reads [batch, width]. */
export function moduleWeights(read: Tensor, rows: Tensor, biases: Tensor, open: Tensor): Tensor {
  return softmax(among(linear(read, rows, biases), open));
}

/** The values of all modules, in their places; the place after the last is that of the one in training. */
function places(blocks: SemaState["blocks"], grows: readonly boolean[], { slots, count }: Shape, kit: Kit) {
  const { width } = kit.config;
  const adapters = Array.from({ length: slots }, (_, slot): Adapter => ({
    scale: kit.lora.scale,
    importance: 1,
    pairs: Object.assign({}, ...blocks.map((modules) => modules[slot]?.pairs ?? {})),
  }));
  const gains = adapters.map(() => 1);
  const stack = frozenStack({ adapters, slots, rank: kit.lora.rank, gains, trainGains: false }, kit);
  const [rows, biases] = [hostTensor([count, slots, width]), hostTensor([count, slots])];
  const open = hostTensor([count, slots + 1]);
  for (let block = 0; block < count; block++) {
    blocks[block]?.forEach(({ router, bias }, slot) => {
      rows.data.set(router, (block * slots + slot) * width);
      biases.data[block * slots + slot] = bias;
      open.data[block * (slots + 1) + slot] = 1;
    });
    if (grows[block]) open.data[block * (slots + 1) + slots] = 1;
  }
  return { ...stack.factors, [GAINS]: stack.gains, rows, biases, open } satisfies NamedTensors;
}

const BASE = "base.";

/** The adapter of the blocks below: that of the first task, or none yet. */
function baseOf(base: Adapter | null, kit: Kit): NamedTensors {
  const { [IMPORTANCE]: _, ...factors } = adapterToTensors(base ?? kit.freshAdapter("task 0"));
  const isFirst = hostTensor([1], Float32Array.of(base ? 0 : 1));
  return { ...prefixed(factors, BASE), "base open": hostTensor([1], Float32Array.of(base ? 1 : 0)), isFirst };
}

function within(branch: LoraBranch, has: (block: number) => boolean): LoraBranch["pairs"] {
  return Object.fromEntries(Object.entries(branch.pairs).filter(([site]) => has(parseSite(site)!.block)));
}

/** All adapters of a forward pass. `fresh`: the tensors of what trains. */
function branches(
  fixed: Named,
  read: Tensor,
  shape: Shape,
  kit: Kit,
  fresh?: Named,
): LoraBranch[] {
  const { first, count, slots } = shape;
  const { lora: { rank, scale }, config: { width } } = kit;
  const batch = read.shape[0]!;
  const isBelow = (block: number) => block < first;
  const row = (tensor: Tensor, block: number) => reshape(narrow(tensor, 0, block, 1), tensor.shape.slice(1));
  const stack = stackBranch(fixed, fixed[GAINS]!, { slots, rank }, kit);
  const own = fresh && branchOf(fresh, kit);
  const all: LoraBranch[] = [
    { pairs: within(branchOf(fixed, kit, BASE), isBelow), gain: mul(fixed["base open"]!, scale) },
    ...(own ? [{ pairs: within(own, isBelow), gain: mul(fixed["isFirst"]!, scale) }] : []),
  ];
  for (let block = 0; block < count; block++) {
    const rows = [row(fixed["rows"]!, block), ...(fresh ? [narrow(fresh["router"]!, 0, block, 1)] : [])];
    const biases = [row(fixed["biases"]!, block), ...(fresh ? [narrow(fresh["bias"]!, 0, block, 1)] : [])];
    const open = row(fixed["open"]!, block);
    const weights = moduleWeights(
      narrow(read, 1, block * width, width),
      concat(rows),
      concat(biases),
      fresh ? open : narrow(open, 0, 0, slots),
    );
    const spread = (from: number, places: number) => {
      const part = reshape(narrow(weights, 1, from, places), [batch, places, 1]);
      return reshape(broadcast(part, [batch, places, rank]), [batch, places * rank]);
    };
    const isHere = (other: number) => other === first + block;
    all.push({ pairs: within(stack, isHere), gain: spread(0, slots) });
    if (own) all.push({ pairs: within(own, isHere), gain: mul(spread(slots, 1), scale) });
  }
  return all.filter(({ pairs }) => Object.keys(pairs).length > 0);
}

function deployedPass({ base, blocks }: SemaState, shape: Shape, kit: Kit): Pass {
  return {
    fixed: { ...places(blocks, [], shape, kit), ...baseOf(base, kit) },
    output(env) {
      const edits = { branches: branches(env.fixed, described(env, shape), shape, kit) };
      return env.encode(env.rows().images, edits).feature;
    },
  };
}

/** Step 2: which blocks expand. `reads` [count, blocks width]. */
async function expansions(
  { base, blocks }: SemaState,
  reads: HostTensor,
  { slots, count }: Shape,
  threshold: number,
  kit: Kit,
): Promise<boolean[]> {
  if (!base) return Array.from({ length: count }, () => true);
  const least = blocks.map(() => Infinity);
  for (let slot = 0; slot < Math.max(...blocks.map((modules) => modules.length)); slot++) {
    const codes = blocks.map((modules) => (modules[slot] ?? modules[0]!).code);
    const errors = await errorsOf(codes, reads, kit);
    blocks.forEach((modules, block) => {
      const found = modules[slot];
      if (found) least[block] = Math.min(least[block]!, averageZ(errors[block]!, found.code.errors));
    });
  }
  return blocks.map((modules, block) => modules.length < slots && least[block]! > threshold);
}

async function learn(state: SemaState, task: TaskView, options: SemaOptions, kit: Kit): Promise<SemaState> {
  const shape = shapeOf(options, kit);
  const { width } = kit.config;
  const images = imageTable(task.train);
  const reads = await kit.map({ output: (env) => described(env, shape) }, images);
  const grows = await expansions(state, reads, shape, options.threshold, kit);
  const { values } = await kit.fit({
    start: {
      ...adapterToTensors(independentStart(kit, task.index, options.start)),
      router: noise(kit, [shape.count, width], `router ${task.index}`, Math.sqrt(1 / (3 * width))),
      bias: hostTensor([shape.count]),
      ...kit.classifier.trains(state.classifier),
    },
    fixed: { ...places(state.blocks, grows, shape, kit), ...baseOf(state.base, kit), ...maskOf(task, kit) },
    tables: { main: { ...images, columns: { reads } } },
    rate: (name) => name === IMPORTANCE ? 0 : 1,
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const rows = env.rows();
      const edits = { branches: branches(env.fixed, rows["reads"]!, shape, kit, trained) };
      const { feature } = env.encode(rows.images, edits);
      return taskLoss(kit.classifier.logits(feature, trained), env);
    },
  });
  const adapter = adapterFromTensors(values, kit.lora.scale);
  kit.trained(adapter);
  const codes = grows.includes(true)
    ? await trainAutoencoders(reads, shape.count, {
      code: options.code ?? Math.ceil(width / 6),
      epochs: options.codeEpochs,
      rate: options.codeRate,
      purpose: `codes ${task.index}`,
    }, kit)
    : [];
  const blocks = grows.map((isGrowing, block): readonly SemaModule[] => {
    const modules = state.blocks[block] ?? [];
    if (!isGrowing) return modules;
    const own = Object.entries(adapter.pairs).filter(([site]) =>
      parseSite(site)!.block === shape.first + block
    );
    const router = values["router"]!.data.slice(block * width, (block + 1) * width);
    const bias = values["bias"]!.data[block]!;
    return [...modules, { pairs: Object.fromEntries(own), router, bias, code: codes[block]! }];
  });
  const next = { base: state.base ?? adapter, blocks, classifier: state.classifier };
  const classifier = await finishClassifier(
    kit,
    task,
    state.classifier,
    values,
    deployedPass(next, shape, kit),
    () => deployedPass(state, shape, kit),
  );
  return { ...next, classifier };
}

/** SEMA. */
export const sema: MethodDefinition = defineMethod({
  name: "sema",
  summary:
    "Blocks gain an adapter when their autoencoders do not know a task's images; a soft router mixes them",
  source: "Wang et al., arXiv 2403.18886",
  family: "route",
  year: 2025,
  adapted: "LoRA for bottleneck adapters; routers and autoencoders read the frozen backbone",
  keeps:
    "An adapter, and modules of adapter, router row and autoencoder for each expansion, up to a fixed number",
  passes: "Two: the frozen one and the routed one",
  options,
  create: (options) => ({
    sees: "task" as const,
    init: (kit): SemaState => ({ base: null, blocks: [], classifier: kit.freshClassifier() }),
    learn: (state: SemaState, task, kit) => learn(state, task, options, kit),
    deploy: (state: SemaState, kit) =>
      classifiedPredictor(deployedPass(state, shapeOf(options, kit), kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }: SemaState, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ blocks }: SemaState) => ({ modules: blocks.map((modules) => modules.length) }),
  }),
});
