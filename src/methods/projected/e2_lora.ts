/**
 * E²-LoRA (ICML 2026; the released code): the columns of one orthonormal B are shared out among the tasks by how much
 * of each task's output drift they carry, and new tasks get those that earlier ones hardly use.
 *
 * 1. First task: train ΔW = B A of full rank, B starting at zero. Later: the columns freed in step 4 are B, frozen; their
 *    rows of A start at zero and alone train, on the weights with what the other columns carry folded in.
 * 2. The loss is the cross-entropy + κ τ² KL(teacher, student) on the earlier classes' logits softened by τ; the
 *    teacher is the model without the new branch.
 * 3. Covariance of the drift ΔW x over the tokens of 64 images: eigenvectors U within the span of the task's columns,
 *    most energy first. B ← U, A ← Uᵀ ΔW. The energies are kept.
 * 4. Before the next task every earlier task keeps its fewest leading columns that hold more than the share ρ of its
 *    energy, with the largest ρ = 1 - j 10⁻⁵ (j ≥ 1) for which all t of them together keep at most t / (t + 1) of the
 *    columns. The others are freed, and what they carried is lost.
 *
 * The paper's: all steps, κ = 0.25, τ = 2, 64 images. Ours: the run's targets in place of qkv and fc1; the classifier is
 * the run's (the paper aligns a linear one by Gaussian replay, and resets the final norm); the teacher's answers are
 * taken with the classifier of before the task, and so are the student's, so that old rows stay; the optimiser is
 * the run's, with a quarter of its rate for the update (the paper's 0.05 is for SGD, and hardly moves under AdamW);
 * tasks that would have less than one column each have none, the least energy first.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { mul } from "../../graph/functions.ts";
import type { Adapter, LoraPair } from "../../nn/adapter.ts";
import { factorName, type LoraSite, loraSites, parseFactor } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { classMask } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { eigh, matrixOf, tensorOf } from "../pieces/linear_algebra.ts";
import { distillation } from "../pieces/losses.ts";
import { prefixed, unprefixed } from "../pieces/tensors.ts";
import { foldedMethod, noUpdate } from "./folded_method.ts";
import { inputMoments, inputNames } from "./inputs.ts";

/** The columns of one site, each with its row of A: ΔW = Σ over the tasks of their columns times their rows. */
export type Columns = {
  /** Orthonormal: [out, out], a column each. */
  readonly b: HostTensor;
  /** [out, in], a row each. */
  readonly a: HostTensor;
  /** The task that each belongs to, and how much of its drift it carries; of one task they descend. */
  readonly owner: Int32Array;
  readonly energy: Float64Array;
  /** Energy of every task's drift when it was trained. */
  readonly totals: Float64Array;
};

/** What is kept. */
export type E2State = {
  readonly columns: { readonly [site: string]: Columns } | null;
  readonly seen: readonly number[];
};

/** The steps of ρ, and their number. */
const STEP = 1e-5;
const STEPS = 100_000;

/** How many leading columns each task keeps (step 4). `energies` are those of the columns that it has, descending. */
export function keptCounts(
  energies: readonly (readonly number[])[],
  totals: ArrayLike<number>,
  columns: number,
): number[] {
  const tasks = energies.length;
  const limit = Math.floor(tasks * columns / (tasks + 1));
  const sums = energies.map((values) => {
    let sum = 0;
    return values.map((value) => sum += value);
  });
  const counts = (share: number) =>
    sums.map((sums, task) => {
      const held = sums.filter((sum) => sum <= share * totals[task]!).length;
      return totals[task]! > 0 ? Math.min(sums.length, held + 1) : 0;
    });
  const total = (step: number) => counts(1 - step * STEP).reduce((sum, count) => sum + count, 0);
  // The total does not rise with the step.
  let [low, high] = [1, STEPS];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (total(middle) <= limit) high = middle;
    else low = middle + 1;
  }
  const kept = counts(1 - low * STEP);
  const poorest = kept.map((_, task) => task).sort((i, j) => totals[i]! - totals[j]!);
  let over = kept.reduce((sum, count) => sum + count, 0) - limit;
  for (const task of poorest) {
    const given = Math.max(0, Math.min(over, kept[task]!));
    kept[task]! -= given;
    over -= given;
  }
  return kept;
}

