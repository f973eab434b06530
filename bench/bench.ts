/**
 * `deno task bench`: scores methods over growing task counts and prints the table. Everything is checked before
 * anything is written; finished cells are skipped, unfinished ones resumed.
 *
 * @module
 */
import Table from "cli-table3";
import {
  cellName,
  cellOf,
  compare,
  createExecutor,
  createMethod,
  createStream,
  describeSection,
  growthTable,
  InputError,
  limitPerClass,
  loadDataset,
  parseRecord,
  prepareFolder,
  resolveSettings,
  type RunRecord,
} from "../mod.ts";
import { openBackbone } from "./backbones.ts";
import { createCommand, runCommand } from "./cli.ts";
import { describeEnvironment } from "./environment.ts";
import type { Job } from "./jobs.ts";
import { runJobs } from "./pool.ts";
import { createProgressView, type PlannedWork } from "./progress.ts";
import { namedSuites, resolveSuite, type Suite, type SuiteFlags } from "./suite.ts";

interface Flags extends SuiteFlags {
  readonly jobs?: string;
  readonly out: string;
  readonly fresh?: boolean;
}

const command = createCommand("bench", "Scores continual-learning methods while the number of tasks grows.")
  .option("--suite <name>", `named suite (${namedSuites.join(", ")}) or path of a suite file`, "quick")
  .option("--methods <list>", "methods, with options after a colon: ham,naive or ham:keep=0.5,groupRank=16")
  .option("--tasks <list>", "numbers of tasks, such as 5,10,20")
  .option("--seeds <list>", "seeds of the class order and of training, such as 0,1,2")
  .option("--train-seed <n>", "one training seed for all class orders (default: the seed of the class order)")
  .option("--data <spec>", "procedural[:key=value,…] | cifar100:PATH | cifar10:PATH | idx:PATH")
  .option(
    "--backbone <id|path>",
    "name of a shipped backbone, or a .safetensors file with its card beside it",
  )
  .option("--backend <name>", "auto | webgpu | onnx | onnx-node | onnx-web | reference")
  .option("--epochs <n>", "epochs per task")
  .option("--limit-per-class <n>", "use the first n images of each class, in both splits")
  .option(
    "--set <key=value...>",
    "protocol settings: head, rank, alpha, targets (q+v), batchSize, optimiser, learningRate, weightDecay, schedule, warmup",
  )
  .option("--jobs <n>", "cells at a time (default: one per core on the CPU, 1 on a GPU)")
  .option("--out <dir>", "folder for records and snapshots", "runs/bench")
  .option("--fresh", "run finished cells again");

interface Plan {
  readonly jobs: readonly PlannedWork[];
  readonly records: RunRecord[];
}

await runCommand(command, async (flags: Flags) => {
  const suite = await resolveSuite(flags);
  const settings = resolveSettings(suite.settings);
  const jobLimit = parseJobs(flags.jobs);
  const whole = await loadDataset(suite.data);
  const dataset = suite.limitPerClass === undefined
    ? whole
    : limitPerClass(whole, { train: suite.limitPerClass, test: suite.limitPerClass });
  const backbone = await openBackbone(suite.backbone);
  const { executor, why } = await createExecutor(suite.backend, { threads: 1 });
  const { info } = executor;
  const cells = planCells(suite).map(({ method: spec, tasks, seed }) => {
    const method = createMethod(spec);
    const stream = createStream(dataset, { tasks, orderSeed: seed });
    const trainSeed = suite.trainSeed ?? seed;
    const cell = cellOf({ method, stream, backbone, settings, trainSeed, backend: info.backend });
    return { spec, method, tasks, seed, trainSeed, cell, name: cellName(cell) };
  });
  const environment = describeEnvironment(info);
  await executor.dispose();
  await prepareFolder(flags.out);

  const plan: Plan = { jobs: [], records: [] };
  const jobs: PlannedWork[] = [];
  for (const [id, { spec, method, tasks, seed, trainSeed, cell, name }] of cells.entries()) {
    if (flags.fresh) await removeCell(flags.out, name);
    const record = await readFinished(flags.out, name);
    if (record && record.start.cell.streamHash === cell.streamHash) {
      plan.records.push(record);
      continue;
    }
    const trainings = method.trains === "never" ? 0 : settings.epochs * dataset.train.count;
    const evaluations = method.trains === "joint" ? dataset.test.count : dataset.test.count * (tasks + 1) / 2;
    jobs.push({
      job: { id, method: spec, tasks, orderSeed: seed, trainSeed, name },
      label: `${spec} T=${tasks} seed ${seed}`,
      work: 3 * trainings + evaluations,
    });
  }
  const workers = jobLimit ??
    (info.backend === "webgpu" ? 1 : Math.max(1, Math.min(navigator.hardwareConcurrency, jobs.length)));
  console.error(
    `${cells.length} cells, ${plan.records.length} finished before; ${info.backend} on ${info.device} (${why}), ` +
      `${workers} at a time`,
  );

  const threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / workers));
  const view = createProgressView(jobs, () => performance.now() / 1000);
  const byId = new Map<number, Job>(jobs.map(({ job }) => [job.id, job]));
  const setup = { dataset, backbone, backend: info.backend, threads, settings, environment, out: flags.out };
  const results = jobs.length === 0 ? [] : await runJobs(jobs.map(({ job }) => job), workers, setup, {
    onReply(reply) {
      if (reply.kind === "progress") view.update(byId.get(reply.id)!, reply.progress);
      if (reply.kind === "done") view.finish(byId.get(reply.id)!, reply.message ?? "done");
      if (reply.kind === "error" && reply.id !== undefined) {
        view.finish(byId.get(reply.id)!, `ERROR ${reply.message}`);
      }
    },
  });
  view.stop();
  for (const { job } of results) {
    const record = await readFinished(flags.out, job.name);
    if (record) plan.records.push(record);
  }
  report(plan.records);
  console.error(`Records are in ${flags.out}/records; render them with: deno task board --in ${flags.out}`);
  return results.some(({ status }) => status !== "done") ? 1 : 0;
});

function parseJobs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InputError(`Cannot use --jobs ${text}: wanted a positive integer`);
  }
  return value;
}

/** The grid, largest T first: the longest cells start early, so that no core idles at the end. */
function planCells({ methods, tasks, seeds }: Suite) {
  return [...tasks].sort((a, b) => b - a).flatMap((count) =>
    seeds.flatMap((seed) => methods.map((method) => ({ method, tasks: count, seed })))
  );
}

async function readFinished(out: string, name: string): Promise<RunRecord | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${out}/records/${name}.jsonl`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (text === "") return undefined;
  const record = parseRecord(text, `${name}.jsonl`);
  return record.end ? record : undefined;
}

async function removeCell(out: string, name: string): Promise<void> {
  for (const path of [`${out}/records/${name}.jsonl`, `${out}/snapshots/${name}.state`]) {
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function report(records: readonly RunRecord[]): void {
  for (const section of compare(records)) {
    const [head, ...rows] = growthTable(section);
    const table = new Table({ head: head!, style: { head: [], border: [] } });
    table.push(...rows);
    console.log(`${describeSection(section)}\n${table.toString()}`);
  }
}
