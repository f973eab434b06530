/**
 * Share (Kaushik, Vaidya et al., arXiv 2602.06043): one subspace of factors that all tasks share, in which a task is a
 * few coefficients.
 *
 * 1. The first task trains a plain adapter. The principal directions of its factors, of the rows of A and the columns of
 *    B at each site, become the bases α [k, in] and β [out, k]; a task is its loadings: A = l_A α, B = β l_B.
 * 2. A later task starts from the loadings of the last one. Bases are frozen; the loadings train, and φ temporary
 *    directions on each factor: A = l_A α + v_A u_A, B = β l_B + u_B v_B.
 * 3. Rebuild the factors of all tasks, put those of the new one beside them, take the k principal directions as the new
 *    bases, and project every task onto them: l_A = A αᵀ, l_B = βᵀ B. No data is needed.
 * 4. Deploy the task's adapter. The paper is told the task; `deploy: latest` is the last one, which went on from all
 *    others, `mean` and `sum` are of all tasks.
 *
 * The paper's and the authors' code's: steps 1 to 3, k = 32, φ = 2 at rank 8, and going on from the last task. Two things
 * their code does are options, off by default, because they lose what was trained: principal directions are of columns
 * around their mean, and the mean is not in the basis (`centre: drop`; `keep` makes it the first direction); and loadings
 * are taken of the frozen part alone, so that the temporary directions shape the basis but not the task (`gain: drop`).
 * Ours: temporary factors start as noise times zero, where the code has noise times noise, so that a task starts where
 * the last one ended; directions beyond the rank of the factors, which their eigensolver makes up, are random ones,
 * orthogonal to the others; what is deployed.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, matmul } from "../../graph/functions.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { loraSites } from "../../nn/sites.ts";
import { imageTable, type Named } from "../../train/table.ts";
import { adapterFit, featurePass, mergedPredictor } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { matrixOf, tensorOf } from "../pieces/linear_algebra.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { firstStart } from "../start.ts";
import { type Columns, principal, randomMatrix } from "./principal.ts";

/** A pair of matrices for each site: bases α [k, in] and β [out, k], or loadings [rank, k] and [k, rank]. */
type Pairs = { readonly [site: string]: { readonly a: HostTensor; readonly b: HostTensor } };

/** What Share keeps: the bases, absent before the first task, and the loadings of all tasks. */
export type ShareState = {
  readonly bases: Pairs | null;
  readonly loadings: readonly Pairs[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  components: z.int().min(1).default(32)
    .describe("Directions k of each basis, at most as many as a factor has dimensions"),
  temporary: z.int().min(1).default(2).describe("Directions φ added to each factor while a task trains"),
  centre: z.enum(["keep", "drop", "none"]).default("keep")
    .describe(
      "Whether bases are of factors around their mean, with the mean or without it, or of factors as they are",
    ),
  gain: z.enum(["keep", "drop"]).default("keep")
    .describe("Whether what the temporary directions learned is part of the task afterwards"),
  deploy: z.enum(["latest", "mean", "sum"]).default("latest")
    .describe("Which update is evaluated: the last task's, or the mean or sum of all tasks'"),
});

type ShareOptions = z.infer<typeof options>;

/** Share. */
export const share: MethodDefinition = defineMethod({
  name: "share",
  summary: "Tasks as loadings on principal directions of all tasks' factors",
  source: "arXiv 2602.06043",
  family: "system",
  year: 2026,
  adapted: "Deploys the last task's loadings, since no task is known at test",
  keeps: "Two bases a site, and loadings of every task: 2 k rank numbers a site",
  options,
  create: (options) => ({
    sees: "task",
    init: (kit): ShareState => ({ bases: null, loadings: [], classifier: kit.freshClassifier() }),
    async learn(state: ShareState, task, kit): Promise<ShareState> {
      const { trained, columns, values } = state.bases
        ? await trainInSubspace(state, state.bases, task, kit, options)
        : await trainFirst(state, task, kit);
      kit.trained(trained);
      const next = { ...state, ...rebase(state, columns, kit, options) };
      const pass = (state: ShareState) => featurePass(deployed(state, kit, options));
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
    deploy: (state: ShareState, kit) =>
      mergedPredictor(deployed(state, kit, options), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }: ShareState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest,
    }),
    facts: ({ loadings }: ShareState) => ({ tasks: loadings.length }),
  }),
});

/** What a training gave: the adapter in use, for each site the columns that shape the bases, and all values. */
interface Learned {
  readonly trained: Adapter;
  readonly columns: Readonly<Record<string, { readonly a: Columns; readonly b: Columns }>>;
  readonly values: NamedTensors;
}

/** Step 1. */
async function trainFirst({ classifier }: ShareState, task: TaskView, kit: Kit): Promise<Learned> {
  const { values } = await kit.fit(
    adapterFit({ start: firstStart(kit) }, classifier, kit.classifier, task, kit),
  );
  const trained = adapterFromTensors(values, kit.lora.scale);
  const columns = Object.entries(trained.pairs).map(([site, { a, b }]) =>
    [site, { a: { own: matrixOf(a).transpose() }, b: { own: matrixOf(b) } }] as const
  );
  return { trained, columns: Object.fromEntries(columns), values };
}

const partName = (site: string, part: string) => `share.${site}.${part}`;

