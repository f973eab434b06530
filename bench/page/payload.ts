/**
 * What a page carries: the board and as many runs as fit, compressed. Records are untrusted: controls that could
 * reorder or hide text are written out, and paths become links only if they are plain and relative.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { deflateRawSync } from "node:zlib";
import type { Json, JsonObject } from "../../src/core/mod.ts";
import type { Board, BoardSection, RunDetail } from "../../src/protocol/mod.ts";
import { entriesOf, scoreOf } from "./model.ts";

/** The board as a page opens with it. */
export interface Payload {
  /** Its sections lack what is in their `SectionRest`. */
  readonly board: Board;
  /** Records in all sections. */
  readonly records: number;
  /** Names of the runs in each pack of details, in order. */
  readonly packs: readonly (readonly string[])[];
  /** Runs that have details which did not fit. */
  readonly omitted: number;
}

/** The bulk of a section, unpacked when the section is looked at. */
export type SectionRest = Pick<BoardSection, "comparisons" | "runs">;

/** What `packPayload` makes, by the id of its element: base64 of raw deflate of JSON. */
export type Packed = ReadonlyMap<string, string>;

/** Runs in a pack: a page decodes a pack to show a run. */
const PACK = 50;

/** Compresses a board, and details of as many runs as still fit into a number of bytes. */
export function packPayload(board: Board, details: readonly RunDetail[], budget: number): Packed {
  const packed = new Map<string, string>();
  board.sections.forEach(({ comparisons, runs }, i) => {
    packed.set(`section-${i}`, pack({ comparisons, runs } satisfies SectionRest));
  });
  const light = { ...board, sections: board.sections.map((one) => ({ ...one, comparisons: [], runs: [] })) };
  const records = board.sections.reduce((sum, { runs }) => sum + runs.length, 0);
  // What names of packs take is not known yet; they are short beside the board.
  let bytes = [...packed.values()].reduce((sum, { length }) => sum + length, pack(light).length);
  const packs: string[][] = [];
  const sorted = inOrder(board, details);
  for (let i = 0; i < sorted.length; i += PACK) {
    const part = sorted.slice(i, i + PACK).map(trim);
    const text = pack(part);
    bytes += text.length;
    if (bytes > budget) break;
    packed.set(`pack-${packs.length}`, text);
    packs.push(part.map(({ name }) => visible(name)));
  }
  const omitted = sorted.length - packs.reduce((sum, { length }) => sum + length, 0);
  packed.set("board", pack({ board: light, records, packs, omitted } satisfies Payload));
  return packed;
}

/** Those that people look at first come first: the protagonist's, then by accuracy, one seed of each before others. */
function inOrder(board: Board, details: readonly RunDetail[]): RunDetail[] {
  const keys = new Map<string, readonly [protagonist: number, turn: number, score: number]>();
  for (const section of board.sections) {
    const own = new Set(
      section.methods.flatMap(({ label, method }) => method === board.protagonist ? [label] : []),
    );
    const turns = new Map<string, number>();
    const entryOf = entriesOf(section);
    for (const { name, method, tasks } of section.runs) {
      const cell = `${tasks} ${method}`;
      const turn = turns.get(cell) ?? 0;
      turns.set(cell, turn + 1);
      keys.set(name, [own.has(method) ? 0 : 1, turn, -scoreOf(section, entryOf(method, tasks))]);
    }
  }
  return details.filter(({ name }) => keys.has(name)).toSorted((a, b) => {
    const [left, right] = [keys.get(a.name)!, keys.get(b.name)!];
    return left.map((value, i) => value - right[i]!).find((difference) => difference !== 0) ?? 0;
  });
}

/** Without facts that the page does not show: those of groups, which tasks join, it does. */
function trim({ name, images, hits, families, facts }: RunDetail): RunDetail {
  const groups = facts.map((own): Json => {
    if (typeof own !== "object" || own === null || Array.isArray(own)) return null;
    const { members, similarity, threshold } = own as JsonObject;
    return Array.isArray(members)
      ? { members, similarity: similarity ?? null, threshold: threshold ?? null }
      : null;
  });
  return {
    name,
    images,
    hits,
    ...(families && { families }),
    facts: groups.some((own) => own !== null) ? groups : [],
  };
}

function pack(value: unknown): string {
  const text = JSON.stringify(value, (_, part) => {
    if (typeof part === "string") return visible(part);
    // Five digits are more than any table shows; all are in leaderboard.json.
    return typeof part === "number" && !Number.isInteger(part) ? Number(part.toPrecision(5)) : part;
  });
  return Buffer.from(deflateRawSync(text, { level: 6 })).toString("base64");
}

/** Text whose controls, and marks that turn or hide what follows, are written out as `\u{…}`. */
export function visible(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (mark) => `\\u{${mark.codePointAt(0)!.toString(16)}}`,
  );
}
