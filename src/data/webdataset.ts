/**
 * WebDataset: tar archives in which the members of a sample follow one another and share a name up to the first dot, such
 * as `000017.jpg` and `000017.cls`. The label is in `.cls` (or `.cls.txt`, `.label`), or in `.json` under `label`, `cls` or
 * `class`.
 *
 * Source: the WebDataset format, "The WebDataset Format Specification".
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { onDisk } from "./files/disk.ts";
import type { TreeFile } from "./files/tree_file.ts";
import { type FileTree, openTree } from "./files/tree.ts";
import { isImageName } from "./images/formats.ts";
import { roleOfFile, type Sample, type SampleTree, sampleTree } from "./sample_tree.ts";

const SHARD = /\.(tar|tar\.gz|tgz)$/i;
const LABEL = /^(cls|cls\.txt|label|label\.txt|class)$/i;
const JSON_LABELS = ["label", "cls", "class", "class_id", "category"];
/** Longest text of a label. */
const MAX_TEXT_BYTES = 2 ** 20;

/** Whether a tree with these paths is one: samples, or shards in folders. */
export function isWebDataset(paths: readonly string[]): boolean {
  const data = paths.filter((path) => !/\.(txt|md|json|yaml)$/i.test(path));
  return paths.some((path) => /\.cls(\.txt)?$/i.test(path)) ||
    (data.length > 0 && data.every((path) => SHARD.test(path)));
}

/**
 * The samples of a shard, or of all shards in a folder. A shard's name or folder tells its part.
 *
 * @throws {InputError} If there are no shards
 */
export async function webDataset(path: string): Promise<SampleTree> {
  const whole = await openTree(path);
  const { isDirectory } = await onDisk(path, () => Deno.stat(path));
  const shards = isDirectory
    ? await shardsIn(path, whole)
    : [{ name: path.split(/[/\\]/).at(-1)!, tree: whole }];
  const walk = async function* () {
    for (const { name, tree } of shards) yield* samplesOf(name, tree);
  };
  return sampleTree(whole, walk, () => undefined);
}

interface Shard {
  /** Path below the folder. */
  readonly name: string;
  readonly tree: FileTree;
}

async function shardsIn(path: string, whole: FileTree): Promise<Shard[]> {
  const root = path.replace(/(?<=.)[/\\]+$/, "");
  const names: string[] = [];
  const list = async (folder: string, depth: number) => {
    for await (
      const { name, isDirectory } of Deno.readDir(folder === "" ? root : `${root}/${folder}`)
    ) {
      const inside = folder === "" ? name : `${folder}/${name}`;
      if (name.startsWith(".")) continue;
      if (isDirectory && depth < 3) await list(inside, depth + 1);
      else if (!isDirectory && SHARD.test(name)) names.push(inside);
    }
  };
  await list("", 0);
  if (names.length === 0) {
    throw new InputError(`Cannot read ${whole.source}: found no shards, wanted tar archives of samples`);
  }
  return await Promise.all(
    names.sort().map(async (name) => ({ name, tree: await openTree(`${root}/${name}`) })),
  );
}

/** Groups the members of a shard. In memory is one sample. */
async function* samplesOf(shard: string, tree: FileTree): AsyncGenerator<readonly [Sample, TreeFile]> {
  let key: string | undefined, image: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  let label: string | undefined;
  const finish = (): (readonly [Sample, TreeFile])[] => {
    if (!image) return [];
    const { path, bytes } = image;
    if (label === undefined) {
      throw new InputError(
        `Cannot read ${tree.source}: found no label of ${path}, wanted ${key}.cls or ${key}.json`,
      );
    }
    const inside = `${shard}/${path}`;
    const sample = { path: inside, label, role: roleOfFile(shard) ?? roleOfFile(path) };
    return [[sample, { path: inside, size: bytes.length, bytes: () => Promise.resolve(bytes) }]];
  };
  for await (const file of tree.walk()) {
    const [, own, ending] = /^((?:.*\/)?[^/.]+)\.([^/]+)$/.exec(file.path) ?? [];
    if (own === undefined || ending === undefined) continue;
    if (own !== key) {
      yield* finish();
      [key, image, label] = [own, undefined, undefined];
    }
    if (isImageName(file.path)) {
      if (image) {
        throw new InputError(
          `Cannot read ${tree.source}: found ${image.path} and ${file.path}, wanted one image a sample`,
        );
      }
      image = { path: file.path, bytes: await file.bytes() };
    } else if (
      file.size <= MAX_TEXT_BYTES && (LABEL.test(ending) || (/^json$/i.test(ending) && label === undefined))
    ) {
      const text = new TextDecoder().decode(await file.bytes()).trim();
      label = LABEL.test(ending) ? text : jsonLabel(text) ?? label;
    }
  }
  yield* finish();
}

/** The label in a JSON text, if it has one. */
function jsonLabel(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value === "number" || typeof value === "string") return `${value}`;
  if (typeof value !== "object" || value === null) return undefined;
  const found = JSON_LABELS.map((name) => (value as Record<string, unknown>)[name])
    .find((label) => typeof label === "number" || typeof label === "string");
  return found === undefined ? undefined : `${found}`;
}