/** Step 2. */
async function trainInSubspace(
  { loadings, classifier }: ShareState,
  bases: Pairs,
  task: TaskView,
  kit: Kit,
  { temporary, gain }: ShareOptions,
): Promise<Learned> {
  const start: Record<string, HostTensor> = { ...kit.classifier.trains(classifier) };
  const fixed: Record<string, HostTensor> = { ...maskOf(task, kit) };
  const sites = loraSites(kit.config, kit.lora.targets);
  const rng = kit.rng(`share/temporary ${task.index}`);
  for (const { name, inputs, outputs } of sites) {
    const put = (to: Record<string, HostTensor>, part: string, tensor: HostTensor) =>
      to[partName(name, part)] = tensor;
    put(start, "lA", loadings.at(-1)![name]!.a);
    put(start, "lB", loadings.at(-1)![name]!.b);
    put(start, "uA", tensorOf(randomMatrix(rng, temporary, inputs)));
    put(start, "uB", tensorOf(randomMatrix(rng, outputs, temporary)));
    put(start, "vA", hostTensor([kit.lora.rank, temporary]));
    put(start, "vB", hostTensor([temporary, kit.lora.rank]));
    put(fixed, "alpha", bases[name]!.a);
    put(fixed, "beta", bases[name]!.b);
  }
  const { values } = await kit.fit({
    start,
    fixed,
    tables: { main: imageTable(task.train) },
    loss(trained, env) {
      const branch = subspaceBranch(trained, env.fixed, kit);
      const { feature } = env.encode(env.rows().images, { branches: [branch] });
      return taskLoss(kit.classifier.logits(feature, trained), env);
    },
  });
  const learned = sites.map(({ name }) => {
    const of = (part: string) => matrixOf(values[partName(name, part)]!);
    const [a, b] = [of("lA").mmul(matrixOf(bases[name]!.a)), matrixOf(bases[name]!.b).mmul(of("lB"))];
    const [moreA, moreB] = [of("vA").mmul(of("uA")), of("uB").mmul(of("vB"))];
    const columns = gain === "keep"
      ? { a: { own: Matrix.add(a, moreA).transpose() }, b: { own: Matrix.add(b, moreB) } }
      : { a: { own: a.transpose(), beside: moreA.transpose() }, b: { own: b, beside: moreB } };
    const pair = { a: tensorOf(Matrix.add(a, moreA)), b: tensorOf(Matrix.add(b, moreB)) };
    return { name, columns, pair };
  });
  return {
    trained: {
      scale: kit.lora.scale,
      importance: 1,
      pairs: Object.fromEntries(learned.map(({ name, pair }) => [name, pair])),
    },
    columns: Object.fromEntries(learned.map(({ name, columns }) => [name, columns])),
    values,
  };
}

function subspaceBranch(trained: Named, fixed: Named, kit: Kit): LoraBranch {
  const sites = loraSites(kit.config, kit.lora.targets).map(({ name }) => {
    const of = (part: string) => trained[partName(name, part)]!;
    const [α, β] = [fixed[partName(name, "alpha")]!, fixed[partName(name, "beta")]!];
    return [name, {
      a: add(matmul(of("lA"), α), matmul(of("vA"), of("uA"))),
      b: add(matmul(β, of("lB")), matmul(of("uB"), of("vB"))),
    }] as const;
  });
  const [, { a }] = sites[0]!;
  const gain = a.graph.make(
    "constant",
    { data: Float64Array.of(kit.lora.scale), shape: [1], dtype: "f32" },
    [],
  );
  return { pairs: Object.fromEntries(sites), gain };
}

/** Step 3, at all sites. */
function rebase(
  { bases, loadings }: ShareState,
  columns: Learned["columns"],
  kit: Kit,
  { components, centre }: ShareOptions,
): Pick<ShareState, "bases" | "loadings"> {
  const found = Object.entries(columns).map(([site, { a, b }]) => {
    const old = bases?.[site];
    const earlier = loadings.map((pairs) => pairs[site]!);
    const fill = kit.rng(`share/fill ${site}`);
    const forA = principal({
      ...(old && { basis: matrixOf(old.a).transpose() }),
      earlier: earlier.map(({ a }) => matrixOf(a).transpose()),
      columns: a,
      components,
      centre,
    }, fill);
    const forB = principal({
      ...(old && { basis: matrixOf(old.b) }),
      earlier: earlier.map(({ b }) => matrixOf(b)),
      columns: b,
      components,
      centre,
    }, fill);
    return { site, forA, forB };
  });
  const pairsOf = (pair: (item: typeof found[number]) => Pairs[string]) =>
    Object.fromEntries(found.map((item) => [item.site, pair(item)]));
  return {
    bases: pairsOf(({ forA, forB }) => ({ a: tensorOf(forA.basis.transpose()), b: tensorOf(forB.basis) })),
    loadings: Array.from({ length: loadings.length + 1 }, (_, task) =>
      pairsOf(({ forA, forB }) => ({
        a: tensorOf(forA.loadings[task]!.transpose()),
        b: tensorOf(forB.loadings[task]!),
      }))),
  };
}

/** Step 4. */
function deployed({ bases, loadings }: ShareState, kit: Kit, { deploy }: ShareOptions): Adapter | undefined {
  if (!bases) return undefined;
  const pairs = Object.entries(bases).map(([site, { a, b }]) => {
    if (deploy === "latest") {
      const last = loadings.at(-1)![site]!;
      const [left, right] = [matrixOf(b).mmul(matrixOf(last.b)), matrixOf(last.a).mmul(matrixOf(a))];
      return [site, { a: tensorOf(right), b: tensorOf(left) }] as const;
    }
    const cores = loadings.map((pairs) => matrixOf(pairs[site]!.b).mmul(matrixOf(pairs[site]!.a)));
    const sum = cores.reduce((total, core) => Matrix.add(total, core));
    const core = deploy === "mean" ? Matrix.div(sum, cores.length) : sum;
    return [site, { a, b: tensorOf(matrixOf(b).mmul(core)) }] as const;
  });
  return { scale: kit.lora.scale, importance: 1, pairs: Object.fromEntries(pairs) };
}
