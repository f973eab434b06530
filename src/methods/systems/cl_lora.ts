/**
 * CL-LoRA (He et al., CVPR 2025): what tasks share is learnt in the first blocks under distillation, what they do not
 * share in the last blocks by an adapter of each task.
 *
 * 1. The first half of the blocks has one shared adapter: A random with orthonormal rows and never trained, B trained
 *    through all tasks. The others have an adapter of the task, whose sites are weighted by trained numbers μ.
 * 2. Cross-entropy over the task's classes, plus 1e-4 · the mean over earlier tasks of |cos(μ_t, μ_j)|.
 * 3. Early exit: the token after the shared blocks alone goes through the classifier, with the shared adapter as it is
 *    and as the last task left it; 5 · distillation at temperature 2 between the two.
 * 4. Gradient reassignment: row i of the gradient of that distillation with respect to a shared B is multiplied by
 *    d ‖B_old[i]‖ / Σ_j ‖B_old[j]‖, so that rows which knew more are held more.
 * 5. At test one pass a task, with its own adapter on the present shared one; a class is scored with the feature of its
 *    task.
 *
 * The paper's code takes a step of its own for the distillation; here both gradients make one step, and the
 * distillation does not train the classifier. Its early token goes through the last norm; here it is what block d/2
 * reads, whose own norm it has passed.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { abs, add, concat, matmul, mean, mul, narrow, reshape, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, type LoraPair } from "../../nn/adapter.ts";
import { featureWidth } from "../../nn/config.ts";
import type { BranchPair, LoraBranch } from "../../nn/lora.ts";
import { compareSites, factorName, type LoraSite, loraSites, parseFactor, siteName } from "../../nn/sites.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { orthonormal, tensorOf } from "../pieces/linear_algebra.ts";
import { distillation, maskOf, taskLoss } from "../pieces/losses.ts";
import { noise, unit } from "../pieces/tensors.ts";
import { diagonalPredictor } from "./diagonal.ts";
import { asPart, beside, parted } from "./parted.ts";

/** Of the distillation. */
const TEMPERATURE = 2;

/** An adapter of a task: its sites, and how they are weighted. */
type OwnAdapter = {
  readonly classes: readonly number[];
  readonly pairs: { readonly [site: string]: LoraPair };
  /** One number a site. */
  readonly weights: HostTensor;
};

/** The shared pairs, and what each task has of its own. */
export type ClLoraState = {
  readonly shared: { readonly [site: string]: LoraPair };
  readonly tasks: readonly OwnAdapter[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  shared: z.number().min(0).max(1).default(0.5).describe(
    "Share of the blocks, from the first, that tasks share",
  ),
  distil: z.number().min(0).default(5).describe("Strength of the early-exit distillation"),
  reassign: z.boolean().default(true).describe(
    "Whether the gradient of the distillation is reassigned to rows",
  ),
  orthogonal: z.number().min(0).default(1e-4).describe("Strength of the term that keeps block weights apart"),
});
type Options = z.infer<typeof options>;

/** CL-LoRA. */
export const clLora: MethodDefinition = defineMethod({
  name: "cl-lora",
  summary:
    "A shared adapter under early-exit distillation in the first blocks, one for each task in the last",
  source: "He et al., CVPR 2025; code JiangpengHe/CL-LoRA",
  family: "system",
  needsNewClasses: "A class belongs to one task, whose model alone scores it",
  year: 2025,
  adapted:
    "Class-incremental in the paper; one step for both losses, early exit by the next block's norm, AdamW",
  keeps: "The shared adapter, and an adapter of half the blocks with its block weights for each task",
  grows: "A forward pass and an adapter of half the blocks for every task",
  options,
  create: (options): Omit<Method<ClLoraState>, "name" | "options"> => ({
    sees: "task",
    init(kit) {
      const shared = sitesOf(kit, options).shared.map((site) =>
        [site.name, freshPair(site, kit, "shared")] as const
      );
      return { shared: Object.fromEntries(shared), tasks: [], classifier: kit.freshClassifier() };
    },
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: ({ shared, tasks, classifier }, kit) =>
      diagonalPredictor(
        tasks.map((own) => featurePass(adapterOf(shared, own, kit))),
        tasks.map(({ classes }) => classes),
        classifier,
        kit.classifier,
        kit,
      ),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ tasks }) => ({ adapters: tasks.length }),
  }),
});

