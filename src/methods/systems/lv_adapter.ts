/**
 * Pretrain-adapt-finetune with LV-Adapter (Liang et al., NeurIPS 2022): small adapters at several depths bring the
 * backbone near the task before anything else trains, and features look at what the classes are.
 *
 * 1. Prototypes: the mean frozen feature of each class stands for the embedding of its name.
 * 2. Adapt: adapters at the ends of the blocks at 1/4, 2/4, 3/4 and 4/4 of the depth, the gate γ and the classifier
 *    train for `adaptEpochs`; the rest stays.
 * 3. Fine-tune: the run's adapter trains along.
 * 4. In both stages, and at test, f ← f + γ Attn(f, P, P): attention with one head over the prototypes P of the classes
 *    seen, softmax(f Pᵀ / √d) P. γ is zero before the first task, so that attention comes in by training alone.
 * 5. In both stages τ⁻¹ cos(f, p_c) over the task's classes has a cross-entropy of its own: alignment.
 *
 * No code was published and the details are open. Ours: an adapter at the end of a block is a low-rank update of its
 * last projection; one gate after the last norm, in place of attention within blocks; there is no multi-task objective,
 * since tasks come one by one, and everything goes on from task to task.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, broadcast, matmul, mul, softmax, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { adapterFromTensors, createAdapter } from "../../nn/adapter.ts";
import { featureWidth } from "../../nn/config.ts";
import { classMeans } from "../../nn/heads.ts";
import { mergedMeans } from "../../classifiers/statistics.ts";
import { parseFactor, parseSite } from "../../nn/sites.ts";
import { imageTable } from "../../train/table.ts";
import { classMask, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf, prefixed, unit, unprefixed } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";

const SCALES = "scale.";
const GATE = "gate";

/**
 * What trained: the adapter, adapters under `scale.`, `gate` [1]; frozen class means [classes, width], of how many images
 * if classes come back; classes seen.
 */
export type LvState = {
  readonly trained: NamedTensors;
  readonly prototypes: HostTensor;
  readonly counts?: HostTensor;
  readonly seen: readonly number[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  adaptEpochs: z.int().min(1).default(2).describe("Epochs of the first stage"),
  align: z.number().min(0).default(0.5).describe("Strength of the alignment with prototypes"),
  temperature: z.number().gt(0).default(0.07).describe("Temperature τ of the alignment"),
  attend: z.boolean().default(true).describe("Whether features attend to prototypes"),
});
type Options = z.infer<typeof options>;

/** LV-Adapter. */
export const lvAdapter: MethodDefinition = defineMethod({
  name: "lv-adapter",
  summary:
    "Adapters at several depths train first, then all; features attend to class prototypes by a zero gate",
  source: "Liang et al., NeurIPS 2022 (no code)",
  family: "system",
  year: 2022,
  adapted:
    "Class means stand for embeddings of names; low-rank updates for adapters; stages within each task",
  keeps: "The adapter, those at four depths, the gate, a frozen mean of each class",
  options,
  create: (options): Omit<Method<LvState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({
      trained: {
        ...factorsOf(firstStart(kit)),
        ...prefixed(freshScales(kit), SCALES),
        [GATE]: hostTensor([1]),
      },
      prototypes: hostTensor([kit.classes, featureWidth(kit.config)]),
      seen: [],
      classifier: kit.freshClassifier(),
    }),
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: (state, kit) => classifiedPredictor(passOf(state, kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ trained }) => ({ gate: trained[GATE]!.data[0]! }),
  }),
});

/** The blocks at whose end an adapter is. */
export function scaleBlocks(depth: number): number[] {
  return [...new Set([1, 2, 3, 4].map((quarter) => Math.max(1, Math.round(quarter * depth / 4)) - 1))];
}

function freshScales({ config, lora, rng }: Kit): NamedTensors {
  const all = createAdapter(config, { ...lora, targets: ["fc2"] }, rng("scales"));
  const blocks = scaleBlocks(config.depth);
  const own = Object.entries(all.pairs).filter(([site]) => blocks.includes(parseSite(site)!.block));
  return factorsOf({ ...all, pairs: Object.fromEntries(own) });
}

/**
 * f + γ softmax(f Pᵀ / √d) P over the prototypes of a mask.
 *
 * @param feature [batch, d]
 * @param prototypes [classes, d]
 * @param known [classes]: 1 for a prototype that is there
 * @param gate γ [1]
 */
export function attendTo(feature: Tensor, prototypes: Tensor, known: Tensor, gate: Tensor): Tensor {
  const scores = mul(matmul(feature, prototypes, { transposeB: true }), 1 / Math.sqrt(feature.shape[1]!));
  const shares = softmax(where(broadcast(known, scores.shape), scores, -1e9));
  return add(feature, mul(matmul(shares, prototypes), gate));
}

/** The feature of the present batch. */
function featureOf(trained: Named, env: Env, kit: Kit): Tensor {
  const branches = [branchOf(trained, kit), branchOf(trained, kit, SCALES)];
  const { feature } = env.encode(env.rows().images, { branches });
  return attendTo(feature, env.fixed["prototypes"]!, env.fixed["known"]!, trained[GATE]!);
}

function passOf({ trained, prototypes, seen }: LvState, kit: Kit): Pass {
  return {
    fixed: { ...trained, prototypes, known: classMask(seen, kit) },
    output: (env) => featureOf(env.fixed, env, kit),
  };
}

async function learn(state: LvState, task: TaskView, kit: Kit, options: Options): Promise<LvState> {
  const images = imageTable(task.train);
  const frozen = await kit.map(featurePass(undefined), images);
  const { mean: prototypes, count } = mergedMeans(
    state.prototypes,
    state.counts ?? hostTensor([kit.classes]),
    classMeans(frozen.data, task.train.labels, kit.classes),
    task.classes,
  );
  const seen = [...new Set([...state.seen, ...task.classes])];
  const fit = (start: NamedTensors, stage: "adapt" | "finetune") =>
    kit.fit({
      start,
      fixed: {
        ...maskOf(task, kit),
        prototypes,
        known: classMask(seen, kit),
        align: hostTensor([], Float32Array.of(options.align)),
      },
      tables: { main: images },
      purpose: stage,
      ...(stage === "adapt" && { epochs: options.adaptEpochs }),
      rate: (name) => (stage === "adapt" && parseFactor(name)) || (name === GATE && !options.attend) ? 0 : 1,
      decays: (name) => parseFactor(Object.keys(unprefixed({ [name]: 0 }, SCALES))[0] ?? name) !== undefined,
      loss(trained, env) {
        const feature = featureOf(trained, env, kit);
        const cosines = matmul(unit(feature), unit(env.fixed["prototypes"]!), { transposeB: true });
        const aligned = taskLoss(mul(cosines, 1 / options.temperature), env);
        const learnt = taskLoss(kit.classifier.logits(feature, trained), env);
        return add(learnt, mul(aligned, env.fixed["align"]!));
      },
    });
  const known = kit.classifier.trains(state.classifier);
  const adapted = await fit({ ...state.trained, ...known }, "adapt");
  const { values } = await fit(adapted.values, "finetune");
  kit.trained(adapterFromTensors(values, kit.lora.scale));
  const next = {
    trained: Object.fromEntries(Object.keys(state.trained).map((name) => [name, values[name]!])),
    prototypes,
    ...(kit.classesReturn && { counts: count }),
    seen,
    classifier: state.classifier,
  };
  const before = () => passOf(state, kit);
  return {
    ...next,
    classifier: await finishClassifier(kit, task, state.classifier, values, passOf(next, kit), before),
  };
}