/** Which columns are freed for the next task: by their numbers, ascending. */
export function freedColumns({ owner, energy, totals }: Columns): number[] {
  const owned = Array.from(totals, (_, task) => [...owner.keys()].filter((column) => owner[column] === task));
  const sorted = owned.map((columns) => columns.sort((i, j) => energy[j]! - energy[i]! || i - j));
  const counts = keptCounts(sorted.map((columns) => columns.map((i) => energy[i]!)), totals, owner.length);
  return sorted.flatMap((columns, task) => columns.slice(counts[task]!)).sort((i, j) => i - j);
}

/** Step 3 for the first task: all columns, from its update [out, in] and the covariance of its inputs. */
export function firstColumns(update: Matrix, covariance: Matrix): Columns {
  const { values, vectors } = eigh(symmetric(update.mmul(covariance).mmul(update.transpose())));
  const energy = Float64Array.from(values, (value) => Math.max(value, 0));
  return {
    b: tensorOf(vectors),
    a: tensorOf(vectors.transpose().mmul(update)),
    owner: new Int32Array(values.length),
    energy,
    totals: Float64Array.of(energy.reduce((sum, value) => sum + value, 0)),
  };
}

/** Step 3 for a later task: the freed columns turned within their span. `rows` [freed, in] are their trained rows. */
export function turnedColumns(
  old: Columns,
  freed: readonly number[],
  rows: Matrix,
  covariance: Matrix,
): Columns {
  const { values, vectors } = eigh(symmetric(rows.mmul(covariance).mmul(rows.transpose())));
  const b = matrixOf(old.b);
  const a = matrixOf(old.a);
  const turned = b.subMatrixColumn([...freed]).mmul(vectors);
  const changed = vectors.transpose().mmul(rows);
  const owner = Int32Array.from(old.owner);
  const energy = Float64Array.from(old.energy);
  const task = old.totals.length;
  freed.forEach((column, i) => {
    b.setColumn(column, turned.getColumn(i));
    a.setRow(column, changed.getRow(i));
    owner[column] = task;
    energy[column] = Math.max(values[i]!, 0);
  });
  const total = values.reduce((sum, value) => sum + Math.max(value, 0), 0);
  return { b: tensorOf(b), a: tensorOf(a), owner, energy, totals: Float64Array.of(...old.totals, total) };
}

function symmetric(matrix: Matrix): Matrix {
  return Matrix.add(matrix, matrix.transpose()).mul(0.5);
}

/** The update of all columns but some, which are zero in it. */
function without({ a, b }: Columns, freed: readonly number[]): LoraPair {
  const rows = hostTensor(a.shape, Float32Array.from(a.data));
  const width = a.shape[1]!;
  for (const column of freed) rows.data.fill(0, column * width, (column + 1) * width);
  return { a: rows, b };
}

/** Some columns in their places, zero elsewhere. */
function only({ b }: Columns, freed: readonly number[]): HostTensor {
  const [rows, columns] = b.shape as [number, number];
  const kept = hostTensor(b.shape);
  for (let row = 0; row < rows; row++) {
    for (const column of freed) kept.data[row * columns + column] = b.data[row * columns + column]!;
  }
  return kept;
}