/** The sites of the shared blocks, those of the others, and the block at which the shared part ends. */
function sitesOf({ config, lora }: Pick<Kit, "config" | "lora">, { shared }: Pick<Options, "shared">) {
  const exit = Math.min(config.depth - 1, Math.round(shared * config.depth));
  const sites = loraSites(config, lora.targets);
  return {
    exit,
    shared: sites.filter(({ block }) => block < exit),
    own: sites.filter(({ block }) => block >= exit),
  };
}

/** A with random orthonormal rows, as far as there can be; B zero. */
function freshPair({ name, inputs, outputs }: LoraSite, kit: Kit, purpose: string): LoraPair {
  const { rank } = kit.lora;
  const random = noise(kit, [inputs, rank], `${purpose} ${name}`, 1);
  const b = hostTensor([outputs, rank]);
  if (rank > inputs) return { a: hostTensor([rank, inputs], random.data), b };
  return { a: tensorOf(orthonormal(Matrix.from1DArray(inputs, rank, random.data)).transpose()), b };
}

/** The model of a task as one adapter; block weights go into B. */
function adapterOf(
  shared: ClLoraState["shared"],
  { pairs, weights }: OwnAdapter,
  kit: Pick<Kit, "lora">,
): Adapter {
  // In the order of the model, which stored states do not keep.
  const own = Object.keys(pairs).sort(compareSites).map((site, i) => {
    const { a, b } = pairs[site]!;
    return [site, { a, b: hostTensor(b.shape, b.data.map((value) => value * weights.data[i]!)) }] as const;
  });
  return { scale: kit.lora.scale, importance: 1, pairs: { ...shared, ...Object.fromEntries(own) } };
}

/** d ‖B[i]‖ / Σ_j ‖B[j]‖ for the rows of B [d, rank]: [d, 1]. Ones where B is zero. */
export function reassignment({ shape, data }: HostTensor): HostTensor {
  const [rows, rank] = shape as [number, number];
  const norms = Float64Array.from(
    { length: rows },
    (_, i) => Math.hypot(...data.subarray(i * rank, (i + 1) * rank)),
  );
  const total = norms.reduce((a, b) => a + b, 0);
  return hostTensor([rows, 1], Float32Array.from(norms, (norm) => total > 0 ? rows * norm / total : 1));
}

/** The feature [batch, featureWidth] at the early exit, of the class token or what stands for it. */
function earlyFeature(env: Env, branches: readonly LoraBranch[], exit: number, kit: Kit): Tensor {
  const tokens = env.encode(env.rows().images, { branches }).input(siteName(exit, "q"));
  const [batch, , width] = tokens.shape as [number, number, number];
  const token = kit.config.classToken === false
    ? mean(tokens, { axes: [1] })
    : reshape(narrow(tokens, 1, 0, 1), [batch, width]);
  return featureWidth(kit.config) === width ? token : concat([token, token], 1);
}

function branch(
  kit: Kit,
  sites: readonly LoraSite[],
  pair: (site: string, index: number) => BranchPair,
): LoraBranch {
  const pairs = sites.map(({ name }, i) => [name, pair(name, i)] as const);
  const [first] = pairs;
  const { graph } = first![1].a;
  const gain = graph.make(
    "constant",
    { data: Float64Array.of(kit.lora.scale), shape: [1], dtype: "f32" },
    [],
  );
  return { pairs: Object.fromEntries(pairs), gain };
}

const sharedName = (site: string, factor: "A" | "B") => `shared.${factorName(site, factor)}`;
const WEIGHTS = "block.weights";

/** Branches of what some tensors hold; none where there are no sites. */
function sharedBranches(trained: Named, env: Env, kit: Kit, sites: readonly LoraSite[]): LoraBranch[] {
  return sites.length === 0 ? [] : [
    branch(kit, sites, (site) => ({
      a: env.fixed[sharedName(site, "A")]!,
      b: trained[sharedName(site, "B")]!,
    })),
  ];
}

function ownBranch(trained: Named, kit: Kit, sites: readonly LoraSite[]): LoraBranch {
  return branch(kit, sites, (site, i) => ({
    a: trained[factorName(site, "A")]!,
    b: mul(trained[factorName(site, "B")]!, narrow(trained[WEIGHTS]!, 0, i, 1)),
  }));
}

/** The mean over earlier tasks of |cos| between block weights; `share` is 1 / tasks. */
export function overlap(weights: Tensor, earlier: Tensor, share: Tensor): Tensor {
  const row = unit(reshape(weights, [1, weights.shape[0]!]));
  return mul(sum(abs(matmul(row, unit(earlier), { transposeB: true }))), share);
}

