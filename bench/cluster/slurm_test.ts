import assert from "node:assert/strict";
import { layoutOf } from "../../src/protocol/mod.ts";
import { exists, writeSuite } from "../test_kit.ts";
import type { ListedCell } from "../grid/shard.ts";
import { hashesIn, run } from "../commands/test_bench.ts";
import { whyNoSlurm, withSlurm } from "./test_slurm.ts";

const why = await whyNoSlurm();
const root = new URL("../../", import.meta.url).pathname;

/** Lines of a cell's record. */
async function lines(out: string, cell: string): Promise<number> {
  const path = layoutOf(out).record(cell);
  return await exists(path) ? (await Deno.readTextFile(path)).split("\n").length - 1 : 0;
}

Deno.test({
  name: "a Slurm array loses nothing to a drained node, a job requeued in the middle and a node that fails" +
    (why === undefined ? "" : ` (skipped: ${why})`),
  ignore: why !== undefined,
  fn: () =>
    withSlurm(["a", "b"], async ({ call, until }, folder) => {
      const suite = await writeSuite(folder, {
        methods: ["naive"],
        tasks: [4],
        seeds: [0, 1, 2],
        settings: { rank: 2, epochs: 600, batchSize: 2, loss: "seen" },
      });
      const args = (name: string) => ["--suite", suite, "--out", `${folder}/${name}`];
      const shards = await Promise.all([1, 2, 3].map(async (index) => {
        const { out } = await run(...args("array"), "--list-cells", "--shard", `${index}/3`);
        return (JSON.parse(out) as ListedCell[]).map(({ name }) => name);
      }));
      const where = async (task: number) =>
        await call("squeue", "-h", "-r", "-j", `${job}_${task}`, "-o", "%N");
      /** Waits until a cell of a shard has its second task, and so something to go on from, and is not done. */
      const inTheMiddle = (index: number) =>
        until(`shard ${index} was never in the middle of a cell`, async () => {
          const counts = await Promise.all(shards[index - 1]!.map((cell) => lines(`${folder}/array`, cell)));
          return counts.some((count) => count === 3 || count === 4);
        });

      const job = await call(
        "sbatch",
        ...["--parsable", "--array=1-3", `--chdir=${root}`, `--output=${folder}/%a.log`],
        `--export=ALL,DENO=${Deno.execPath()}`,
        `${root}bench/cluster/slurm/bench.sbatch`,
        ...args("array"),
      );
      await inTheMiddle(1);
      const drained = await where(1);
      await call("scontrol", "update", `NodeName=${drained}`, "State=DRAIN", "Reason=test");
      await call("scontrol", "requeue", `${job}_1`);
      await until("the node was not drained", async () =>
        await call("sinfo", "-h", "-n", drained, "-o", "%T") === "drained");

      // The others share the node that is left, until that one fails and the first is back.
      const other = drained === "a" ? "b" : "a";
      await inTheMiddle(3);
      await call("scontrol", "update", `NodeName=${drained}`, "State=RESUME");
      await call("scontrol", "update", `NodeName=${other}`, "State=DOWN", "Reason=test");
      await until("the array did not end", async () =>
        await call("squeue", "-h") === "");

      const logs = await Promise.all([1, 2, 3].map((index) => Deno.readTextFile(`${folder}/${index}.log`)));
      for (const [i, log] of logs.entries()) {
        const starts = log.match(new RegExp(`^Shard ${i + 1}/3: 1 of 3 cells, 33 % of the work$`, "mg"));
        assert.equal(starts?.length, i === 1 ? 1 : 2, log);
        if (i !== 1) assert.match(log, /seed \d: goes on after \d of 4 tasks$/m);
      }
      assert.match(logs[0]!, /CANCELLED .* DUE TO JOB REQUEUE/);
      assert.equal((await run(...args("alone"))).code, 0);
      assert.deepEqual(await hashesIn(`${folder}/array`), await hashesIn(`${folder}/alone`));
      assert.deepEqual([...Deno.readDirSync(`${folder}/array/claims`)], []);
      assert.deepEqual([...Deno.readDirSync(`${folder}/array/snapshots`)], []);
    }),
});
