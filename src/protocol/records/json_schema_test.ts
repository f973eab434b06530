import assert from "node:assert/strict";
import { z } from "zod";
import { printableJson } from "../../core/printable.ts";
import { type Edition, recordSchema } from "./json_schema.ts";
import { recordOf, textOf } from "./test_records.ts";

const fixtures = new URL("../../../fixtures/records/", import.meta.url);
const editions: readonly Edition[] = [1, 2];

Deno.test("the schemas in fixtures are those of the readers (deno task verify --schema EDITION writes them)", async () => {
  for (const edition of editions) {
    const kept = await Deno.readTextFile(new URL(`schema/record-${edition}.json`, fixtures));
    assert.equal(kept, `${printableJson(recordSchema(edition))}\n`);
  }
});

/** What a validator that knows nothing of this program makes of a line. */
function accepts(edition: Edition, line: unknown): boolean {
  return z.fromJSONSchema(recordSchema(edition) as Parameters<typeof z.fromJSONSchema>[0]).safeParse(line)
    .success;
}

Deno.test("the schema takes every line of a record and none that is damaged", async () => {
  const cost = { flopPerTestImage: 1, passesPerTestImage: 1, deployedBytes: 1, trainedNumbers: 1 };
  const lines = textOf(recordOf({ method: "ham", matrix: [[0.9], [0.5, 0.6]], cost })).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => accepts(2, line)), [true, true, true, true]);
  const [start, task, , end] = lines;
  assert.ok(!accepts(2, { ...start, cell: { ...start.cell, tasks: 0 } }));
  assert.ok(!accepts(2, { ...start, cell: { ...start.cell, method: "<script>" } }));
  assert.ok(!accepts(2, { ...task, note: 1 }));
  assert.ok(!accepts(2, { ...task, evaluation: { ...task.evaluation, classIncremental: [0.5] } }));
  assert.ok(!accepts(2, { ...end, status: "good" }));
  assert.ok(!accepts(1, task));
  for (const { name } of Deno.readDirSync(new URL("edition1/", fixtures))) {
    const text = await Deno.readTextFile(new URL(`edition1/${name}`, fixtures));
    for (const line of text.trimEnd().split("\n")) assert.ok(accepts(1, JSON.parse(line)), line);
  }
});
