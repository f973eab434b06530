/**
 * The first walk over a tree of images: names, headers and texts, from which a layout plans.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { FileTree } from "../files/tree.ts";
import { isImageName, otherFormatOf } from "./formats.ts";
import { type ImageHeader, readImageHeader } from "./header.ts";

/** What a plan is made from. Paths are relative to the root of the layout; texts outside it are unknown. */
export interface TreeIndex {
  readonly source: string;
  /** Paths of all images, sorted. */
  readonly images: readonly string[];
  /** Paths of images of formats that are not read, sorted. */
  readonly others: readonly string[];
  /** Paths of all files that are no images by their names, sorted. */
  readonly rest: readonly string[];
  /** Paths of all texts and tables. */
  readonly texts: readonly string[];
  /**
   * A text file.
   *
   * @throws {InputError} If there is none of that name
   */
  text(path: string): string;
  /** Whether there is a text file of that name. */
  hasText(path: string): boolean;
}

/** An index with what decoding needs beside it. */
export interface IndexedTree {
  readonly index: TreeIndex;
  /** Headers by path. Images whose header cannot be read have none; decoding them will say why, if they are wanted. */
  readonly headers: ReadonlyMap<string, ImageHeader | undefined>;
  /** What the paths are relative to. */
  readonly prefix: string;
}

const MAX_TEXT_BYTES = 2 ** 26;
const TEXT_FILE = /\.(txt|csv|tsv|jsonl|lst)$/i;

/**
 * Walks a tree.
 *
 * @param root Paths are relative to the whole tree, or to the folder of the text file of that name next to the top
 * @throws {InputError} If the tree cannot be read or has no such text file
 */
export async function indexTree(
  tree: FileTree,
  root: "tree" | { readonly anchor: string },
): Promise<IndexedTree> {
  const found = new Map<string, ImageHeader | undefined>();
  const foundTexts = new Map<string, string>();
  const foundOthers: string[] = [], foundRest: string[] = [];
  for await (const file of tree.walk()) {
    if (isImageName(file.path)) found.set(file.path, headerOf(file.path, await file.bytes()));
    else if (otherFormatOf(file.path)) foundOthers.push(file.path);
    else foundRest.push(file.path);
    if (TEXT_FILE.test(file.path) && file.size <= MAX_TEXT_BYTES) {
      foundTexts.set(file.path, new TextDecoder().decode(await file.bytes()));
    }
  }
  const prefix = root === "tree" ? "" : folderOf(root.anchor, [...foundTexts.keys()], tree.source);
  const strip = <T>(entries: Iterable<readonly [string, T]>) =>
    new Map(
      [...entries].flatMap(([path, value]) =>
        path.startsWith(prefix) ? [[path.slice(prefix.length), value] as const] : []
      ),
    );
  const headers = strip(found), texts = strip(foundTexts);
  const index: TreeIndex = {
    source: tree.source,
    images: [...headers.keys()].sort(),
    others: [...strip(foundOthers.map((path) => [path, true] as const)).keys()].sort(),
    rest: [...strip(foundRest.map((path) => [path, true] as const)).keys()].sort(),
    texts: [...texts.keys()].sort(),
    hasText: (path) => texts.has(path),
    text(path) {
      const text = texts.get(path);
      if (text !== undefined) return text;
      throw new InputError(`Cannot read ${tree.source}: found no ${path}`);
    },
  };
  return { index, headers, prefix };
}

function headerOf(source: string, bytes: Uint8Array): ImageHeader | undefined {
  try {
    return readImageHeader(source, bytes);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** The folder of the file called `name`, with a slash at its end; of several, the one nearest to the top. */
function folderOf(name: string, paths: readonly string[], source: string): string {
  const depth = (path: string) => path.split("/").length;
  const [nearest] = paths.filter((path) => `/${path}`.endsWith(`/${name}`)).sort((a, b) =>
    depth(a) - depth(b)
  );
  if (nearest === undefined) throw new InputError(`Cannot read ${source}: found no ${name}`);
  return nearest.slice(0, -name.length);
}
