import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import type { Overlap } from "../overlap.ts";
import { recordOf, type RecordParts } from "../records/test_records.ts";
import { renderCsv } from "./csv.ts";
import { renderMarkdown } from "./markdown.ts";
import { boardOf, sectionsOf } from "./test_board.ts";

function run(seed: number, overlap: readonly Overlap[], parts: Partial<RecordParts> = {}) {
  return recordOf({
    method: "ham",
    seed,
    matrix: [[0.5], [0.5, 0.5]],
    ...(overlap.length > 0 && { source: { overlap } }),
    ...parts,
  });
}

const images: Overlap = { trainedOn: "images", by: "name", classes: 8 };

Deno.test("createBoard() marks sections whose data the backbone has seen, in every caption", () => {
  const board = boardOf([run(0, [images]), run(0, [], { settings: { head: "linear" } })]);
  const [seen, unseen] = board.sections;
  assert.deepEqual(seen!.overlap, [images]);
  const sentence = "The backbone has seen this data: 8 of 8 classes in training on images (known by name)";
  assert.ok(seen!.description.endsWith(`1 record. ${sentence}`), seen!.description);
  assert.equal(unseen!.overlap, undefined);
  assert.doesNotMatch(unseen!.description, /seen/);
  assert.equal(renderMarkdown(board).split(`${sentence}.`).length, 2);
  const rows = parse(renderCsv(board), { columns: true }) as Record<string, string>[];
  assert.deepEqual(rows.map(({ overlap }) => overlap), [
    '[{"by":"name","classes":8,"trainedOn":"images"}]',
    "",
  ]);
  // It is told of the section and not of each of its runs.
  assert.ok(!("overlap" in seen!.runs[0]!));
});

Deno.test("createBoard() believes the record that knows most of an overlap, whatever their order", () => {
  const records = [
    run(0, []),
    run(1, [{ trainedOn: "web", by: "classes", classes: 3 }, {
      trainedOn: "images",
      by: "classes",
      classes: 2,
    }]),
    run(2, [images]),
    run(3, [{ ...images, by: "content" }]),
  ];
  const wanted: Overlap[] = [{ ...images, by: "content" }, { trainedOn: "web", by: "classes", classes: 3 }];
  assert.deepEqual(sectionsOf(records)[0]!.overlap, wanted);
  assert.deepEqual(sectionsOf(records.toReversed())[0]!.overlap, wanted);
  assert.match(
    sectionsOf(records)[0]!.description,
    /8 of 8 classes in training on images \(known by content\) and 3 of 8 classes in training on web \(known by classes\)$/,
  );
});
