import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import type { JsonObject } from "../../core/json.ts";
import { recordOf, type RecordParts } from "../records/test_records.ts";
import type { BoardEntry, BoardSection, Estimate } from "./board.ts";
import { renderCsv } from "./csv.ts";
import { growthTables } from "./growth.ts";
import { renderMarkdown } from "./markdown.ts";
import { boardOf, sectionsOf } from "./test_board.ts";

/**
 * Four tasks of families a, b, a, b with 80 test images each. Right answers among the own classes of a task, which are
 * halfway to 1:
 *
 *     60
 *     50 70
 *     60 60 70
 *     40 60 60 80
 */
const matrix = [[0.5], [0.25, 0.75], [0.5, 0.5, 0.75], [0, 0.5, 0.5, 1]];
const families = [["a"], ["b"], ["a"], ["b"]];

/** What a method says: its groups after each task; only the last counts. */
function grouped(...members: number[][]): readonly JsonObject[] {
  return [{}, { members: [[0, 1]] }, {}, { members }];
}

function run(parts: Partial<RecordParts> & Pick<RecordParts, "method">) {
  return recordOf({ matrix, families, ...parts, cell: { stream: "recurring", ...parts.cell } });
}

const records = [
  run({ method: "ham", facts: grouped([0, 2], [1, 3]) }),
  run({ method: "ham", seed: 1, facts: grouped([0, 1], [2], [3]) }),
  run({ method: "naive" }),
  run({ method: "naive", seed: 1 }),
];

function entriesOf(section: BoardSection | undefined): BoardEntry[] {
  return [...section!.entries];
}

function assertNear(found: Estimate | undefined, wanted: number) {
  assert.ok(found && Math.abs(found.mean - wanted) < 1e-12, `${found?.mean} is not ${wanted}`);
}

Deno.test("createBoard() tells what a stream of families shows, by hand", () => {
  const [ham, naive] = entriesOf(sectionsOf(records)[0]);
  assertNear(ham!.figures.groups, 2.5);
  // Seed 0 found the families. Seed 1 has one pair together, which is none of the families' two, of six pairs:
  // E = 1 · 2 / 6, (0 - 1/3) / (3/2 - 1/3) = -2/7.
  assertNear(ham!.figures.familyAgreement, (1 - 2 / 7) / 2);
  // Task 2 on task 0: 60 - 50. Task 3 on task 1: 60 - 60.
  assertNear(ham!.figures.relatedChange, 5 / 80);
  // Task 1 on 0: 10 lost; 2 on 1: 10; 3 on 0: 20, and on 2: 10.
  assertNear(ham!.figures.interference, 50 / 4 / 80);
  // Family a: 70 - 60. Family b: 80 - 70.
  assertNear(ham!.figures.familyTransfer, 10 / 80);
  assert.equal(naive!.figures.groups, undefined);
  assert.equal(naive!.figures.familyAgreement, undefined);
  assertNear(naive!.figures.interference, 50 / 4 / 80);
  // The parts are all of what was lost: 2 related pairs, 4 others.
  const lost = (60 - 40) + (70 - 60) + (70 - 60);
  assert.ok(Math.abs(80 * (4 * 50 / 4 / 80 - 2 * 5 / 80) - lost) < 1e-9);
});

Deno.test("createBoard() has no effects of a run that was scored last, and no agreement where nothing is to be found", () => {
  const [last] = entriesOf(
    sectionsOf([
      run({
        method: "ham",
        matrix: [undefined, undefined, undefined, matrix[3]],
        facts: grouped([0, 2], [1, 3]),
        cell: { evaluate: "last" },
      }),
    ])[0],
  );
  assert.equal(last!.figures.familyAgreement!.mean, 1);
  for (const name of ["relatedChange", "interference", "familyTransfer"] as const) {
    assert.equal(last!.figures[name], undefined, name);
  }
  const [apart] = entriesOf(
    sectionsOf([
      run({ method: "ham", families: [["a"], ["b"], ["c"], ["d"]], facts: grouped([0, 2], [1, 3]) }),
    ])[0],
  );
  assert.deepEqual(
    ["groups", "familyAgreement", "relatedChange", "familyTransfer", "interference"].map((name) =>
      name in apart!.figures
    ),
    [true, false, false, false, true],
  );
  const [none] = entriesOf(sectionsOf([run({ method: "ham", facts: grouped([0, 2], [1]) })])[0]);
  assert.equal(none!.figures.groups, undefined);
});

