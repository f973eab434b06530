/**
 * Gradient projection memory (Saha et al., arXiv 2103.09762) on the factors A of one sequential adapter: an optimiser
 * around another, whose moves lose what lies in the span of earlier tasks' inputs.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { matmul, mul, reshape, sub } from "../../graph/functions.ts";
import { adapterFromTensors } from "../../nn/adapter.ts";
import { headOf } from "../../classifiers/linear.ts";
import { linearHead } from "../../nn/heads.ts";
import { factorName, loraSites, parseFactor } from "../../nn/sites.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import { projected } from "../../train/optimisers/projected.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../../methods/adapter_method.ts";
import type { Kit, Method, TaskView } from "../../methods/method.ts";
import { branchOf, factors, maskOf, taskLoss } from "./test_parts.ts";

/** Directions added by each task. */
const ADDED = 2;

/** The adapter with its classifier, and for each site the projector [in, in] onto the span of earlier inputs. */
export type GpmState = { readonly trained: NamedTensors | null; readonly spans: NamedTensors };

/** Gram matrices of what each site reads. */
async function inputGrams(task: TaskView, kit: Kit): Promise<NamedTensors> {
  const sites = loraSites(kit.config, kit.lora.targets);
  return await kit.sum({
    terms(env) {
      const { images, weights } = env.rows();
      const encoded = env.encode(images);
      return Object.fromEntries(sites.map(({ name, inputs }) => {
        const all = mul(encoded.input(name), reshape(weights, [weights.shape[0]!, 1, 1]));
        const rows = reshape(all, [all.shape[0]! * all.shape[1]!, inputs]);
        return [name, matmul(rows, rows, { transposeA: true })];
      }));
    },
  }, imageTable(task.train));
}

/** The projector onto a span and the strongest directions of a Gram matrix outside of it. */
function grow(span: NamedTensors[string], gram: NamedTensors[string]): NamedTensors[string] {
  const size = gram.shape[0]!;
  const old = Matrix.from1DArray(size, size, span.data);
  const outside = Matrix.sub(Matrix.eye(size), old);
  const left = outside.mmul(Matrix.from1DArray(size, size, gram.data)).mmul(outside);
  const { eigenvectorMatrix } = new EigenvalueDecomposition(left, { assumeSymmetric: true });
  // Eigenvalues ascend.
  const added = eigenvectorMatrix.subMatrix(0, size - 1, size - ADDED, size - 1);
  return hostTensor(
    [size, size],
    Float32Array.from(Matrix.add(old, added.mmul(added.transpose())).to1DArray()),
  );
}

const optimiser = projected(adamw(), (move, { unpack, pack, fixed }) => {
  const parts = unpack(move);
  const kept = Object.entries(parts).map(([name, part]) => {
    const { site, factor } = parseFactor(name) ?? {};
    return [name, factor === "A" ? sub(part, matmul(part, fixed[`span.${site}`]!)) : part] as const;
  });
  return pack(Object.fromEntries(kept));
});

/** GPM. */
export const gpm: Method<GpmState> = {
  name: "gpm",
  options: {},
  sees: "task",
  init: (kit) => ({
    trained: null,
    spans: Object.fromEntries(
      loraSites(kit.config, kit.lora.targets).map(({ name, inputs }) => [name, hostTensor([inputs, inputs])]),
    ),
  }),
  async learn({ trained, spans }, task, kit) {
    const named = Object.entries(spans).map(([site, span]) => [`span.${site}`, span] as const);
    const { values } = await kit.fit({
      start: trained ?? { ...factors(kit, "task 0"), ...kit.freshClassifier() },
      fixed: { ...maskOf(task, kit), ...Object.fromEntries(named) },
      tables: { main: imageTable(task.train) },
      optimiser,
      loss(trained, env) {
        const { feature } = env.encode(env.rows().images, { branches: [branchOf(trained, kit)] });
        return taskLoss(kit.classifier.logits(feature, trained), env);
      },
    });
    const grams = await inputGrams(task, kit);
    const grown = Object.entries(spans).map(([site, span]) => [site, grow(span, grams[site]!)] as const);
    return { trained: values, spans: Object.fromEntries(grown) };
  },
  deploy({ trained }, kit) {
    const { weight, bias } = headOf(trained!);
    return {
      passes: [featurePass(adapterFromTensors(trained!, kit.lora.scale))],
      fixed: { weight, bias },
      scores: ([feature], { fixed }) => linearHead(feature!, fixed["weight"]!, fixed["bias"]!),
    };
  },
};

/** How far the factors A moved within the span of earlier inputs, as a share of their whole move. */
export function moveWithin(before: GpmState, after: GpmState, site: string): number {
  const name = factorName(site, "A");
  const [rank, inputs] = before.trained![name]!.shape as [number, number];
  const move = Matrix.from1DArray(
    rank,
    inputs,
    after.trained![name]!.data.map((value, i) => value - before.trained![name]!.data[i]!),
  );
  const within = move.mmul(Matrix.from1DArray(inputs, inputs, before.spans[site]!.data));
  return within.norm("frobenius") / move.norm("frobenius");
}
