/**
 * A method as somebody outside writes it: against published names alone, handed over as a value, scored beside `ham`.
 */
import assert from "node:assert/strict";
import { z } from "zod";
import {
  type Adapter,
  adapterMethod,
  createBoard,
  createExecutor,
  createMemoryStore,
  createMethod,
  createStream,
  defineMethod,
  loadBackbone,
  loadDataset,
  type Method,
  renderMarkdown,
  resolveSettings,
  runCell,
} from "../mod.ts";
import { compress, concat } from "../src/merge/mod.ts";
import { inFolder, writeBackbone } from "./test_kit.ts";

type EmaState = { readonly last: Adapter | null; readonly average: Adapter | null };

/** One adapter keeps training; what is deployed is the exponential moving average of where it was after each task. */
const ema = defineMethod({
  name: "my-ema",
  summary: "Moving average of one sequential adapter",
  source: "A stranger",
  family: "merge",
  keeps: "Two adapters",
  options: z.strictObject({
    decay: z.number().min(0).max(1).default(0.5).describe("Weight of the average so far"),
  }),
  create: ({ decay }) =>
    adapterMethod({
      trains: "task",
      init: (): EmaState => ({ last: null, average: null }),
      begin: ({ last }: EmaState, _task, kit) => ({ start: last ?? kit.freshAdapter("task 0") }),
      end: ({ average }: EmaState, _task, { adapter }): EmaState => ({
        last: adapter,
        average: average ? compress(concat([average, adapter], [decay, 1 - decay]), 16) : adapter,
      }),
      deploy: ({ average }: EmaState) => average ?? undefined,
    }),
});

Deno.test("a method of a stranger runs beside ham, by value", () =>
  inFolder(async (folder) => {
    const { executor } = await createExecutor("reference");
    const backbone = await loadBackbone(await writeBackbone(folder));
    const dataset = await loadDataset("procedural:classes=4,trainPerClass=4,testPerClass=3,size=8");
    const run = (method: Method) =>
      runCell({
        method,
        stream: createStream(dataset, { tasks: 2, orderSeed: 0 }),
        backbone,
        executor,
        settings: resolveSettings({ rank: 2, alpha: 2, epochs: 1, batchSize: 4 }),
        trainSeed: 0,
        environment: {},
        store: createMemoryStore(),
        clock: () => 0,
      });
    const records = [await run(ema.create()), await run(createMethod("ham"))];
    for (const { end, tasks } of records) {
      assert.equal(end!.status, "done");
      assert.equal(tasks.length, 2);
      assert.ok(tasks.every(({ training, cost }) => training!.steps > 0 && cost!.trainedNumbers > 0));
    }
    assert.equal(records[0]!.start.cell.options["decay"], 0.5);
    assert.notEqual(
      records[0]!.end!.hash,
      (await run(ema.create({ decay: 0 }))).end!.hash,
    );
    // Without memory of earlier averages it is sequential fine-tuning.
    const [forgetful, naive] = [await run(ema.create({ decay: 0 })), await run(createMethod("naive"))];
    forgetful.tasks.forEach(({ evaluation }, i) => assert.deepEqual(evaluation, naive.tasks[i]!.evaluation));
    const found = records.map((record, i) => ({ path: `${i}.jsonl`, record }));
    const table = renderMarkdown(createBoard(found, { protagonist: "my-ema" }));
    assert.match(table, /my-ema/);
    assert.match(table, /ham/);
    assert.throws(() => ema.create({ decai: 1 }), /unknown option decai/);
    await executor.dispose();
  }));
