/**
 * Reading files that a user named: a file that cannot be read is the user's to mend.
 *
 * @module
 */
import type { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { ifThere, systemReason } from "../../core/files.ts";
import { describeIssues } from "../../core/schema.ts";
import { foreignText } from "./foreign.ts";

async function onDisk<T>(path: string, access: (path: string) => Promise<T>): Promise<T> {
  try {
    return await access(path);
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${systemReason(error)}`, { cause: error });
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

function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  return onDisk(path, () => ifThere(() => Deno.stat(path)));
}

/**
 * Whether there is a file.
 *
 * @throws {InputError} If that cannot be found out
 */
export async function isFile(path: string): Promise<boolean> {
  return (await statOf(path))?.isFile ?? false;
}

/**
 * Whether there is a folder.
 *
 * @throws {InputError} If that cannot be found out
 */
export async function isFolder(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory ?? false;
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

/**
 * Parses JSON.
 *
 * @param file Named in errors
 * @throws {InputError} If it is none
 */
export function parseJson(text: string, file: string): unknown {
  const other = foreignText(text);
  if (other) throw new InputError(`Cannot read ${file}: found ${other}, wanted JSON`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read ${file}: ${(error as Error).message}`);
  }
}

/**
 * What a schema makes of JSON.
 *
 * @param file Named in errors
 * @throws {InputError} If it does not match
 */
export function checkJson<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new InputError(`Cannot read ${file}: ${describeIssues(parsed.error)}`);
  return parsed.data;
}
