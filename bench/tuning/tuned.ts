/**
 * What searches found, as files: the choice, and every trial with its score and the hashes of its records, so that
 * nobody has to believe that a budget was equal.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { canonicalJson, ifThere, InputError, replaceFile } from "../../src/core/mod.ts";
import type { TrialResult } from "./choose.ts";
import type { Choice } from "./trials.ts";

/** What a search found for a method, or for the settings that all share. */
export interface TunedMethod {
  /** The best choice; empty for the defaults. */
  readonly choice: Choice;
  /** In the order in which they were drawn; the first is the defaults. */
  readonly trials: readonly TrialResult[];
}

/** Streams and budget of a search. */
export interface Search {
  readonly data: string;
  readonly fingerprint: string;
  readonly backbone: string;
  readonly tasks: string;
  readonly seeds: string;
  readonly searchSeed: number;
  readonly budget: number;
  readonly set: readonly string[];
  /** Methods whose mean decides, of shared settings. */
  readonly by?: readonly string[];
}

/** A file of results. */
export interface Tuned {
  /** Of the methods. */
  readonly search?: Search;
  readonly methods: Readonly<Record<string, TunedMethod>>;
  /** Of the settings that all methods share. */
  readonly shared?: TunedMethod & { readonly search: Search };
}

const choice = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
const method = z.strictObject({
  choice,
  trials: z.array(z.strictObject({
    choice,
    score: z.number().min(0).max(1).exactOptional(),
    records: z.array(z.string()),
  })),
});
const search = z.strictObject({
  data: z.string(),
  fingerprint: z.string(),
  backbone: z.string(),
  tasks: z.string(),
  seeds: z.string(),
  searchSeed: z.int(),
  budget: z.int().min(1),
  set: z.array(z.string()),
  by: z.array(z.string()).exactOptional(),
});
const schema: z.ZodType<Tuned> = z.strictObject({
  search: search.exactOptional(),
  methods: z.record(z.string(), method),
  shared: method.extend({ search }).exactOptional(),
});

/**
 * Where a result of that name is kept.
 *
 * @throws {InputError} If the name is no plain name
 */
export function tunedPath(name: string): string {
  if (!/^[\w-]+$/.test(name)) {
    throw new InputError(`Cannot use --name ${name}: wanted letters, digits, - and _`);
  }
  return fileURLToPath(new URL(`../tuned/${name}.json`, import.meta.url));
}

/**
 * Reads a file of results; `undefined` if there is none.
 *
 * @throws {InputError} If it is something else
 */
export async function readTuned(path: string): Promise<Tuned | undefined> {
  const text = await ifThere(() => Deno.readTextFile(path));
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${(error as Error).message}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.map(({ path: place, message }) => [...place, message].join(": "));
    throw new InputError(`Cannot read ${path}: ${issues.join("; ")}`);
  }
  return result.data;
}

/**
 * Adds what a search found to a file. Results of another search are replaced: those of one file are comparable.
 *
 * @throws {InputError} If the file there is something else
 */
export async function writeTuned(
  path: string,
  search: Search,
  found: Readonly<Record<string, TunedMethod>>,
  isShared: boolean,
): Promise<void> {
  const before: Tuned = await readTuned(path) ?? { methods: {} };
  const isSame = before.search && canonicalJson({ ...before.search }) === canonicalJson({ ...search });
  const after: Tuned = isShared
    ? { ...before, shared: { ...found["shared"]!, search } }
    : { ...before, search, methods: { ...(isSame && before.methods), ...found } };
  await Deno.mkdir(fileURLToPath(new URL("../tuned/", import.meta.url)), { recursive: true });
  await replaceFile(path, `${JSON.stringify(JSON.parse(canonicalJson(after as never)), null, 1)}\n`);
}
