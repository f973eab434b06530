/**
 * What a submission says of itself: which records, and what it takes to run their cells again.
 *
 * @module
 */
import { z } from "zod";
import { sha256 } from "../../src/core/mod.ts";
import { InputError, type JsonObject, printable } from "../../src/core/mod.ts";
import { cellName, type RunRecord } from "../../src/protocol/mod.ts";

/** A record in a submission. */
export interface ManifestEntry {
  /** Within the archive. */
  readonly file: string;
  /** SHA-256 of its bytes. */
  readonly sha256: string;
  /** Name of the cell. */
  readonly cell: string;
  /** The record's own. */
  readonly hash: string;
}

/** The manifest. */
export interface Manifest {
  /** Of this format. */
  readonly edition: 1;
  /** Version of the program that packed it. */
  readonly version: string;
  /** By file. */
  readonly records: readonly ManifestEntry[];
  /** What must be there to run the cells again, each once. */
  readonly needs: {
    /** Commits that the records were written by; `null` for one outside a checkout. */
    readonly commits: readonly (string | null)[];
    readonly backends: readonly string[];
    readonly methods: readonly { readonly method: string; readonly options: JsonObject }[];
    readonly data: readonly {
      readonly name: string;
      readonly fingerprint: string;
      readonly spec: string | null;
    }[];
    readonly backbones: readonly {
      readonly id: string;
      readonly hash: string;
      readonly path: string | null;
    }[];
  };
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string().max(10_000);

const schema: z.ZodType<Manifest> = z.strictObject({
  edition: z.literal(1),
  version: text,
  records: z.array(z.strictObject({ file: text, sha256: hash, cell: text, hash })).min(1),
  needs: z.strictObject({
    commits: z.array(text.nullable()),
    backends: z.array(text),
    methods: z.array(z.strictObject({ method: text, options: z.record(z.string(), z.json()) })),
    data: z.array(z.strictObject({ name: text, fingerprint: hash, spec: text.nullable() })),
    backbones: z.array(z.strictObject({ id: text, hash, path: text.nullable() })),
  }),
}) as unknown as z.ZodType<Manifest>;

/** The manifest of some records, each with the bytes of its file. */
export function manifestOf(
  records: readonly { readonly file: string; readonly bytes: Uint8Array; readonly record: RunRecord }[],
  version: string,
): Manifest {
  const starts = records.map(({ record }) => record.start);
  return {
    edition: 1,
    version,
    records: records.map(({ file, bytes, record }) => ({
      file,
      sha256: sha256(bytes),
      cell: cellName(record.start.cell),
      hash: record.end!.hash,
    })),
    needs: {
      commits: distinct(starts.map(({ environment }) => {
        const { commit } = environment;
        return typeof commit === "string" ? commit : null;
      })),
      backends: distinct(starts.map(({ cell }) => cell.backend)),
      methods: distinct(starts.map(({ cell: { method, options } }) => ({ method, options }))),
      data: distinct(starts.map(({ cell: { dataset: { name, fingerprint } }, source }) => ({
        name,
        fingerprint,
        spec: source?.data?.spec ?? null,
      }))),
      backbones: distinct(starts.map(({ cell: { backbone: { id, hash } }, source }) => ({
        id,
        hash,
        path: source?.backbone?.path ?? null,
      }))),
    },
  };
}

function distinct<T>(values: readonly T[]): T[] {
  const byText = new Map(values.map((value) => [JSON.stringify(value), value]));
  return [...byText].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([, value]) => value);
}

/**
 * Reads a manifest and holds it against the files beside it.
 *
 * @throws {InputError} If it is none, or does not list exactly what is there
 */
export function checkManifest(
  bytes: Uint8Array,
  files: ReadonlyMap<string, Uint8Array>,
): Manifest {
  const fail = (found: string): never => {
    throw new InputError(`Cannot use the submission's manifest: ${found}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    fail("found no JSON");
  }
  const { success, data, error } = schema.safeParse(value);
  if (!success) {
    return fail(printable(error.issues.map(({ path, message }) => [...path, message].join(": ")).join("; ")));
  }
  const listed = new Set(data.records.map(({ file }) => file));
  if (listed.size !== data.records.length) fail("it lists a file twice");
  for (const { file, sha256: wanted } of data.records) {
    const content = files.get(file);
    if (!content) return fail(`${printable(file)} is not there`);
    if (sha256(content) !== wanted) {
      fail(`${printable(file)} is another than it was when it was packed`);
    }
  }
  for (const file of files.keys()) if (!listed.has(file)) fail(`it does not list ${printable(file)}`);
  return data;
}
