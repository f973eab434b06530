/**
 * A leaderboard's file against the records that it was made from: every figure of a run is counted again from its
 * record, every mean from those, and the rest of the board is made anew.
 *
 * @module
 */
import { z } from "zod";
import { describeIssues } from "../../core/schema.ts";
import type { Board } from "../board/board.ts";
import { createBoard } from "../board/create.ts";
import { inBoardOrder } from "../board/order.ts";
import type { FoundRecord } from "../board/runs.ts";
import { oddityOf } from "../records/limits.ts";
import { cellName } from "../records/record.ts";
import { boardOfEdition1, figuresOfEdition1 } from "./board_edition1.ts";
import { countFigures } from "./figures.ts";
import type { Finding } from "./finding.ts";
import { describeDifference, differencesIn } from "./rerun.ts";

/** Differences between the board and the one made anew that are told. */
const MOST = 20;
/** Relative: sums of many numbers may be taken in another order. */
const ROUNDING = 1e-9;
/** Of shares and their differences, which may cancel. */
const SMALLEST = 1e-11;

const figures = z.record(z.string(), z.number());

/** What is read from a board; the rest of it is compared whole. */
const shape = z.looseObject({
  edition: z.literal([1, 2]),
  protagonist: z.string(),
  margin: z.number(),
  sections: z.array(z.looseObject({
    methods: z.array(z.looseObject({ label: z.string() })),
    entries: z.array(z.looseObject({
      method: z.string(),
      tasks: z.number(),
      figures: z.record(z.string(), z.looseObject({ mean: z.number(), n: z.number() })),
      runs: z.array(z.string()),
    })),
    runs: z.array(z.looseObject({
      name: z.string(),
      method: z.string(),
      hash: z.string().optional(),
      status: z.string(),
      figures,
    })),
  })),
});

type Shape = z.infer<typeof shape>;

/** What a leaderboard's JSON says otherwise than the records do. */
export function checkBoard(text: string, records: readonly FoundRecord[]): Finding[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ check: "board", found: "no JSON", wanted: "a leaderboard.json" }];
  }
  const oddity = oddityOf(value);
  const result = shape.safeParse(value);
  if (oddity !== undefined || !result.success) {
    return [{ check: "board", found: oddity ?? describeIssues(result.error!), wanted: "a leaderboard.json" }];
  }
  return [...checkRuns(result.data, records), ...checkMeans(result.data), ...checkRest(result.data, records)];
}

function isClose(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b)) + SMALLEST;
}

/** Every run's hash and figures, from its record. */
function checkRuns({ edition, sections }: Shape, records: readonly FoundRecord[]): Finding[] {
  const findings: Finding[] = [];
  const add = (found: string, wanted: string) => findings.push({ check: "board", found, wanted });
  const known = new Map(records.map(({ record }) => [cellName(record.start.cell), record]));
  const shown = new Set<string>();
  for (const { name, hash, status, figures } of sections.flatMap(({ runs }) => runs)) {
    if (shown.has(name)) add(`run ${name} twice`, "every run once");
    shown.add(name);
    const record = known.get(name);
    if (!record) {
      add(`run ${name}`, "its record among those that are verified");
      continue;
    }
    const wanted = record.end?.status ?? "open";
    if (status !== wanted) add(`${name} ${status}`, wanted);
    if (hash !== record.end?.hash) add(`${name} with hash ${hash ?? "none"}`, record.end?.hash ?? "none");
    const all = countFigures(record) as Readonly<Record<string, number>>;
    const own = edition === 1 ? figuresOfEdition1(all) : all;
    for (const key of new Set([...Object.keys(figures), ...Object.keys(own)])) {
      if (isClose(figures[key], own[key])) continue;
      add(`${key} ${figures[key] ?? "missing"} of ${name}`, `${own[key] ?? "none"}, as its record gives`);
    }
  }
  for (const name of known.keys()) if (!shown.has(name)) add(`no run ${name}`, "every record on the board");
  return findings;
}

/** Every mean, from the figures of its runs. */
function checkMeans({ sections }: Shape): Finding[] {
  return sections.flatMap(({ entries, runs }) =>
    entries.flatMap(({ method, tasks, figures, runs: names }) => {
      const own = runs.filter(({ name }) => names.includes(name));
      return Object.entries(figures).flatMap(([key, { mean, n }]): Finding[] => {
        const values = own.flatMap(({ figures }) => figures[key] ?? []);
        const wanted = values.reduce((sum, value) => sum + value, 0) / values.length;
        if (n === values.length && isClose(mean, wanted)) return [];
        return [{
          check: "board",
          found: `mean ${mean} of ${n} for ${key} of ${method} at T=${tasks}`,
          wanted: `${wanted} of ${values.length}`,
        }];
      });
    })
  );
}

/** Everything else, from a board that is made anew. */
function checkRest(found: Shape, records: readonly FoundRecord[]): Finding[] {
  const { protagonist, margin } = found;
  const made = comparable(createBoard(inBoardOrder(records), { protagonist, margin }));
  const wanted = found.edition === 1 ? boardOfEdition1(made) : made;
  const differences = differencesIn(comparable(found as unknown as Board), wanted, []).take(MOST + 1);
  return [...differences].map((difference): Finding => ({
    check: "board",
    found: describeDifference(difference).replace("recorded", "shown"),
    wanted: "the board that these records give",
  }));
}

/** A board without what depends on folders: problems and paths. */
function comparable(board: Board): Board {
  return {
    ...board,
    problems: [],
    sections: board.sections.map((section) => ({
      ...section,
      runs: section.runs.map((run) => ({ ...run, path: "" })),
    })),
  };
}
