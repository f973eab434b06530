/**
 * What a search may choose from: few values for each option, declared before anybody searches, the same for all. They
 * stand beside the methods and not in them, since what is worth trying is a matter of the benchmark.
 *
 * @module
 */
import { z } from "zod";
import { canonicalJson, InputError, type JsonObject } from "../../src/core/mod.ts";
import { createMethod } from "../../src/methods/mod.ts";

/** A value of an option; `null` leaves the option to its default. */
export type RangeValue = string | number | boolean | null;

/** Values by name of option. */
export type Ranges = Readonly<Record<string, readonly RangeValue[]>>;

/** All that is declared. */
export interface DeclaredRanges {
  /** Of the settings that all methods share, as `--set` spells them. */
  readonly shared: Ranges;
  /** Of methods by name; a method without has nothing to search. */
  readonly methods: Readonly<Record<string, Ranges>>;
}

const ranges = z.record(
  z.string(),
  z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1),
);
const schema = z.strictObject({ shared: ranges, methods: z.record(z.string(), ranges) });

/** Reads what comes with the program. */
export async function readRanges(): Promise<DeclaredRanges> {
  return schema.parse(JSON.parse(await Deno.readTextFile(new URL("./ranges.json", import.meta.url))));
}

/** A choice as options of a method: what is `null` stays out. */
export function optionsOf(choice: Readonly<Record<string, RangeValue>>): JsonObject {
  return Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== null));
}

/** `name:key=value,…`, as suites and commands spell a method. */
export function specOf(method: string, options: JsonObject): string {
  const parts = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? method : `${method}:${parts.join(",")}`;
}

/** What tells a method with its options from others. */
export function keyOf(method: string, options: JsonObject): string {
  return `${method}:${canonicalJson(options)}`;
}

/** The key of a choice once the method has filled in its defaults; `undefined` if it refuses the combination. */
export function resolvedKey(
  method: string,
  choice: Readonly<Record<string, RangeValue>>,
): string | undefined {
  try {
    return keyOf(method, createMethod(specOf(method, optionsOf(choice))).options);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
