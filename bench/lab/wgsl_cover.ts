/**
 * A part of all pipelines that still tries every kernel in all its sizes: compilers take about a second for each, and
 * most of them differ in a combination of switches only.
 *
 * @module
 */
import type { PipelineEntry } from "../../src/executors/mod.ts";

/** Whether a constant decides the size of workgroups or of what they share. */
function isExtent(source: string, constant: string): boolean {
  const place = `(?:override\\s+\\w+[^=;]*=[^;]*|@workgroup_size\\([^)]*|array<[^;]*)`;
  return new RegExp(`${place}\\b${constant}\\b`).test(
    source.replaceAll(/\/\/.*$/gm, "").replaceAll(`override ${constant}`, ""),
  );
}

/** What a pipeline is the first of, if nothing before it was: its extents together, and each other constant by itself. */
function traits({ source, entryPoint, layout, constants }: PipelineEntry): string[] {
  const [extents, switches] = Object.entries(constants).reduce<[string[], string[]]>(
    ([extents, switches], [name, value]) => {
      (isExtent(source, name) ? extents : switches).push(`${name}=${value}`);
      return [extents, switches];
    },
    [[], []],
  );
  return [extents.sort().join("&"), ...switches].map((trait) =>
    JSON.stringify([source, entryPoint, layout.length, trait])
  );
}

/**
 * As few pipelines as a single look through the list finds, so that every combination of extents of an entry point
 * occurs, and every value of every other constant.
 */
export function coverPipelines(entries: readonly PipelineEntry[]): PipelineEntry[] {
  const seen = new Set<string>();
  return entries.filter((entry) => {
    const own = traits(entry);
    const isNew = own.some((trait) => !seen.has(trait));
    own.forEach((trait) => seen.add(trait));
    return isNew;
  });
}
