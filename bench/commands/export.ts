/**
 * `deno task export RECORD|RUN|ADAPTER --format peft|onnx|safetensors`: brings trained adapters and merged models into
 * formats that other tools read.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { dirname } from "node:path";
import { InputError, replaceFile, systemReason } from "../../src/core/mod.ts";
import {
  encodeMerged,
  encodePeft,
  exportOnnx,
  type KeptAdapter,
  mergeAdapter,
  PEFT_CONFIG,
  PEFT_WEIGHTS,
  type PeftNaming,
  peftNamings,
} from "../../src/formats/mod.ts";
import { type Backbone } from "../../src/nn/mod.ts";
import { addBackboneFlags, type BackboneFlags, loadOptionsOf } from "./backbone_flags.ts";
import { openBackbone, shippedBackbones } from "../backbones.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { type Exportable, findExportables } from "./export_sources.ts";
import { createFolder } from "../folders.ts";

interface Options extends BackboneFlags {
  readonly format: "peft" | "onnx" | "safetensors";
  readonly out?: string;
  readonly naming?: PeftNaming;
  readonly backbone?: string;
}

/** A file to write, by its path after the exportable's name. */
type Files = readonly (readonly [suffix: string, content: string | Uint8Array])[];

function configure(command: Command): void {
  command
    .argument("<source>", "a record (RUN/records/CELL.jsonl), the folder of a run, or of an adapter of PEFT")
    .addOption(
      new Option(
        "--format <name>",
        "peft: adapters, one of each task and the deployed one; onnx, safetensors: the deployed model, merged",
      ).choices(["peft", "onnx", "safetensors"]).makeOptionMandatory(),
    )
    .option("--out <dir>", "folder for the files (default: exports in the run's folder)")
    .addOption(
      new Option(
        "--naming <family>",
        `peft: whose names the modules get (default: ${
          peftNamings[0]
        }; hugging-face is before transformers 5)`,
      ).choices(peftNamings),
    )
    .option(
      "--backbone <id|path>",
      "what the adapters were trained on (default: the shipped one of its name)",
    );
  addBackboneFlags(command);
}

/** Opens each backbone once, and makes sure that it is the one that was trained on. */
function createBackboneSource(options: Options): (wanted: Exportable["backbone"]) => Promise<Backbone> {
  const opened = new Map<string, Backbone>();
  return async (wanted) => {
    const which = options.backbone ?? wanted?.id;
    if (which === undefined || (options.backbone === undefined && !shippedBackbones.includes(which))) {
      throw new InputError(
        `Cannot find the backbone${which === undefined ? "" : ` ${which}`}: wanted its path in --backbone`,
      );
    }
    const backbone = opened.get(which) ?? await openBackbone(which, loadOptionsOf(options));
    opened.set(which, backbone);
    if (wanted && backbone.hash !== wanted.hash) {
      throw new InputError(
        `Cannot use the backbone ${which}: found hash ${backbone.hash}, wanted ${wanted.hash}, as in the record`,
      );
    }
    return backbone;
  };
}

/** The files of one export; none if it has no adapter to export. */
function encode(kept: KeptAdapter, backbone: Backbone, { format, naming }: Options): Files {
  if (format === "peft") {
    if (!kept.adapter) return [];
    const { config, weights } = encodePeft(kept, backbone, naming ?? peftNamings[0]!);
    return [[`/${PEFT_WEIGHTS}`, weights], [`/${PEFT_CONFIG}`, config]];
  }
  const merged = mergeAdapter(backbone, kept);
  if (format === "onnx") return [[".onnx", exportOnnx(merged)]];
  return [[".json", merged.card], [".safetensors", encodeMerged(merged)]];
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await createFolder(dirname(path));
  try {
    await replaceFile(path, content);
  } catch (error) {
    throw new InputError(`Cannot write ${path}: ${systemReason(error)}`);
  }
}

async function run([source]: readonly string[], options: Options, output: Output): Promise<number> {
  if (options.naming !== undefined && options.format !== "peft") {
    throw new InputError(`Cannot use --naming with --format ${options.format}: it names modules for peft`);
  }
  const extent = options.format === "peft" ? "adapters" : "deployed";
  const { out: usual, exportables, notes } = await findExportables(source!, extent);
  const out = options.out ?? usual;
  for (const note of notes) output.err(`${note}\n`);
  const backboneOf = createBackboneSource(options);
  let count = 0;
  for (const { name, backbone: wanted, load } of exportables) {
    const backbone = await backboneOf(wanted);
    const files = encode(await load(backbone), backbone, options);
    if (files.length === 0) output.err(`${name}: the bare backbone is deployed, which has no adapter\n`);
    for (const [suffix, content] of files) {
      await write(`${out}/${name}${suffix}`, content);
      output.out(`${out}/${name}${suffix}\n`);
      count++;
    }
  }
  if (count === 0) throw new InputError(`Cannot export ${source}: found nothing to export`);
  return 0;
}

/** The command. */
export const exportCommand: CommandSpec<Options> = {
  name: "export",
  description: "Exports trained adapters and merged models to formats that other tools read.",
  configure,
  run,
};

if (import.meta.main) await runMain(exportCommand);
