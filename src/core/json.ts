/**
 * Canonical JSON and its hash: the identity of options, splits and records. Keys are sorted, numbers must be
 * finite, `undefined` is refused, so equal meaning gives equal bytes.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * Serialises with sorted keys and no spaces.
 *
 * @throws {TypeError} If the value holds something JSON cannot express (`undefined`, NaN, Infinity, a function)
 */
export function canonicalJson(value: unknown, path = "$"): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) {
      throw new TypeError(`Cannot serialise ${path}: ${value} is not a finite number`);
    }
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, i) => canonicalJson(item, `${path}[${i}]`)).join(",")}]`;
  }
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const object = value as Record<string, unknown>;
    const entries = Object.keys(object).sort().map((key) =>
      `${JSON.stringify(key)}:${canonicalJson(object[key], `${path}.${key}`)}`
    );
    return `{${entries.join(",")}}`;
  }
  throw new TypeError(`Cannot serialise ${path}: found ${typeof value}, wanted a JSON value`);
}

/** SHA-256 of bytes or of a UTF-8 string, in lower-case hexadecimal. */
export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** SHA-256 of the canonical JSON of a value. */
export function hashJson(value: unknown): string {
  return sha256(canonicalJson(value));
}