Deno.test("createBoard() has −0 nowhere: a frozen model neither helps nor harms", () => {
  const still = [[0.5], [0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]];
  const [entry] = entriesOf(sectionsOf([run({ method: "simplecil", matrix: still })])[0]);
  assert.ok(Object.is(entry!.figures.interference!.mean, 0));
  assert.ok(Object.is(entry!.figures.relatedChange!.mean, 0));
});

Deno.test("families that tasks name by the hundred thousand are none", () => {
  const own = Array.from({ length: 30_000 }, (_, i) => `${i}`);
  const [entry] = entriesOf(
    sectionsOf([run({ method: "ham", families: [own, own, own, own], facts: grouped([0, 2], [1, 3]) })])[0],
  );
  assert.deepEqual([entry!.figures.groups?.mean, entry!.figures.interference], [2, undefined]);
});

Deno.test("growthTables() shows families where a stream has them, and elsewhere if asked", () => {
  const [section] = sectionsOf(records);
  assert.deepEqual(growthTables(section!).tables, [[
    [
      "method",
      "T=4 pooled (n=2)",
      "T=4 forgetting",
      "T=4 groups",
      "T=4 ari",
      "T=4 family-transfer",
      "T=4 related",
      "T=4 interference",
      "T=4 seconds",
      "T=4 kept",
    ],
    [
      "ham",
      "50.0 ± 0.0",
      "33.3 ± 0.0",
      "2.5 ± 0.7",
      "0.36 ± 0.91",
      "12.5 ± 0.0",
      "6.25 ± 0.00",
      "15.63 ± 0.00",
      "28",
      "400 B",
    ],
    [
      "naive",
      "50.0 ± 0.0",
      "33.3 ± 0.0",
      "–",
      "–",
      "12.5 ± 0.0",
      "6.25 ± 0.00",
      "15.63 ± 0.00",
      "28",
      "400 B",
    ],
  ]]);
  const plain = records.map(() => recordOf({ method: "ham", matrix, facts: grouped([0, 2], [1, 3]) })).slice(
    0,
    1,
  );
  const [other] = sectionsOf(plain);
  assert.deepEqual(growthTables(other!).tables[0]![0], [
    "method",
    "T=4 pooled (n=1)",
    "T=4 forgetting",
    "T=4 seconds",
    "T=4 kept",
  ]);
  assert.deepEqual(growthTables(other!, { metrics: ["groups", "ari"] }).tables, [[
    ["method", "T=4 groups (n=1)", "T=4 ari"],
    ["ham", "2", "–"],
  ]]);
});

Deno.test("renderMarkdown() has a table of families and explains it, where a stream has them", () => {
  const text = renderMarkdown(boardOf(records));
  const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1));
  const head = rows.findIndex((cells) => cells.includes("ari"));
  assert.deepEqual([rows[head], rows[head + 2], rows[head + 3]], [
    ["method", "groups", "ari", "family-transfer", "related", "interference", "n", "remarks"],
    ["ham", "2.5 ± 0.7", "0.36 ± 0.91", "12.5 ± 0.0", "6.25 ± 0.00", "15.63 ± 0.00", "2", ""],
    ["naive", "–", "–", "12.5 ± 0.0", "6.25 ± 0.00", "15.63 ± 0.00", "2", ""],
  ]);
  assert.match(text, /`ari` how far they are the families/);
  const plain = renderMarkdown(
    boardOf([recordOf({ method: "ham", matrix, facts: grouped([0, 2], [1, 3]) })]),
  );
  assert.doesNotMatch(plain, /ari|famil/);
});

Deno.test("renderCsv() has columns for what a stream of families shows", () => {
  const [ham, naive] = parse(renderCsv(boardOf(records)), { columns: true }) as Record<string, string>[];
  const names = ["groups", "family_agreement", "family_transfer", "related_change", "interference"];
  assert.deepEqual(names.map((name) => ham![`${name}_mean`]), [
    "2.5",
    "0.357142857143",
    "0.125",
    "0.0625",
    "0.15625",
  ]);
  assert.deepEqual(names.map((name) => naive![`${name}_mean`]), ["", "", "0.125", "0.0625", "0.15625"]);
});
