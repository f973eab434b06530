import assert from "node:assert/strict";
import { canonicalJson } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { mutateJson, mutateText } from "../../core/test_fuzz.ts";
import { type Facts, seal } from "../records/seal.ts";
import { textOf } from "../records/test_records.ts";
import { compareAll } from "./agreement.ts";
import { checkBoard } from "./leaderboard.ts";
import { describeFinding, type Verification } from "./finding.ts";
import { dataset, soundRecord } from "./test_edit.ts";
import { verifyText, withData } from "./verify.ts";
import { createBoard } from "../board/create.ts";
import { renderJson } from "../board/json.ts";

const records = [
  soundRecord(),
  soundRecord({ method: "joint", matrix: [undefined, [0.5, 0.6]] }),
  soundRecord({ stream: { order: "numpy", taskSizes: [5, 2] } }),
  soundRecord({ stream: { order: [7, 6, 5, 4, 3, 2, 1, 0] } }),
  soundRecord({ stream: { stream: "domains" } }),
  soundRecord({ matrix: [[0.9]], tasks: 1, status: "failed" }),
];
/** As many as it takes to meet every check; they take a second. */
const ROUNDS = 3000;

function look(text: string, all: Verification[]): readonly string[] {
  const verification = verifyText(text, "x.jsonl");
  all.push(verification);
  return withData(verification, dataset).findings.map(describeFinding);
}

/** A changed line, and hashes that fit it, as far as there is something to hash. */
function sealedMutant(text: string, seed: number): string {
  const rng = createRng(seed, "mutant");
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const at = rng.integer(lines.length);
  const { hash: _, chain: __, ...facts } = lines[at];
  lines[at] = mutateJson(facts, rng);
  const sealed: { hash: string; chain: string }[] = [];
  return lines.map((line) => {
    const isWhole = ["start", "task", "end"].includes(line?.event) &&
      (line.event !== "start" || "cell" in line) &&
      (line.event !== "end" || "status" in line);
    if (!isWhole) return `${canonicalJson(line)}\n`;
    const { hash: _, chain: __, ...facts } = line;
    sealed.push(seal(facts as Facts, sealed.at(-1)));
    return `${canonicalJson(sealed.at(-1))}\n`;
  }).join("");
}

Deno.test("verification gives findings and no errors, whatever became of a record", () => {
  const all: Verification[] = [];
  const checks = new Map<string, number>();
  let silent = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const text = textOf(records[i % records.length]!);
    const mutant = i % 3 === 0 ? mutateText(text, createRng(i, "text")) : sealedMutant(text, i);
    const findings = look(mutant, all);
    for (const finding of findings) {
      const check = finding.split(/[:,]/)[0]!;
      checks.set(check, (checks.get(check) ?? 0) + 1);
    }
    if (findings.length === 0) silent++;
    if (i % 3 === 0 && mutant !== text) assert.ok(findings.length > 0, mutant);
  }
  for (const check of ["shape", "seal", "tasks", "method", "split", "counts", "cost"]) {
    assert.ok(checks.has(check), `nothing was found by ${check}`);
  }
  assert.ok(silent < ROUNDS / 2, `${silent} of ${ROUNDS} changes show only when the cell is run again`);
  assert.equal(compareAll(all).length, ROUNDS);
});

Deno.test("a leaderboard gives findings and no errors, whatever became of it", () => {
  const found = records.slice(0, 2).map((record, i) => ({ path: `${i}`, record }));
  const board = createBoard(found, { protagonist: "ham" });
  assert.deepEqual(checkBoard(renderJson(board), found), []);
  const rounds = ROUNDS / 10;
  let silent = 0;
  for (let i = 0; i < rounds; i++) {
    const rng = createRng(i, "board");
    const text = i % 2 === 0 ? mutateText(renderJson(board), rng) : canonicalJson(mutateJson(board, rng));
    if (checkBoard(text, found).length === 0) silent++;
  }
  assert.ok(silent < rounds / 5, `${silent} of ${rounds} changes were not found`);
});
