/**
 * Where the records of a study are from, and how to get them again.
 *
 * @module
 */
import { inertMarkdown } from "../../src/protocol/mod.ts";
import { partFile, type PartRecord } from "./records.ts";
import { commandLine, commandsOf } from "./reproduce.ts";
import { table } from "./table.ts";
import type { Parts } from "./views.ts";
import type { Study } from "./definition.ts";
import { NOT_RUN } from "./words.ts";

function distinct(values: readonly unknown[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined && value !== null).map(String))].sort();
}

function rowOf(part: string, records: readonly PartRecord[]): string[] {
  const environments = records.map(({ record }) => record.start.environment);
  const processors = environments.map(({ processor }) =>
    processor !== null && typeof processor === "object" && "model" in processor
      ? processor["model"]
      : undefined
  );
  const seconds = records.flatMap(({ record }) => record.tasks.map((task) => task.seconds))
    .reduce((sum, { train, method, evaluate }) => sum + train + method + evaluate, 0);
  return [
    part,
    `${records.length}`,
    `${(seconds / 3600).toFixed(1)}`,
    distinct(environments.map(({ commit }) => String(commit ?? "").slice(0, 8))).join(", "),
    distinct(processors).join(", "),
  ];
}

/** A table of the parts, and the commands of each. */
export function recordsBlock({ study, parts }: { readonly study: Study; readonly parts: Parts }): string {
  const names = Object.keys(study.parts);
  const run = names.filter((name) => (parts.get(name)?.length ?? 0) > 0);
  const missing = names.filter((name) => !run.includes(name));
  return [
    ...(run.length > 0
      ? [table(
        ["part", "records", "hours of a core", "commits", "processors"],
        run.map((name) => rowOf(name, parts.get(name)!)),
      )]
      : []),
    ...(missing.length > 0 ? [`Parts that were ${NOT_RUN}: ${missing.join(", ")}.`] : []),
    ...run.flatMap((name) => {
      const old = parts.get(name)!.filter(({ isOld }) => isOld).length;
      return old === 0 ? [] : [
        `${old} records of \`${name}\` have a method or options that this version of the program would write otherwise: ` +
        "it counts them as they are, and the commits above run them again.",
      ];
    }),
    ...run.flatMap((name) => [
      `\`${name}\`, ${inertMarkdown(study.parts[name]!.title)}: bench/study/${partFile(name)}, from`,
      [
        "```sh",
        ...commandsOf(parts.get(name)!).map((args) => `${commandLine(args)} --out runs/${name}`),
        `deno task study --pack ${name} runs/${name}`,
        "```",
      ].join("\n"),
    ]),
  ].join("\n\n");
}
