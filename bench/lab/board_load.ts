/**
 * How long a leaderboard takes, and how large it gets: synthetic records of all methods are written to a folder, then read
 * and rendered as `deno task board` does.
 *
 *     deno run --allow-read --allow-write bench/lab/board_load.ts FOLDER [RECORDS]
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { canonicalJson, createRng } from "../../src/core/mod.ts";
import { methods } from "../../src/methods/mod.ts";
import {
  type Cell,
  cellName,
  createBoard,
  layoutOf,
  renderCsv,
  renderJson,
  renderMarkdown,
  resolveSettings,
  seal,
  type TaskEvent,
} from "../../src/protocol/mod.ts";
import { exists } from "../folders.ts";
import { collectRecords } from "../found_records.ts";

const HASH = "0".repeat(64);
const TASKS = [5, 10, 20, 30, 50];
/** Of all tasks, in each split. */
const IMAGES = 9000;
const CLASSES = 300;

/** A record whose accuracy depends on the method, falls with the tasks, and varies with the seed. */
export function syntheticRecord(method: string, tasks: number, seed: number): { name: string; text: string } {
  const skill = createRng(method, "skill").uniform();
  const rng = createRng(seed, `${method} ${tasks}`);
  const cell: Cell = {
    edition: 2,
    method,
    options: {},
    dataset: { name: "synthetic", fingerprint: HASH, classes: CLASSES, train: IMAGES, test: IMAGES },
    backbone: { id: "none", hash: HASH },
    backend: "reference",
    tasks,
    orderSeed: seed,
    trainSeed: seed,
    streamHash: HASH,
    settings: resolveSettings(),
  };
  const images = IMAGES / tasks;
  const lines: { readonly hash: string; readonly chain: string }[] = [
    seal({ event: "start" as const, cell, environment: { device: "none" } }),
  ];
  for (let index = 0; index < tasks; index++) {
    const hits = Array.from({ length: index + 1 }, () => {
      const share = 0.2 + 0.3 * skill + 0.2 / (1 + index / 5) + 0.02 * rng.normal();
      return Math.round(images * Math.min(1, Math.max(0, share)));
    });
    const facts = {
      event: "task",
      index,
      classes: Array.from({ length: CLASSES / tasks }, (_, i) => index * (CLASSES / tasks) + i),
      images: { train: images, test: images },
      evaluation: {
        classIncremental: hits,
        taskIncremental: hits,
        taskInference: hits,
        predictionHash: HASH,
      },
      training: { steps: 100, firstLoss: 2, lastLoss: 1 },
      cost: {
        flopPerTrainingImage: 6e7,
        flopPerTestImage: 2e7,
        passesPerTestImage: 1,
        deployedBytes: Math.round(1e5 * (1 + skill)),
        trainedNumbers: 30_000,
      },
      keptBytes: { method: Math.round(1e5 * skill) * (index + 1), classifier: 64 * (index + 1) },
      facts: { groups: 1 + (index % 5) },
      seconds: { train: 10 + rng.uniform(), method: 1, evaluate: 1 },
    } as const;
    lines.push(seal(facts, lines.at(-1)) as TaskEvent);
  }
  lines.push(seal({ event: "end" as const, status: "done" as const, details: {} }, lines.at(-1)));
  return { name: cellName(cell), text: lines.map((line) => `${canonicalJson(line)}\n`).join("") };
}

/** Writes so many records: all methods at all numbers of tasks, seed after seed. */
export async function writeSynthetic(folder: string, count: number): Promise<void> {
  const layout = layoutOf(folder);
  await Deno.mkdir(layout.records, { recursive: true });
  const cells = TASKS.length * Object.keys(methods).length;
  for (let i = 0; i < count; i++) {
    const seed = Math.floor(i / cells);
    const method = Object.keys(methods)[Math.floor(i / TASKS.length) % Object.keys(methods).length]!;
    const { name, text } = syntheticRecord(method, TASKS[i % TASKS.length]!, seed);
    await Deno.writeTextFile(layout.record(name), text);
  }
}

async function main([folder, count = "5000"]: readonly string[]): Promise<void> {
  if (folder === undefined) throw new Error("Cannot write synthetic records: found no folder, wanted one");
  if (await exists(folder)) console.log(`${folder} is there: its records are used`);
  else await writeSynthetic(folder, Number(count));
  let [since, before] = [performance.now(), cpuUsage()];
  const lap = (what: string) => {
    const { user, system } = cpuUsage(before);
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    console.log(`${what}: ${seconds} s, ${((user + system) / 1e6).toFixed(1)} s of processors`);
    [since, before] = [performance.now(), cpuUsage()];
  };
  const { records, problems } = await collectRecords([folder]);
  lap(`read ${records.length} records`);
  const board = createBoard(records, { protagonist: "ham", problems });
  const pairs = board.sections.reduce((sum, { comparisons }) => sum + comparisons.length, 0);
  lap(`board of ${board.sections.length} sections, ${pairs} pairs`);
  for (const render of [renderMarkdown, renderCsv, renderJson]) {
    const { length } = render(board);
    lap(`${render.name}, ${(length / 2 ** 20).toFixed(1)} MiB`);
  }
}

if (import.meta.main) await main(Deno.args);
