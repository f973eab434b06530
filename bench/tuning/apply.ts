/**
 * A benchmark with what a search found: options of methods that are named without any, and shared settings that
 * neither the suite nor a flag sets.
 *
 * @module
 */
import { InputError } from "../../src/core/mod.ts";
import type { Suite } from "../grid/suite.ts";
import { parseSetting } from "../grid/settings.ts";
import { optionsOf, specOf } from "./ranges.ts";
import { readTuned, type Tuned, tunedPath } from "./tuned.ts";

/** Lays results over a suite. */
export function applyTuned(suite: Suite, { methods, shared }: Tuned): Suite {
  const settings = Object.fromEntries(
    Object.entries(shared?.choice ?? {}).filter(([, value]) => value !== null).map(([key, value]) =>
      parseSetting(`${key}=${value}`)
    ),
  );
  return {
    ...suite,
    methods: suite.methods.map((spec) =>
      Object.hasOwn(methods, spec) ? specOf(spec, optionsOf(methods[spec]!.choice)) : spec
    ),
    settings: { ...settings, ...suite.settings },
  };
}

/**
 * Reads the results of a search by name and lays them over a suite.
 *
 * @throws {InputError} If there are none of that name
 */
export async function withTuned(suite: Suite, name: string): Promise<Suite> {
  const tuned = await readTuned(tunedPath(name));
  if (!tuned) {
    throw new InputError(
      `Cannot use --tuned ${name}: there is no bench/tuned/${name}.json, wanted one of deno task tune`,
    );
  }
  return applyTuned(suite, tuned);
}