function deployed(columns: NonNullable<E2State["columns"]>, freed: FreedBySite = {}): Adapter {
  const pairs = Object.entries(columns).map(([site, own]) =>
    [site, without(own, freed[site] ?? [])] as const
  );
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

type FreedBySite = Readonly<Record<string, readonly number[]>>;

function freedBySite(columns: NonNullable<E2State["columns"]>): FreedBySite {
  return Object.fromEntries(Object.entries(columns).map(([site, own]) => [site, freedColumns(own)]));
}

/** A of the first task: uniform in ±1/√in, as all adapters' are. */
function freshRows(kit: Kit, { name, inputs, outputs }: LoraSite): HostTensor {
  const rng = kit.rng(`rows/${name}`);
  const rows = hostTensor([outputs, inputs]);
  for (let i = 0; i < rows.data.length; i++) rows.data[i] = (2 * rng.uniform() - 1) / Math.sqrt(inputs);
  return rows;
}

const OLD = "old.";

/** E²-LoRA. */
export const e2Lora: MethodDefinition = defineMethod({
  name: "e2-lora",
  summary:
    "Tasks share the columns of one full-rank B by the drift that they carry; freed ones serve the next",
  source: "E²-LoRA, ICML 2026; kiddo127/E2-LoRA",
  family: "projected",
  year: 2026,
  adapted: "The classifier is the run's, and the final norm stays as it is",
  keeps: "A square B and an A of full rank for every adapted projection",
  options: z.strictObject({
    distillation: z.number().min(0).default(0.25).describe("Strength κ of the distillation"),
    temperature: z.number().positive().default(2).describe("Temperature τ of the distillation"),
    images: z.int().min(1).default(64).describe("Images of a task from which its drift is estimated"),
    rate: z.number().positive().max(10).default(0.25)
      .describe("Factor of the learning rate of the backbone's update beside the classifier's"),
  }),
  create: ({ distillation: strength, temperature, images, rate }) =>
    foldedMethod<E2State>({
      init: () => ({ columns: null, seen: [] }),
      async begin({ columns, seen }, task, kit, classifier) {
        const freed = columns ? freedBySite(columns) : undefined;
        const base = columns ? deployed(columns, freed) : noUpdate(kit);
        const factors = loraSites(kit.config, kit.lora.targets).flatMap((site) => {
          const { name, inputs, outputs } = site;
          const a = columns ? hostTensor([outputs, inputs]) : freshRows(kit, site);
          const b = columns ? only(columns[name]!, freed![name]!) : hostTensor([outputs, outputs]);
          return [[factorName(name, "A"), a], [factorName(name, "B"), b]] as const;
        });
        const head = kit.classifier.trains(classifier);
        const teacher = await kit.map({
          adapter: base,
          fixed: head,
          output: (env) => kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed),
        }, imageTable(task.train));
        return {
          start: Object.fromEntries(factors),
          base,
          fixed: { ...prefixed(head, OLD), seen: classMask(seen, kit) },
          columns: { teacher },
          rate(name) {
            const { factor } = parseFactor(name) ?? {};
            return factor === undefined ? 1 : factor === "B" && columns ? 0 : rate;
          },
          extraLoss({ env, feature }) {
            const { teacher, weights } = env.rows();
            const logits = kit.classifier.logits(feature, unprefixed(env.fixed, OLD));
            const far = distillation(logits, teacher!, env.fixed["seen"]!, weights, temperature);
            return mul(far, strength * temperature ** 2);
          },
        };
      },
      async end({ columns, seen }, task, values, kit) {
        const freed = columns && freedBySite(columns);
        const updates = Object.fromEntries(
          loraSites(kit.config, kit.lora.targets).map(({ name }) => {
            const a = matrixOf(values[factorName(name, "A")]!).mul(kit.lora.scale);
            return [name, { a, b: matrixOf(values[factorName(name, "B")]!) }];
          }),
        );
        const model = modelOf(columns, freed, updates);
        const order = Array.from({ length: task.train.count }, (_, i) => i);
        const chosen = kit.rng(`drift/${task.index}`).shuffle(order).slice(0, images);
        const moments = await inputMoments(kit, task, model, chosen);
        const names = inputNames(kit);
        const next = Object.entries(updates).map(([site, { a, b }]) => {
          const { second, mean } = moments[names[site]!]!;
          const covariance = Matrix.sub(second, mean.transpose().mmul(mean));
          return [
            site,
            columns
              ? turnedColumns(columns[site]!, freed![site]!, a.subMatrixRow([...freed![site]!]), covariance)
              : firstColumns(b.mmul(a), covariance),
          ] as const;
        });
        return { columns: Object.fromEntries(next), seen: [...new Set([...seen, ...task.classes])] };
      },
      deploy: ({ columns }) => columns ? deployed(columns) : undefined,
    }),
});

/** The model that a task's training left. */
function modelOf(
  columns: E2State["columns"],
  freed: FreedBySite | null,
  updates: Readonly<Record<string, { readonly a: Matrix; readonly b: Matrix }>>,
): Adapter {
  const pairs = Object.entries(updates).map(([site, { a, b }]): [string, LoraPair] => {
    if (!columns) return [site, { a: tensorOf(a), b: tensorOf(b) }];
    const { a: rows, b: own } = without(columns[site]!, freed![site]!);
    return [site, { a: tensorOf(matrixOf(rows).add(onlyRows(a, freed![site]!))), b: own }];
  });
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** Some rows in their places, zero elsewhere. */
function onlyRows(a: Matrix, rows: readonly number[]): Matrix {
  const kept = Matrix.zeros(a.rows, a.columns);
  for (const row of rows) kept.setRow(row, a.getRow(row));
  return kept;
}
