/**
 * The programs whose pipelines `deno task wgsl` writes: all that the smoke suite compiles, for every method and for
 * the options that lead to other merges; the training step and the features of a model of the field's size and of one of
 * odd sizes; and the kernel families one by one.
 *
 * @module
 */
import { createStream } from "../../src/data/mod.ts";
import { type BackendChoice, createExecutor, type Executor } from "../../src/executors/mod.ts";
import { type Program, programKey } from "../../src/graph/mod.ts";
import { type AdapterStepShape, methods, traceAdapterStep, traceFeatures } from "../../src/methods/mod.ts";
import { vitB16 } from "../../src/nn/mod.ts";
import { createMemoryStore, runCell } from "../../src/protocol/mod.ts";
import { createOptimiser, defaultOptimiser } from "../../src/train/mod.ts";
import { CELL_THREADS } from "../grid/jobs.ts";
import { loadSuite } from "../grid/plan.ts";
import { resolveSuite } from "../grid/suite.ts";
import { families, kernelCases } from "./kernel_cases.ts";
import { largeRun } from "./large_step.ts";

/** Methods whose options lead to other programs than the defaults do. */
const VARIANTS = [
  "ham:training=stack,groupMerge=concat,groupGain=learned",
  "ham:pruneSpace=delta,balance=false",
  "taskarith:rankCap=4",
  "concat-pruned:weighting=sum,pruneSpace=delta,rankCap=6",
];

/** A backend that hands every program it compiles to `note` first. */
function listening(executor: Executor, note: (program: Program) => void): Executor {
  return {
    info: executor.info,
    tensor: (options) => executor.tensor(options),
    compile(program, states) {
      note(program);
      return executor.compile(program, states);
    },
    dispose: () => executor.dispose(),
  };
}

/** All methods, as the smoke suite's flag `--methods` has them. */
export const allMethods: string = [...Object.keys(methods), ...VARIANTS].join(",");

/** What the cells of the smoke suite compile, each run once through a backend; equal programs once. */
async function smokePrograms(backend: BackendChoice, names: string): Promise<Program[]> {
  // Sizes of programs do not depend on the number of images.
  const flags = { suite: "smoke", methods: names, tasks: "2", epochs: "1", limitPerClass: "2", backend };
  const { cells, dataset, backbone, settings } = await loadSuite(await resolveSuite(flags));
  const { executor } = await createExecutor(backend, { threads: CELL_THREADS });
  const programs = new Map<string, Program>();
  try {
    for (const { method, job } of cells) {
      await runCell({
        method,
        stream: createStream(dataset, job.stream),
        backbone,
        executor: listening(executor, (program) => void programs.set(programKey(program), program)),
        settings,
        trainSeed: job.trainSeed,
        environment: {},
        store: createMemoryStore(),
        clock: () => performance.now() / 1000,
      });
    }
  } finally {
    await executor.dispose();
  }
  return [...programs.values()];
}

/** A model none of whose sizes is a multiple of 4, so that no kernel may read four values at a time. */
const odd: AdapterStepShape = {
  config: { ...vitB16, image: 15, patch: 5, width: 45, depth: 2, heads: 3, mlp: 91 },
  batch: 3,
  classes: 7,
  head: "linear",
  lora: { rank: 3, scale: 1, targets: ["q", "k", "v", "proj", "fc1", "fc2"] },
};

/** The step with both classifiers and both optimisers, and the features. */
function programsOf(shape: AdapterStepShape): Program[] {
  const steps = (["linear", "cosine"] as const).flatMap((head) =>
    (["adamw", "sgd"] as const).map((kind) =>
      traceAdapterStep({ ...shape, head }, createOptimiser({ ...defaultOptimiser, kind })).program
    )
  );
  return [...steps, traceFeatures(shape.config, shape.batch)];
}

/**
 * All of them.
 *
 * @param names Methods of the smoke suite
 */
export async function wgslPrograms(backend: BackendChoice, names: string): Promise<readonly Program[]> {
  // Blocks are alike: two will do.
  const large = largeRun({ model: "vit-b16", batch: 8, depth: 2 });
  const kernels = kernelCases(families).map(({ program }) => program);
  return [...await smokePrograms(backend, names), ...[large, odd].flatMap(programsOf), ...kernels];
}
