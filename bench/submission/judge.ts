/**
 * A submission held against this program: every record verified, and a seeded sample of the cells run again.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { createRng, InputError, printable } from "../../src/core/mod.ts";
import {
  cellName,
  compareAll,
  describeDifference,
  describeFinding,
  seedName,
} from "../../src/protocol/mod.ts";
import { verifyText } from "../../src/protocol/mod.ts";
import { type RerunOptions, RerunSession } from "../grid/rerun.ts";
import { addMaterials, addRerun, canRerun, type Verified } from "../grid/verify_records.ts";
import { MANIFEST, RECORDS, unpackFiles } from "./archive.ts";
import { checkManifest, type Manifest } from "./manifest.ts";

/** How to judge. */
export interface JudgeOptions extends RerunOptions {
  /** Cells to run again. */
  readonly sample: number;
  /** Chooses them. */
  readonly seed: string;
}

/** What became of a record of a submission. */
export interface JudgedRecord {
  /** Within the archive. */
  readonly file: string;
  /** For people. */
  readonly label: string;
  /** What verifying found; empty if all is well. */
  readonly findings: readonly string[];
  /** Of a cell of the sample: how running it again went. */
  readonly rerun?: "equal" | "near" | "different" | "impossible";
  /** What verifying or running again has to say beside that. */
  readonly notes: readonly string[];
}

/** A judgement. */
export interface Judgement {
  readonly ok: boolean;
  readonly manifest: Manifest;
  readonly records: readonly JudgedRecord[];
  /** The chance that the sample holds one of the bad cells, were a tenth of them bad. */
  readonly power: number;
}

/**
 * Judges the file of a submission.
 *
 * @throws {InputError} If it is no submission
 */
export async function judgeSubmission(path: string, options: JudgeOptions): Promise<Judgement> {
  const files = new Map(await unpackFiles(path));
  const bytes = files.get(MANIFEST)!;
  files.delete(MANIFEST);
  const manifest = checkManifest(bytes, files);
  const read = compareAll(
    [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([file, bytes]) => verifyFile(file, bytes)),
  );
  const chosen = sampleOf(read, options);
  const session = new RerunSession(options);
  const records: JudgedRecord[] = [];
  try {
    for (const verified of read) {
      const checked = await addMaterials(verified, session.materials);
      const isSound = checked.findings.length === 0;
      const isRerun = isSound && chosen.has(checked.path);
      if (isRerun) options.output?.err(`Running ${printable(checked.path)} again\n`);
      records.push(judged(isRerun ? await addRerun(checked, options, session) : checked));
    }
  } finally {
    await session.dispose();
  }
  const ok = records.every(({ findings }) => findings.length === 0) && chosen.size > 0;
  return { ok, manifest, records, power: powerOf(records.length, chosen.size) };
}

function verifyFile(file: string, bytes: Uint8Array): Verified {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InputError(`Cannot read ${printable(file)} of the submission: found bytes that are no UTF-8`);
  }
  return verifyText(text, file, { fileName: file.slice(RECORDS.length) });
}

/** The cells to run again; they depend on the records and on the seed alone. */
function sampleOf(read: readonly Verified[], { sample, seed }: JudgeOptions): ReadonlySet<string> {
  const cells = read.flatMap(({ record, path, findings }) =>
    canRerun(record) && findings.length === 0 ? [{ path, name: cellName(record.start.cell) }] : []
  ).sort((a, b) => a.name < b.name ? -1 : 1);
  return new Set(createRng(seed, "submission").shuffle(cells).slice(0, sample).map(({ path }) => path));
}

function judged({ path, record, findings, notes, rerun }: Verified): JudgedRecord {
  const cell = record?.start.cell;
  const near = rerun?.verdict === "near" && rerun.difference
    ? [`on another kind of machine, within bounds; first difference: ${describeDifference(rerun.difference)}`]
    : [];
  return {
    file: path,
    label: cell ? `${cell.method} T=${cell.tasks} seed ${seedName(cell)} (${cell.backend})` : path,
    findings: findings.map(describeFinding),
    ...(rerun && { rerun: rerun.verdict }),
    notes: [...notes, ...near],
  };
}

/** 1 − C(n − b, k) / C(n, k), with b a tenth of n, at least one. */
function powerOf(n: number, k: number): number {
  const bad = Math.max(1, Math.round(n / 10));
  let unseen = 1;
  for (let i = 0; i < k; i++) unseen *= Math.max(0, n - bad - i) / (n - i);
  return 1 - unseen;
}

/** What a record's line says after its name. */
function verdictOf({ findings, rerun }: JudgedRecord): string {
  if (findings.length > 0) return "failed";
  if (rerun === "equal") return "run again: equal";
  if (rerun === "near") return "run again: within bounds";
  return "verified";
}

function conclusion({ ok, records, power }: Judgement): string {
  const rerun = records.filter(({ rerun }) => rerun !== undefined).length;
  const chance = `a sample like this finds a tenth made up with a chance of ${Math.round(100 * power)} %`;
  return `${records.length} records verified, ${rerun} cells run again (${chance}). ` +
    (ok ? "The submission holds" : "The submission does not hold");
}

/** For a terminal. */
export function textOfJudgement(judgement: Judgement): string {
  const lines = judgement.records.flatMap((record) => [
    `${printable(record.label)}: ${verdictOf(record)}`,
    ...record.findings.map((finding) => `  ${printable(finding, 1000)}`),
    ...record.notes.map((note) => `  ${printable(note, 1000)}`),
  ]);
  return `${[...lines, conclusion(judgement)].join("\n")}\n`;
}

/** For a comment on a pull request. */
export function markdownOfJudgement(judgement: Judgement, inert: (text: string) => string): string {
  const rows = judgement.records.filter(({ rerun, findings }) => rerun !== undefined || findings.length > 0)
    .slice(0, 100)
    .map((record) => [
      inert(record.label),
      record.findings.length > 0 ? "**failed**" : verdictOf(record),
      inert([...record.findings, ...record.notes].join("; ")),
    ]);
  return `### Submission\n\n${conclusion(judgement)}.\n\n${
    markdownTable([["cell", "", "first difference or finding"], ...rows])
  }\n`;
}
