/**
 * An adapter for each task and a pass for each adapter; classes are compared in all subspaces at once (the shape of
 * EASE, Zhou et al., arXiv 2403.12030, without its synthesis of old prototypes). The cost at test grows with the tasks.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { concat, matmul } from "../../graph/functions.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { classMeans } from "../../nn/heads.ts";
import { featurePass } from "../../methods/adapter_method.ts";
import { imageTable } from "../../train/table.ts";
import type { Kit, Method, TaskView } from "../../methods/method.ts";
import { branchOf, factors, maskOf, taskLoss, unit } from "./test_parts.ts";

/** Adapters, and for each the class means [classes, width] of the tasks up to the present; zero for classes before it. */
export type EaseState = { readonly adapters: readonly Adapter[]; readonly means: NamedTensors };

async function train(task: TaskView, kit: Kit): Promise<Adapter> {
  const { values } = await kit.fit({
    start: { ...factors(kit, `task ${task.index}`), ...kit.freshClassifier() },
    fixed: maskOf(task, kit),
    tables: { main: imageTable(task.train) },
    loss(trained, env) {
      const { feature } = env.encode(env.rows().images, { branches: [branchOf(trained, kit)] });
      return taskLoss(kit.classifier.logits(feature, trained), env);
    },
  });
  return adapterFromTensors(values, kit.lora.scale);
}

/** One pass a task. */
export const ease: Method<EaseState> = {
  name: "ease",
  options: {},
  sees: "task",
  init: () => ({ adapters: [], means: {} }),
  async learn(state, task, kit) {
    const adapters = [...state.adapters, await train(task, kit)];
    const means: Record<string, NamedTensors[string]> = {};
    for (const [i, adapter] of adapters.entries()) {
      const { data } = await kit.map(featurePass(adapter), imageTable(task.train));
      const found = classMeans(data, task.train.labels, kit.classes);
      const rows = Float32Array.from(state.means[`${i}`]?.data ?? new Float32Array(found.means.length));
      for (const label of task.classes) {
        const [from, to] = [label * found.width, (label + 1) * found.width];
        rows.set(found.means.subarray(from, to), from);
      }
      means[`${i}`] = hostTensor([kit.classes, found.width], rows);
    }
    return { adapters, means };
  },
  deploy: ({ adapters, means }) => ({
    passes: adapters.map((adapter) => featurePass(adapter)),
    fixed: means,
    scores(features, { fixed }) {
      const own = features.map((_, i) => fixed[`${i}`]!);
      return matmul(unit(concat(features.map(unit), 1)), unit(concat(own, 1)), { transposeB: true });
    },
  }),
};
