import assert from "node:assert/strict";
import type { Board } from "../board/board.ts";
import { createBoard } from "../board/create.ts";
import { renderJson } from "../board/json.ts";
import { inBoardOrder } from "../board/order.ts";
import type { FoundRecord } from "../board/runs.ts";
import { parseRecord } from "../records/parse.ts";
import { recordOf } from "../records/test_records.ts";
import { describeFinding } from "./finding.ts";
import { checkBoard } from "./leaderboard.ts";

const overlap = [{ trainedOn: "images", by: "name" as const, classes: 8 }];
const records: readonly FoundRecord[] = [0, 1].map((seed) => ({
  path: `${seed}.jsonl`,
  record: recordOf({
    method: "ham",
    seed,
    matrix: [[0.5], [0.25, 0.75], [0.5, 0.5, 0.75]],
    families: [["a"], ["b"], ["a"]],
    facts: [{}, {}, { members: [[0, 1], [2]] }],
    source: { overlap },
    cell: { stream: "recurring" },
  }),
}));
const board = createBoard(inBoardOrder(records), { protagonist: "ham" });

/** What is found in a board that was changed after it was made. */
function findings(change: (text: string) => string, of: readonly FoundRecord[] = records): string[] {
  const text = renderJson(board);
  const changed = change(text);
  assert.notEqual(changed, text);
  return checkBoard(changed, of).map(describeFinding);
}

Deno.test("checkBoard() finds figures of families and marks of an overlap that were changed or dropped", () => {
  assert.deepEqual(checkBoard(renderJson(board), records), []);
  assert.match(
    findings((text) => text.replaceAll(/"familyAgreement":-[\d.]+/g, '"familyAgreement":1')).join("\n"),
    /found familyAgreement 1 of ham-T3.*, wanted -0\.5\d*, as its record gives/,
  );
  assert.match(
    findings((text) => text.replaceAll(/"interference":[\d.]+,/g, "")).join("\n"),
    /found interference missing of ham-T3/,
  );
  assert.match(
    findings((text) => text.replace(/"overlap":\[[^\]]*\],/, "")).join("\n"),
    /sections\.0\.overlap: shown nothing/,
  );
});

Deno.test("checkBoard() takes a board of the first edition for what it had", async () => {
  const here = new URL("../../../fixtures/", import.meta.url);
  const old = await Deno.readTextFile(new URL("board/leaderboard-1.json", here));
  const folder = new URL("records/edition1/", here);
  const found = await Promise.all(
    [...Deno.readDirSync(folder)].map(async ({ name }) => ({
      path: name,
      record: parseRecord(await Deno.readTextFile(new URL(name, folder)), name),
    })),
  );
  assert.deepEqual(checkBoard(old, found), []);
  assert.notDeepEqual(checkBoard(old.replace(/"taskMean":0\.\d/, '"taskMean":0.9'), found), []);
  // It is the groups that it lacks.
  assert.match(
    checkBoard(old.replace(/^\{"edition":1/, '{"edition":2'), found).map(describeFinding).join("\n"),
    /groups missing of ham-T2/,
  );
  const stripped: Board = JSON.parse(renderJson(board), (key, value) => {
    const later = ["overlap", "groups", "familyAgreement", "familyTransfer", "relatedChange", "interference"];
    return later.includes(key)
      ? undefined
      : key === "description"
      ? value.replace(/\. The backbone.*/, "")
      : value;
  });
  assert.deepEqual(checkBoard(JSON.stringify({ ...stripped, edition: 1 }), records), []);
});
