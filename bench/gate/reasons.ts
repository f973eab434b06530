/**
 * Why numbers were allowed to change. A baseline's hash may become another only by a reason that somebody wrote down;
 * the history of the file names the commit, or the reason does.
 *
 * @module
 */
import { z } from "zod";
import { ifThere, InputError, replaceFile, systemReason } from "../../src/core/mod.ts";

/** One accepted change of one cell. */
export interface Reason {
  /** Name of the cell, as of its record's file. */
  readonly cell: string;
  /** Hash of the record before. */
  readonly old: string;
  /** Hash after; `null` where the cell is no longer run. */
  readonly new: string | null;
  /** For people. */
  readonly why: string;
  /** That changed the numbers, where it is another one than wrote the reason. */
  readonly commit?: string;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, "wanted 64 hexadecimal digits");

const schema: z.ZodType<Reason[]> = z.array(z.strictObject({
  cell: z.string().min(1).max(200),
  old: hash,
  new: hash.nullable(),
  why: z.string().trim().min(1).max(1000),
  commit: z.string().regex(/^[0-9a-f]{7,40}$/, "wanted 7 to 40 hexadecimal digits").exactOptional(),
}));

/** Name of the file in the folder of a baseline. */
export const REASONS_FILE = "reasons.json";

/**
 * The reasons of a file; none if there is no such file.
 *
 * @throws {InputError} If it is no list of reasons
 */
export async function readReasons(path: string): Promise<readonly Reason[]> {
  const fail = (found: string): never => {
    throw new InputError(`Cannot read reasons ${path}: ${found}`);
  };
  let text: string | undefined;
  try {
    text = await ifThere(() => Deno.readTextFile(path));
  } catch (error) {
    fail(systemReason(error));
  }
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    fail("found no JSON");
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  return fail(error.issues.map(({ path, message }) => [...path, message].join(": ")).join("; "));
}

/** Writes reasons, sorted as they came. */
export async function writeReasons(path: string, reasons: readonly Reason[]): Promise<void> {
  await replaceFile(path, `${JSON.stringify(reasons, null, 2)}\n`);
}

/**
 * The reasons that lead from a hash to another, in order: several changes may lie between a baseline and now.
 *
 * @param to `null`: to a cell that is no longer run
 * @returns `undefined` if no reasons lead there
 */
export function explain(
  reasons: readonly Reason[],
  cell: string,
  from: string,
  to: string | null,
): readonly Reason[] | undefined {
  const waiting: { readonly hash: string; readonly way: readonly Reason[] }[] = [{ hash: from, way: [] }];
  const seen = new Set([from]);
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    for (const reason of reasons) {
      if (reason.cell !== cell || reason.old !== next.hash) continue;
      const way = [...next.way, reason];
      if (reason.new === to) return way;
      if (reason.new === null || seen.has(reason.new)) continue;
      seen.add(reason.new);
      waiting.push({ hash: reason.new, way });
    }
  }
  return undefined;
}
