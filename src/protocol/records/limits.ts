/**
 * How large and how odd a record may be. Records come from anywhere: what is beyond these bounds is refused before it
 * costs memory or reaches a table, by every reader alike. A run of two hundred tasks stays far below them.
 *
 * @module
 */
import { z } from "zod";

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

/** Characters that print and whole ones. */
const PLAIN = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+$/u;

/** A name of something, as people read it in tables. */
export const name: z.ZodString = z.string().min(1).max(MAX_NAME_LENGTH).regex(
  PLAIN,
  "wanted a name without control characters",
);

/** A name of a method: neither markup nor a path. */
export const methodName: z.ZodString = z.string().max(MAX_NAME_LENGTH).regex(
  /^[\p{L}\p{N}][\p{L}\p{N} _.+-]*$/u,
  "wanted letters, digits, spaces and _ . + -",
);
