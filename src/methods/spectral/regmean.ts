/**
 * RegMean (Jin et al., arXiv 2212.09849) on LoRA updates.
 *
 * 1. Train the task's adapter by itself.
 * 2. With what each adapted projection reads on the task, under the task's own adapter, form G_t = XᵀX; scale its
 *    entries off the diagonal by α.
 * 3. E ← E + ΔW_t G_t, G ← G + G_t. The task's data is not needed any more.
 * 4. Deploy ΔW = E G⁻¹: of all linear maps the one nearest to each task's on that task's inputs.
 *
 * On whole weights the paper's formula gives W0 plus this, because W0 is common to all. G is a mean over tokens, summed
 * over images. q, k and v of a block read the same and share it.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import { divideByGram } from "../../merge/regmean.ts";
import { adapterOfFactors, type Factors } from "../../merge/spectrum.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { addTask, type GramSums, sumsBySite } from "./gram_sums.ts";
import { type LastState, lastTrained, startOption, taskStart } from "../start.ts";

/** The sums, and the last task's adapter where the next one starts from it. */
type State = LastState & { readonly sums: GramSums | null };

/** The option that scales Gram matrices off their diagonal. */
export const offDiagonalOption: z.ZodDefault<z.ZodNumber> = z.number().min(0).max(1).default(0.9)
  .describe(
    "Factor α of the entries off the diagonal of the inputs' Gram matrices; below 1 they are invertible",
  );

/** RegMean. */
export const regmean: MethodDefinition = defineMethod({
  name: "regmean",
  summary: "The linear map nearest to every task's on that task's inputs, from running sums",
  source: "Jin et al., arXiv 2212.09849",
  family: "merge",
  year: 2023,
  adapted: "Adapters of tasks instead of whole models, merged after every task",
  keeps:
    "Sums in float64: of ΔW times a Gram matrix for every adapted weight, of Gram matrices for every input",
  options: z.strictObject({ offDiagonal: offDiagonalOption, start: startOption }),
  create: ({ offDiagonal, start }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ sums: null }),
      begin: (state: State, task, kit) => ({ start: taskStart(kit, task.index, start, state) }),
      end: async ({ sums }: State, task, { adapter }, kit): Promise<State> => ({
        sums: await addTask(sums, kit, task, adapter, offDiagonal),
        ...lastTrained(adapter, start),
      }),
      deploy({ sums }: State, kit) {
        if (!sums) return undefined;
        const updates = [...sumsBySite(sums, kit)].map(([site, { numerator, gram }]) =>
          [site, whole(divideByGram(numerator, gram))] as const
        );
        return adapterOfFactors(Object.fromEntries(updates));
      },
    }),
});

/** A matrix as one factor, the identity as the other. */
function whole(matrix: Matrix): Factors {
  return matrix.rows < matrix.columns
    ? { left: Matrix.eye(matrix.rows), right: matrix }
    : { left: matrix, right: Matrix.eye(matrix.columns) };
}
