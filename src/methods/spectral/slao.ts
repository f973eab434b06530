/**
 * SLAO, "Merge before Forget" (Qiao and Mahdavi, arXiv 2512.23017): one adapter whose factors are merged differently.
 *
 * 1. The first task trains a fresh adapter. Later ones start from B as the last task's training left it, and from A with
 *    orthonormal rows: Qᵀ of the QR decomposition of the last A's transpose, with signs that make R's diagonal positive.
 * 2. After training on task t, A ← the trained A, and B ← B + (trained B - B) / √t.
 * 3. Deploy the merged B times A.
 *
 * An orthonormal A is longer than a fresh one, whose rows have length 1/√3: ΔW jumps at the start of a task. That is so
 * in the paper, too.
 *
 * @module
 */
import { QrDecomposition } from "ml-matrix";
import { z } from "zod";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { mapPairs } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { matrixOf, tensorOf } from "../pieces/linear_algebra.ts";
import { firstStart } from "../start.ts";

/** The merged adapter and the last trained one, which share A; tasks so far. */
type State = { readonly merged: Adapter | null; readonly last: Adapter | null; readonly count: number };

/** SLAO. */
export const slao: MethodDefinition = defineMethod({
  name: "slao",
  summary:
    "One adapter: A of the last task from an orthonormal start, B a mean of all tasks with weight 1/√t",
  source: "Qiao and Mahdavi, arXiv 2512.23017",
  family: "merge",
  year: 2026,
  adapted: "From language models to images; nothing else",
  keeps: "The merged adapter and the last task's",
  options: z.strictObject({
    startB: z.enum(["trained", "merged"]).default("trained")
      .describe("Whether a task's B starts as the last training left it or from the merged one"),
  }),
  create: ({ startB }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ merged: null, last: null, count: 0 }),
      begin({ merged, last }: State, _task, kit) {
        const from = startB === "merged" ? merged : last;
        return { start: from ? orthonormalStart(from) : firstStart(kit) };
      },
      end({ merged, count }: State, _task, { adapter }): State {
        return {
          merged: merged ? mergeFactors(merged, adapter, 1 / Math.sqrt(count + 1)) : adapter,
          last: adapter,
          count: count + 1,
        };
      },
      deploy: ({ merged }: State) => merged ?? undefined,
    }),
});

/** A as orthonormal rows that span the same, B as it is. */
export function orthonormalStart(adapter: Adapter): Adapter {
  return mapPairs(adapter, ({ a, b }) => ({ a: orthonormalRows(a), b }));
}

function orthonormalRows(a: HostTensor): HostTensor {
  const { orthogonalMatrix, upperTriangularMatrix } = new QrDecomposition(matrixOf(a).transpose());
  upperTriangularMatrix.diagonal().forEach((value, i) => {
    if (value < 0) orthogonalMatrix.mulColumn(i, -1);
  });
  return tensorOf(orthogonalMatrix.transpose());
}

/** The trained A, and B moved towards the trained B by a share of the way. */
export function mergeFactors(merged: Adapter, trained: Adapter, share: number): Adapter {
  return mapPairs(trained, ({ a, b }, site) => {
    const old = merged.pairs[site]!.b.data;
    return { a, b: hostTensor(b.shape, b.data.map((value, i) => old[i]! + share * (value - old[i]!))) };
  });
}
