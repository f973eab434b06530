/**
 * `deno task study`: makes STUDY.md, its plots and its part of README.md from committed records, or checks that they are
 * what the records give; with --pack, commits records of runs to a part of the study.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError } from "commander";
import { ifThere, InputError, printable, replaceFile, systemReason } from "../../src/core/mod.ts";
import { layoutOf } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { declared, readStudy } from "../study/definition.ts";
import { studyFiles } from "../study/document.ts";
import { gatherRecords, type Place } from "../study/gather.ts";
import { packPart, partFile, type PartRecord, readPart } from "../study/records.ts";

interface Options {
  readonly pack?: string;
  readonly add?: true;
  readonly place?: readonly Place[];
  readonly check?: true;
  readonly unpack?: string;
  readonly root?: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function parsePlace(text: string, earlier: readonly Place[] = []): Place[] {
  const [from, to] = text.split("=");
  if (!from || !to) throw new InvalidArgumentError("Wanted FROM=TO, such as /data/cifar100=data/cifar100.");
  return [...earlier, { from, to }];
}

function configure(command: Command): void {
  command
    .argument("[folders...]", "with --pack: folders of bench, or of .jsonl records")
    .option(
      "--pack <part>",
      "take the records of folders into that part of the study, instead of those it has",
    )
    .option("--add", "with --pack: keep the records that the part has")
    .option(
      "--place <from=to>",
      "with --pack: what stands for a path of this machine in the sources of records; repeatable",
      parsePlace,
    )
    .option("--check", "write nothing, and fail if a file differs from what the records give")
    .option("--unpack <dir>", "write the records of all parts as files, for verify --rerun, board and report")
    .option("--root <dir>", "folder with README.md and bench/study (default: this repository)");
}

function checkUsage(folders: readonly string[], { pack, add, place, check, unpack }: Options): void {
  if (unpack !== undefined && (check || pack !== undefined)) {
    throw new InputError("Cannot use --unpack with --check or --pack");
  }
  if (pack === undefined) {
    if (folders.length > 0) throw new InputError("Cannot use folders without --pack PART");
    if (add) throw new InputError("Cannot use --add without --pack PART");
    if (place) throw new InputError("Cannot use --place without --pack PART");
  } else {
    if (check) throw new InputError("Cannot use --check with --pack");
    if (folders.length === 0) throw new InputError("Cannot pack: found no folder, wanted those of runs");
  }
}

async function run(folders: readonly string[], options: Options, output: Output): Promise<number> {
  checkUsage(folders, options);
  const root = (options.root ?? ROOT).replace(/(.)[/\\]+$/, "$1");
  const home = `${root}/bench/study`;
  const study = await readStudy(`${home}/study.json`);
  if (options.pack !== undefined) {
    declared(study.parts, options.pack, "part");
    await pack(home, options.pack, folders, options, output);
    return 0;
  }
  const parts = new Map<string, readonly PartRecord[]>();
  for (const part of Object.keys(study.parts)) parts.set(part, await readPart(home, part));
  if (options.unpack !== undefined) {
    await unpack(parts, options.unpack, output);
    return 0;
  }
  const there = await read(`${root}/README.md`);
  if (there === undefined) throw new InputError(`Cannot make the study: found no README.md in ${root}`);
  const files = await studyFiles(study, parts, there);
  const records = [...parts.values()].reduce((sum, { length }) => sum + length, 0);
  if (options.check) return await check(root, files, records, output);
  for (const [path, text] of files) await write(`${root}/${path}`, text);
  output.out(`${[...files.keys()].join(", ")} from ${records} records\n`);
  const others = await strayPlots(root, files);
  if (others.length > 0) output.err(`No longer of the study: ${others.join(", ")}\n`);
  return 0;
}

async function pack(
  home: string,
  part: string,
  folders: readonly string[],
  { add, place = [] }: Options,
  output: Output,
): Promise<void> {
  const earlier = add ? await readPart(home, part) : [];
  const records = await gatherRecords(folders, place, earlier);
  const bytes = packPart(records);
  await write(`${home}/${partFile(part)}`, bytes);
  output.out(
    `${records.length} records in bench/study/${partFile(part)} (${Math.ceil(bytes.length / 1024)} KiB)\n`,
  );
}

async function unpack(
  parts: ReadonlyMap<string, readonly PartRecord[]>,
  folder: string,
  output: Output,
): Promise<void> {
  for (const [part, records] of parts) {
    for (const { name, text } of records) await write(layoutOf(`${folder}/${part}`).record(name), text);
    if (records.length > 0) output.out(`${records.length} records in ${folder}/${part}\n`);
  }
}

async function check(
  root: string,
  files: ReadonlyMap<string, string>,
  records: number,
  output: Output,
): Promise<number> {
  const problems: string[] = [];
  for (const [path, wanted] of files) {
    const found = await read(`${root}/${path}`);
    if (found === undefined) problems.push(`${path} is not there`);
    else if (found !== wanted) problems.push(firstDifference(path, found, wanted));
  }
  for (const path of await strayPlots(root, files)) problems.push(`${path} is not of the study`);
  for (const problem of problems) output.err(`${problem}\n`);
  if (problems.length > 0) {
    output.err("deno task study makes them from the records\n");
    return 1;
  }
  output.out(`${[...files.keys()].join(", ")}: as ${records} records give them\n`);
  return 0;
}

function firstDifference(path: string, found: string, wanted: string): string {
  const [own, others] = [found.split("\n"), wanted.split("\n")];
  const line = own.findIndex((text, i) => text !== others[i]);
  const at = line < 0 ? own.length : line;
  const [a = "", b = ""] = [own[at], others[at]];
  const common = [...a].findIndex((letter, i) => letter !== [...b][i]);
  // Of lines that are alike for long, what comes just before they part.
  const from = common > 120 ? common - 60 : 0;
  const shown = (text: string | undefined) =>
    text === undefined
      ? "the end"
      : `${from > 0 ? "…" : ""}${printable([...text].slice(from).join(""), 300)}`;
  return `${path}, line ${at + 1}: found ${shown(own[at])}\n  the records give ${shown(others[at])}`;
}

/** Plots of a study that its records no longer give. */
async function strayPlots(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = [];
  await ifThere(async () => {
    for await (const { name } of Deno.readDir(`${root}/bench/plots`)) {
      const path = `bench/plots/${name}`;
      if (/^study-.*\.svg$/.test(name) && !files.has(path)) found.push(path);
    }
  });
  return found.sort();
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await ifThere(() => Deno.readTextFile(path));
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${systemReason(error)}`);
  }
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await Deno.mkdir(path.replace(/[/\\][^/\\]*$/, ""), { recursive: true });
    await replaceFile(path, content);
  } catch (error) {
    throw new InputError(`Cannot write ${path}: ${systemReason(error)}`);
  }
}

/** The command. */
export const study: CommandSpec<Options> = {
  name: "study",
  description:
    "Makes STUDY.md, its plots and its part of README.md from the committed records, or checks them with --check.",
  configure,
  run,
};

if (import.meta.main) await runMain(study);
