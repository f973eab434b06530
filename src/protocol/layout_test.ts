import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { layoutOf, listRecords, placeOfRecord } from "./layout.ts";

Deno.test("placeOfRecord() finds the run of a record", () => {
  const place = (path: string) => placeOfRecord(path);
  assert.deepEqual(place(layoutOf("runs/a").record("x")), { run: "runs/a/records/..", cell: "x" });
  assert.deepEqual(place("x.jsonl"), { run: "./..", cell: "x" });
  assert.deepEqual(place("\\runs\\records\\x.jsonl"), { run: "\\runs\\records/..", cell: "x" });
});

Deno.test("listRecords() lists records, sorted, and neither folders nor what was set aside", () =>
  inFolder(async (folder) => {
    for (const name of ["b.jsonl", "a.jsonl", "a.jsonl.damaged-1", "a.jsonl.tmp", "notes.txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    await Deno.mkdir(`${folder}/c.jsonl`);
    assert.deepEqual(await listRecords(folder), [`${folder}/a.jsonl`, `${folder}/b.jsonl`]);
  }));
