/**
 * Data sets that are a few large files somewhere in a tree: finding and reading them.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { FileTree } from "./files/tree.ts";
import { refuseStandIn } from "./images/content.ts";

/** Files by name, with the folders above them left out. */
export type NamedFiles = ReadonlyMap<string, Uint8Array>;

/**
 * Reads the files whose name matches.
 *
 * @throws {InputError} If the tree cannot be read or has two files of one name
 */
export async function readNamed(tree: FileTree, wanted: RegExp): Promise<NamedFiles> {
  const found = new Map<string, Uint8Array>();
  for await (const file of tree.walk()) {
    const name = fileName(file.path);
    if (!wanted.test(name)) continue;
    if (found.has(name)) {
      throw new InputError(`Cannot read ${tree.source}: found ${name} in two folders, wanted it once`);
    }
    const bytes = await file.bytes();
    refuseStandIn(`${tree.source}: ${file.path}`, bytes);
    found.set(name, bytes);
  }
  return found;
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
