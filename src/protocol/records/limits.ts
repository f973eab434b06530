/**
 * How large and how odd a record may be. Records come from anywhere: what is beyond these bounds is refused before it
 * costs memory or reaches a table, by every reader alike. A run of two hundred tasks stays far below them.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";

/** Of a record's file. */
export const MAX_RECORD_BYTES: number = 64 * 2 ** 20;
/** Of a line, in UTF-16 units. */
export const MAX_LINE_LENGTH: number = 4 * 2 ** 20;
/** Arrays and objects within one another, the line itself included. */
export const MAX_DEPTH = 32;
/** Of a text within a record, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 10_000;
/** Of a name within a record, in UTF-16 units. */
export const MAX_NAME_LENGTH = 200;
/** Classes of a data set, and so tasks of a stream. */
export const MAX_CLASSES = 100_000;
/** Families that all tasks of a stream name together, up to which figures are made of them. */
export const MAX_FAMILIES = 100_000;
/** Images of a split. */
export const MAX_IMAGES: number = 2 ** 31 - 1;

/** Keys that mean something else to the language than to a record. */
const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** What must not be in a value, or `undefined`. Visits without recursion, so that no depth is too deep for it. */
export function oddityOf(value: unknown): string | undefined {
  const waiting: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value === "string") {
      if (value.length > MAX_TEXT_LENGTH) {
        return `found a text of ${value.length} characters, wanted at most ${MAX_TEXT_LENGTH}`;
      }
    } else if (typeof value === "object" && value !== null) {
      if (depth > MAX_DEPTH) return `found more than ${MAX_DEPTH} arrays and objects within one another`;
      if (Array.isArray(value)) {
        // Most of a record are numbers in arrays, and nothing is odd about those.
        for (const item of value) {
          if (typeof item === "string" || (typeof item === "object" && item !== null)) {
            waiting.push({ value: item, depth: depth + 1 });
          }
        }
        continue;
      }
      for (const [key, item] of Object.entries(value)) {
        if (forbiddenKeys.has(key)) return `found the key ${key}, wanted none of that name`;
        if (key.length > MAX_NAME_LENGTH) {
          return `found a key of ${key.length} characters, wanted at most ${MAX_NAME_LENGTH}`;
        }
        waiting.push({ value: item, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

/** Nothing that moves the cursor, ends a line or turns the direction of writing. */
// deno-lint-ignore no-control-regex
const PLAIN = /^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+$/;

/** A name of something, as people read it in tables. */
export const name: z.ZodString = z.string().min(1).max(MAX_NAME_LENGTH).regex(
  PLAIN,
  "wanted a name without control characters",
);

/** A name of a method: neither markup nor a path. */
export const methodName: z.ZodString = z.string().max(MAX_NAME_LENGTH).regex(
  /^[A-Za-z0-9][A-Za-z0-9 _.+-]*$/,
  "wanted letters, digits, spaces and _ . + -",
);

/**
 * Refuses a cell whose record no reader would take.
 *
 * @throws {InputError} If a name has characters that are not allowed in it
 */
export function checkNames(
  { method, dataset, backbone }: {
    readonly method: string;
    readonly dataset: { readonly name: string };
    readonly backbone: { readonly id: string };
  },
): void {
  const names: readonly (readonly [string, z.ZodString, string])[] = [
    ["method", methodName, method],
    ["data set", name, dataset.name],
    ["backbone", name, backbone.id],
  ];
  for (const [what, schema, found] of names) {
    const result = schema.safeParse(found);
    if (result.success) continue;
    throw new InputError(
      `Cannot run a cell: found ${what} "${printable(found)}", ${result.error.issues[0]!.message}`,
    );
  }
}
