/**
 * `deno task data list | get ID | check PATH`: which data sets there are, downloading them, and a look at one before
 * it is trusted.
 *
 * @module
 */
import type { Command } from "commander";
import { markdownTable } from "markdown-table";
import { InputError } from "../../src/core/mod.ts";
import {
  checkDataset,
  type Dataset,
  type DatasetKindName,
  datasetKinds,
  type DatasetReport,
  download,
  guessKind,
  isDatasetKind,
  type RemoteFile,
  type SplitCounts,
} from "../../src/data/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { type DataSource, dataSources } from "./data_sources.ts";
import { createFolder } from "../folders.ts";
import { loadData, progressLines } from "../grid/load_data.ts";

interface Options {
  readonly out?: string;
  readonly host?: readonly string[];
  readonly json?: boolean;
}

/** A download that brings nothing for so long is stopped. */
const STALL_MS = 60_000;

function configure(command: Command): void {
  command
    .argument("<action>", "list, get or check")
    .argument(
      "[what]",
      "get: an id of the list; check: a path or a specification such as folder:PATH,size=32",
    )
    .option("--out <dir>", "get: folder for the files (default: data/ID)")
    .option("--host <name...>", "get: further hosts that an address may redirect to")
    .option("--json", "list, check: JSON instead of text");
}

async function run([action, what]: readonly string[], options: Options, output: Output): Promise<number> {
  if (action === "list") {
    list(options, output);
    return 0;
  }
  if (action !== "get" && action !== "check") {
    throw new InputError(`Cannot do ${JSON.stringify(action)}: wanted list, get or check`);
  }
  if (what === undefined) {
    throw new InputError(
      `Cannot ${action}: found nothing to ${action}, wanted ${action === "get" ? "an id" : "a path"}`,
    );
  }
  await (action === "get" ? get(what, options, output) : check(what, options, output));
  return 0;
}

function list({ json }: Options, output: Output): void {
  const rows = Object.entries(datasetKinds).map(([id, { title, usage }]) => ({
    id,
    title,
    usage,
    bytes: dataSources[id as DatasetKindName]?.files.reduce((sum, { size }) => sum + size, 0) ?? null,
  }));
  if (json) return output.out(`${JSON.stringify(rows, null, 2)}\n`);
  const table = rows.map((
    { id, usage, title, bytes },
  ) => [id, usage, bytes ? `${Math.ceil(bytes / 1e6)} MB` : "", title]);
  output.out(`${markdownTable([["id", "specification", "get", "what"], ...table])}\n`);
  output.out(
    "PATH is a folder, a zip, tar or tar.gz archive, or a folder of archives; of list also a list, of parquet also a file.\n" +
      "Images that cannot be decoded are refused; undecodable=skip leaves them out, counted.\n",
  );
}

async function get(id: string, options: Options, output: Output): Promise<void> {
  const source: DataSource | undefined = isDatasetKind(id) ? dataSources[id] : undefined;
  if (!source) {
    throw new InputError(
      `Cannot get ${JSON.stringify(id)}: found no address, wanted one of ${
        Object.keys(dataSources).join(", ")
      }`,
    );
  }
  const folder = options.out ?? `data/${id}`;
  output.err(`${id}: ${source.terms}\n`);
  await getFiles(
    source.files.map((file) => ({ ...file, redirects: [...file.redirects ?? [], ...options.host ?? []] })),
    folder,
    output,
  );
  output.out(`${id}:${folder}\n`);
}

/**
 * Downloads files into a folder, asking for permission to reach their hosts and no others.
 *
 * @throws {InputError} If the permission is refused, or as `download`
 */
export async function getFiles(files: readonly RemoteFile[], folder: string, output: Output): Promise<void> {
  await askForHosts([
    ...new Set(files.flatMap(({ url, redirects }) => [new URL(url).host, ...redirects ?? []])),
  ]);
  await createFolder(folder);
  for (const file of files) {
    const name = new URL(file.url).pathname.split("/").at(-1)!;
    const isNew = await withStallGuard((signal, alive) => {
      const say = progressLines(`bytes of ${name}`, output, 10 ** 6);
      return download(file, `${folder}/${name}`, {
        signal,
        onNotice: (text) => output.err(`${name}: ${text}\n`),
        onProgress(done, total) {
          alive();
          say(done, total);
        },
      });
    }, name);
    output.err(`${name}: ${isNew ? "downloaded" : "was here already"}, ${file.digest.algorithm} is right\n`);
  }
}

async function askForHosts(hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    const { state } = await Deno.permissions.request({ name: "net", host });
    if (state !== "granted") {
      throw new InputError(`Cannot reach ${host}: no permission; allow it with --allow-net=${hosts.join()}`);
    }
  }
}

/** Runs a transfer that is stopped when it says nothing for too long. */
async function withStallGuard<T>(
  transfer: (signal: AbortSignal, alive: () => void) => Promise<T>,
  name: string,
): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), STALL_MS);
  };
  alive();
  try {
    return await transfer(controller.signal, alive);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    throw new InputError(
      `Cannot download ${name}: nothing came for ${STALL_MS / 1000} s; run again to go on`,
    );
  } finally {
    clearTimeout(timer);
  }
}

async function check(what: string, { json }: Options, output: Output): Promise<void> {
  const isSpec = isDatasetKind(what.split(":", 1)[0]!);
  const spec = isSpec ? what : `${await guessKind(what)}:${what}`;
  const dataset = await loadData(spec, output);
  const report = checkDataset(dataset);
  output.out(json ? describeJson(spec, dataset, report) : describe(spec, dataset, report));
}

function describeJson(spec: string, dataset: Dataset, report: DatasetReport): string {
  const { name, channels, height, width, classNames, leftOut = {}, fingerprint } = dataset;
  const about = { spec, name, channels, height, width, classNames, leftOut, fingerprint, ...report };
  return `${JSON.stringify(about, null, 2)}\n`;
}

function describe(spec: string, dataset: Dataset, report: DatasetReport): string {
  const { name, channels, height, width, classNames, leftOut, fingerprint } = dataset;
  const counts = ({ images, fewest, most }: SplitCounts) =>
    `${images} images, ${fewest === most ? fewest : `${fewest} to ${most}`} a class`;
  const shown = classNames.slice(0, 5).join(", ");
  const lines = [
    `${name} (${spec})`,
    `classes      ${classNames.length}: ${shown}${classNames.length > 5 ? ", …" : ""}`,
    `train        ${counts(report.train)}`,
    `test         ${counts(report.test)}`,
    `shape        ${channels} x ${height} x ${width}`,
    ...leftOut
      ? [`left out     ${Object.entries(leftOut).map(([what, count]) => `${what} ${count}`).join(", ")}`]
      : [],
    `fingerprint  ${fingerprint}`,
    report.oddities.length === 0 ? "oddities     none found" : "oddities",
    ...report.oddities.flatMap(({ what, count, examples }) => [
      `  ${count} ${what}`,
      ...examples.map((example) => `    ${example}`),
      ...count > examples.length ? [`    and ${count - examples.length} more`] : [],
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The command. */
export const dataCommand: CommandSpec<Options> = {
  name: "data",
  description: "Lists, downloads and checks data sets.",
  configure,
  run,
};

if (import.meta.main) await runMain(dataCommand);