/** Distillation reaches the shared B alone, row by row as `reassignment` says. */
const held: Optimiser = parted(adamw(), (rest, part, { fixed }) =>
  Object.fromEntries(
    Object.entries(rest).map(([name, slope]) => {
      const factors = fixed[`rows.${name}`];
      return [name, factors ? add(slope, mul(part[name]!, factors)) : slope];
    }),
  ));

async function learn(state: ClLoraState, task: TaskView, kit: Kit, options: Options): Promise<ClLoraState> {
  const { exit, shared, own } = sitesOf(kit, options);
  const images = imageTable(task.train);
  const firstA = Object.fromEntries(shared.map(({ name }) => [sharedName(name, "A"), state.shared[name]!.a]));
  const firstB = Object.fromEntries(shared.map(({ name }) => [sharedName(name, "B"), state.shared[name]!.b]));
  const known = kit.classifier.trains(state.classifier);
  const teacher = await kit.map({
    fixed: { ...firstA, ...firstB },
    output: (env) => earlyFeature(env, sharedBranches(env.fixed, env, kit, shared), exit, kit),
  }, images);

  const earlier = hostTensor([kit.classes, own.length]);
  state.tasks.forEach(({ weights }, i) => earlier.data.set(weights.data, i * own.length));
  const rows = shared.map(({ name }) => {
    const { b } = state.shared[name]!;
    const factors = options.reassign
      ? reassignment(b)
      : hostTensor([b.shape[0]!, 1], new Float32Array(b.shape[0]!).fill(1));
    return [`rows.${sharedName(name, "B")}`, factors] as const;
  });
  const count = state.tasks.length;
  const number = (value: number) => hostTensor([1], Float32Array.of(value));
  const { values } = await kit.fit({
    start: { ...firstB, ...ownStart(own, task, kit), ...known, ...beside({ ...firstB, ...known }) },
    fixed: {
      ...maskOf(task, kit),
      ...firstA,
      ...Object.fromEntries(rows),
      earlier,
      share: number(options.orthogonal / Math.max(1, count)),
      distil: number(count > 0 ? options.distil : 0),
    },
    tables: { main: { ...images, columns: { teacher } } },
    optimiser: held,
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const { fixed } = env;
      const { teacher, weights } = env.rows();
      const branches = [...sharedBranches(trained, env, kit, shared), ownBranch(trained, kit, own)];
      const { feature } = env.encode(env.rows().images, { branches });
      const learnt = taskLoss(kit.classifier.logits(feature, trained), env);
      const kept = asPart(trained);
      const early = earlyFeature(env, sharedBranches(kept, env, kit, shared), exit, kit);
      const logits = (feature: Tensor) => kit.classifier.logits(feature, kept);
      const moved = distillation(logits(early), logits(teacher!), fixed["mask"]!, weights, TEMPERATURE);
      return add(
        add(learnt, overlap(trained[WEIGHTS]!, fixed["earlier"]!, fixed["share"]!)),
        mul(moved, fixed["distil"]!),
      );
    },
  });
  const next = {
    shared: Object.fromEntries(
      shared.map(({ name }) =>
        [name, { a: state.shared[name]!.a, b: values[sharedName(name, "B")]! }] as const
      ),
    ),
    tasks: [...state.tasks, {
      classes: task.classes,
      pairs: Object.fromEntries(
        own.map(({ name }) =>
          [name, { a: values[factorName(name, "A")]!, b: values[factorName(name, "B")]! }] as const
        ),
      ),
      weights: values[WEIGHTS]!,
    }],
  };
  const pass = (): Pass => featurePass(adapterOf(next.shared, next.tasks.at(-1)!, kit));
  const before = (): Pass => featurePass(adapterOf(state.shared, state.tasks.at(-1)!, kit));
  kit.trained(adapterOf(next.shared, next.tasks.at(-1)!, kit));
  return { ...next, classifier: await finishClassifier(kit, task, state.classifier, values, pass(), before) };
}

/** Fresh factors of a task, and its block weights from 0.5 to 1.5. */
function ownStart(sites: readonly LoraSite[], task: TaskView, kit: Kit): NamedTensors {
  const factors = sites.flatMap((site) => {
    const { a, b } = freshPair(site, kit, `task ${task.index}`);
    return [[factorName(site.name, "A"), a], [factorName(site.name, "B"), b]] as const;
  });
  const rng = kit.rng(`block weights ${task.index}`);
  const weights = hostTensor([sites.length], Float32Array.from(sites, () => 0.5 + rng.uniform()));
  return { ...Object.fromEntries(factors), [WEIGHTS]: weights };
}
