/**
 * Data sets by name: `procedural:classes=100`, `cifar100:PATH`, `idx:PATH`. The one file of this folder that reads
 * the disk; the readers themselves take bytes.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { parseCifar10, parseCifar100 } from "./cifar.ts";
import { cached, type CacheOptions } from "./cache.ts";
import type { Dataset } from "./dataset.ts";
import { onDisk, readWhole } from "./disk.ts";
import { type IdxPair, parseIdxDataset } from "./idx.ts";
import { loadImageSet } from "./image_set.ts";
import { planTinyImagenet } from "./tiny_imagenet.ts";
import { openTree } from "./tree.ts";
import { parseProceduralSpec, proceduralDataset } from "./procedural/procedural.ts";

/** Each kind of data set: from what follows the colon to the data. */
const KINDS = {
  procedural: (settings) => Promise.resolve(proceduralDataset(parseProceduralSpec(settings))),
  cifar10: loadCifar10,
  cifar100: loadCifar100,
  idx: loadIdx,
  "tiny-imagenet": loadTinyImagenet,
} satisfies Readonly<Record<string, (rest: string, options: LoadOptions) => Promise<Dataset>>>;

/** Where to keep decoded images, and listeners. */
export interface LoadOptions extends CacheOptions {
  /** Told how many images of how many are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The usual names of IDX files, such as `t10k-images-idx3-ubyte.gz` or `train-labels.idx1-short`. */
const IDX_FILE = /^(train|t10k|test)-(images|labels)[.-]idx[13]-(ubyte|short)(\.gz)?$/;

/**
 * Loads a data set by its specification `kind:rest`:
 *
 * - `procedural` or `procedural:classes=200,seed=3,…`: images made from a seed, see `proceduralDataset`
 * - `cifar10:FOLDER`, `cifar100:FOLDER`: the official binary version, unpacked
 * - `idx:FOLDER`: MNIST-like files under their usual names, gzipped or not; class names from `classes.txt` if there
 *   is one. A folder with only one pair of files is split 80/20 per class, see `parseIdxDataset`
 *
 * @throws {InputError} If the kind is unknown, a setting is wrong, or files are missing, unreadable or damaged
 */
export async function loadDataset(spec: string, options: LoadOptions = {}): Promise<Dataset> {
  const colon = spec.indexOf(":");
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const rest = colon < 0 ? "" : spec.slice(colon + 1);
  if (!Object.hasOwn(KINDS, kind)) {
    throw new InputError(
      `Cannot load data set ${JSON.stringify(spec)}: found kind ${JSON.stringify(kind)}, wanted one of ` +
        Object.keys(KINDS).join(", "),
    );
  }
  if (kind !== "procedural" && rest === "") {
    throw new InputError(`Cannot load data set ${JSON.stringify(spec)}: found no path, wanted ${kind}:PATH`);
  }
  return await KINDS[kind as keyof typeof KINDS](rest, options);
}

async function loadTinyImagenet(rest: string, options: LoadOptions): Promise<Dataset> {
  const { path, size } = parseSettings(rest);
  const tree = await openTree(path);
  const identity = { kind: "tiny-imagenet", size: size ?? null, source: await tree.hash() };
  return await cached(
    identity,
    options,
    () => loadImageSet("tiny-imagenet", tree, planTinyImagenet, { ...options, ...(size && { size }) }),
  );
}

/** Splits `PATH,size=32`. */
function parseSettings(rest: string): { readonly path: string; readonly size?: number } {
  const [, path, size] = /^(.*),size=(.*)$/.exec(rest) ?? [];
  if (path === undefined) return { path: rest };
  const value = Number(size);
  if (!Number.isInteger(value) || value < 1 || value > 1024) {
    throw new InputError(`Cannot resize images: found size=${size}, wanted an integer from 1 to 1024`);
  }
  return { path, size: value };
}

async function loadCifar100(folder: string): Promise<Dataset> {
  const names = await readNames(folder, "fine_label_names.txt");
  return parseCifar100(await readFile(folder, "train.bin"), await readFile(folder, "test.bin"), names);
}

async function loadCifar10(folder: string): Promise<Dataset> {
  const files = await listFiles(folder);
  const batches = files.filter((file) => /^data_batch_\d+\.bin$/.test(file));
  const missing = batches.findIndex((file, i) => file !== `data_batch_${i + 1}.bin`);
  if (batches.length === 0 || missing >= 0) {
    throw new InputError(
      `Cannot read ${folder}: found no data_batch_${
        Math.max(missing, 0) + 1
      }.bin, wanted CIFAR-10's binary version`,
    );
  }
  const train: Uint8Array[] = [];
  for (const file of batches) train.push(await readFile(folder, file));
  const names = await readNames(folder, "batches.meta.txt");
  return parseCifar10(train, await readFile(folder, "test_batch.bin"), names);
}

async function loadIdx(folder: string): Promise<Dataset> {
  const found = new Map<string, string>();
  for (const file of await listFiles(folder)) {
    const [, part, content] = IDX_FILE.exec(file) ?? [];
    if (!part) continue;
    const role = `${part === "t10k" ? "test" : part} ${content}`;
    const other = found.get(role);
    if (other) {
      throw new InputError(
        `Cannot read ${folder}: found both ${other} and ${file}, wanted one file of ${role}`,
      );
    }
    found.set(role, file);
  }
  const pair = async (part: string): Promise<IdxPair | undefined> => {
    const images = found.get(`${part} images`), labels = found.get(`${part} labels`);
    if (!images && !labels) return undefined;
    if (!images || !labels) {
      throw new InputError(
        `Cannot read ${folder}: found ${images ?? labels} alone, wanted images and labels`,
      );
    }
    return { images: await readFile(folder, images), labels: await readFile(folder, labels) };
  };
  const train = await pair("train"), test = await pair("test");
  const first = train ?? test;
  if (!first) {
    throw new InputError(
      `Cannot read ${folder}: found no IDX files, wanted names such as train-images-idx3-ubyte.gz`,
    );
  }
  const pairs = train && test ? { train, test } : { train: first };
  return await parseIdxDataset(baseName(folder), pairs, await readNames(folder, "classes.txt"));
}

/** Non-empty lines of a file of class names; `undefined` if there is no such file. */
async function readNames(folder: string, file: string): Promise<string[] | undefined> {
  if (!(await listFiles(folder)).includes(file)) return undefined;
  const lines = new TextDecoder().decode(await readFile(folder, file)).split("\n");
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

/** Names of the files in a folder, sorted. */
async function listFiles(folder: string): Promise<string[]> {
  return await onDisk(folder, async () => {
    const names: string[] = [];
    for await (const entry of Deno.readDir(folder)) if (!entry.isDirectory) names.push(entry.name);
    return names.sort();
  });
}

async function readFile(folder: string, file: string): Promise<Uint8Array> {
  return await readWhole(`${folder.replace(/[/\\]+$/, "")}/${file}`);
}

function baseName(path: string): string {
  return path.split(/[/\\]/).filter((part) => part !== "").at(-1) ?? path;
}
