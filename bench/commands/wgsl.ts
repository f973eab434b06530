/**
 * `deno task wgsl --out DIR`: every compute pipeline that the program may ask a device for, as `pipelines.json` beside
 * the WGSL sources, so that any compiler of WGSL can be tried on them.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { replaceFile } from "../../src/core/mod.ts";
import {
  type BackendChoice,
  backendChoices,
  listPipelines,
  type PipelineEntry,
} from "../../src/executors/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { createFolder } from "../folders.ts";
import { coverPipelines } from "../lab/wgsl_cover.ts";
import { allMethods, wgslPrograms } from "../lab/wgsl_programs.ts";

interface Options {
  readonly out: string;
  readonly backend: BackendChoice;
  readonly methods: string;
  readonly cover?: true;
}

/** A name for each source, after the first kernel that is made of it. */
function nameSources(entries: readonly PipelineEntry[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { source, kernel } of entries) {
    if (names.has(source)) continue;
    const wanted = kernel.replaceAll("/", "-");
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}-${i}`;
    taken.add(name);
    names.set(source, `${name}.wgsl`);
  }
  return names;
}

async function run(
  _: readonly string[],
  { out, backend, methods, cover }: Options,
  output: Output,
): Promise<number> {
  const all = listPipelines(await wgslPrograms(backend, methods));
  const entries = cover ? coverPipelines(all) : all;
  const files = nameSources(entries);
  await createFolder(out);
  for (const [source, file] of files) await replaceFile(`${out}/${file}`, source);
  const listed = entries.map(({ source, kernel: _, ...entry }) => ({ ...entry, source: files.get(source) }));
  // Last, so that what it names is there.
  await replaceFile(`${out}/pipelines.json`, `${JSON.stringify(listed, undefined, 2)}\n`);
  const part = cover ? ` of ${all.length}` : "";
  output.out(`${entries.length}${part} pipelines of ${files.size} sources are in ${out}/pipelines.json\n`);
  return 0;
}

/** The command. */
export const wgsl: CommandSpec<Options> = {
  name: "wgsl",
  description: "Writes the WGSL of every pipeline: training steps, features, merges, all kernel variants.",
  configure: (command: Command) =>
    void command
      .requiredOption("--out <dir>", "folder for pipelines.json and the sources")
      .option("--cover", "only so many that every size of a kernel and every value of its switches occurs")
      .addOption(
        new Option("--methods <names>", "only what these compile, beside the step and the kernels")
          .default(allMethods, "all"),
      )
      .addOption(
        new Option("--backend <name>", "runs the smoke suite, which tells what methods compile")
          .choices(backendChoices).default("auto"),
      ),
  run,
};

if (import.meta.main) await runMain(wgsl);
