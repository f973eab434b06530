import assert from "node:assert/strict";
import type { Json } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { createBoard } from "../board/create.ts";
import { type AnyRecord, parseRecord } from "../records/parse.ts";
import { recordOf } from "../records/test_records.ts";
import { countFigures } from "./figures.ts";

/** What a leaderboard says of a run. */
function ofBoard(record: AnyRecord): Record<string, number> {
  const { sections } = createBoard([{ path: "x", record }], { protagonist: "ham" });
  return sections[0]!.runs[0]!.figures as Record<string, number>;
}

function assertClose(found: Record<string, number>, wanted: Record<string, number>): void {
  assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
  for (const [key, value] of Object.entries(found)) {
    assert.ok(
      Math.abs(value - wanted[key]!) <= 1e-12 * Math.max(1, Math.abs(value)),
      `${key}: ${value}, ${wanted[key]}`,
    );
  }
}

const cost = {
  flopPerTrainingImage: 3,
  flopPerTestImage: 7,
  passesPerTestImage: 2,
  deployedBytes: 8,
  trainedNumbers: 4,
};

Deno.test("countFigures() by hand", () => {
  const record = recordOf({
    method: "ham",
    matrix: [[0.5], [0.25, 0.75]],
    images: [80, 40],
    cost,
    keptBytes: 10,
  });
  assertClose(countFigures(record) as Record<string, number>, {
    pooled: (20 + 30) / 120,
    taskMean: 0.5,
    averagePooled: (0.5 + 50 / 120) / 2,
    averageTaskMean: 0.5,
    forgetting: 0.25,
    backwardTransfer: -0.25,
    plasticity: 0.625,
    // Halfway to 1, in whole images: 50 of 80 and 35 of 40.
    taskIncrementalPooled: 85 / 120,
    taskIncrementalTaskMean: (50 / 80 + 35 / 40) / 2,
    taskInference: 0.5,
    seconds: 14,
    keptBytes: 20,
    classifierBytes: 64,
    ...cost,
  });
});

Deno.test("countFigures() of a stream of families by hand", () => {
  const record = recordOf({
    method: "ham",
    // Halfway to 1, in whole images: 15 of 20; 16 and 10 of 16; 18, 12 of 16 and 9 of 10.
    matrix: [[0.5], [0.6, 0.25], [0.8, 0.5, 0.8]],
    images: [20, 16, 10],
    families: [["a"], ["b", "c"], ["c", "a"]],
    facts: [{ members: [[0]] }, { members: [[0], [1]] }, { members: [[0, 2], [1]] }],
    cell: { stream: "recurring" },
  });
  const { groups, familyAgreement, familyTransfer, relatedChange, interference } = countFigures(record);
  assert.deepEqual([groups, familyAgreement], [2, undefined]);
  // Task 2 has a family of task 0 and one of task 1; task 0 was the first of its families.
  assertClose({ familyTransfer: familyTransfer! }, { familyTransfer: 9 / 10 - 15 / 20 });
  assertClose({ relatedChange: relatedChange! }, { relatedChange: ((18 - 16) / 20 + (12 - 10) / 16) / 2 });
  assertClose({ interference: interference! }, { interference: -(16 - 15) / 20 });
});

Deno.test("countFigures() and the leaderboard see the same families and groups in any stream", () => {
  const rng = createRng(3, "streams");
  for (let trial = 0; trial < 200; trial++) {
    const tasks = 1 + rng.integer(9);
    const some = (most: number) => `family ${rng.integer(most)}`;
    const groups = Array.from({ length: tasks }, () => rng.integer(4));
    const members = [0, 1, 2, 3].map((group) => groups.flatMap((own, task) => own === group ? [task] : []));
    const wrong: Json[] = [[[0]], [[0, 0]], "none", [[0], 1], members.map((own) => own.map(String))];
    const record = recordOf({
      method: "ham",
      matrix: Array.from({ length: tasks }, (_, i) => Array.from({ length: i + 1 }, () => rng.uniform())),
      images: Array.from({ length: tasks }, () => 1 + rng.integer(50)),
      families: Array.from(
        { length: tasks },
        () => Array.from({ length: 1 + rng.integer(2) }, () => some(4)),
      ),
      facts: groups.map((_, task) =>
        task < tasks - 1 ? {} : { members: trial % 5 === 4 ? wrong[rng.integer(wrong.length)]! : members }
      ),
      cell: { stream: "recurring" },
    });
    assertClose(countFigures(record) as Record<string, number>, ofBoard(record));
  }
});

Deno.test("countFigures() and the leaderboard, which share no code, say the same", async () => {
  const rows = Array.from(
    { length: 7 },
    (_, i) => Array.from({ length: i + 1 }, (_, j) => ((i * 31 + j * 17) % 29) / 29),
  );
  const records: AnyRecord[] = [
    recordOf({ method: "ham", matrix: rows, images: [80, 40, 33, 7, 1, 90, 12], cost }),
    recordOf({ method: "joint", matrix: [undefined, undefined, rows[2]] }),
    recordOf({ method: "ham", matrix: [[0.3]] }),
    recordOf({ method: "ham", matrix: [undefined, rows[1]], cell: { evaluate: "last" } }),
  ];
  const old = new URL("../../../fixtures/records/edition1/", import.meta.url);
  for (const { name } of Deno.readDirSync(old)) {
    records.push(parseRecord(await Deno.readTextFile(new URL(name, old)), name));
  }
  for (const record of records) {
    assertClose(countFigures(record) as Record<string, number>, ofBoard(record));
  }
  assert.deepEqual(countFigures(recordOf({ method: "ham", matrix: rows, status: "failed" })), {});
  assert.deepEqual(countFigures(recordOf({ method: "ham", matrix: rows, status: "open" })), {});
});
