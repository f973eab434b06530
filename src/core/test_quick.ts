/**
 * Which tests belong to the two minutes that `deno task test:quick` takes: where a test is repeated for each of many, some
 * of them stand for the rest.
 *
 * Test support, imported by tests only.
 *
 * @module
 */

const isQuick =
  (await Deno.permissions.query({ name: "env", variable: "QUICK_TESTS" })).state === "granted" &&
  Deno.env.get("QUICK_TESTS") === "1";

/** All of them, or in quick runs those that stand for the rest. */
export function quickly<Item>(all: readonly Item[], some: readonly Item[]): readonly Item[] {
  return isQuick ? all.filter((item) => some.includes(item)) : all;
}
