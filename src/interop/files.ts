/**
 * Reading files that a user named: a file that cannot be read is the user's to mend.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";

async function onDisk<T>(path: string, access: (path: string) => Promise<T>): Promise<T> {
  try {
    return await access(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new InputError(`Cannot read ${path}: it does not exist`);
    throw new InputError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Reads bytes.
 *
 * @throws {InputError} If the file cannot be read
 */
export function readBytes(path: string): Promise<Uint8Array> {
  return onDisk(path, Deno.readFile);
}

/**
 * Reads UTF-8 text.
 *
 * @throws {InputError} If the file cannot be read
 */
export function readText(path: string): Promise<string> {
  return onDisk(path, Deno.readTextFile);
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Whether there is a file.
 *
 * @throws {InputError} If that cannot be found out
 */
export async function isFile(path: string): Promise<boolean> {
  return (await onDisk(path, statOf))?.isFile ?? false;
}

/**
 * Whether there is a folder.
 *
 * @throws {InputError} If that cannot be found out
 */
export async function isFolder(path: string): Promise<boolean> {
  return (await onDisk(path, statOf))?.isDirectory ?? false;
}

/**
 * Names of the files in a folder, sorted.
 *
 * @throws {InputError} If the folder cannot be read
 */
export function listFiles(folder: string): Promise<string[]> {
  return onDisk(folder, async () => {
    const names: string[] = [];
    for await (const entry of Deno.readDir(folder)) if (!entry.isDirectory) names.push(entry.name);
    return names.sort();
  });
}
