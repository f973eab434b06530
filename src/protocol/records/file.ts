/**
 * Reading the file of a record: its size and its bytes are looked at before anything is made of them.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { systemReason } from "../../core/files.ts";
import { printable } from "../../core/printable.ts";
import { MAX_RECORD_BYTES } from "./limits.ts";

/**
 * The text of a record's file.
 *
 * @throws {Deno.errors.NotFound} If there is no such file
 * @throws {InputError} If it is no file, too large for a record, no UTF-8, or cannot be read
 */
export async function readRecordFile(path: string): Promise<string> {
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot read record ${printable(path)}: found ${found}, wanted ${wanted}`);
  };
  let bytes: Uint8Array;
  try {
    // Asked before the file is opened: opening a pipe would wait for its writer.
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) fail("something else", "a file");
    if (size > MAX_RECORD_BYTES) fail(`${size} bytes`, `at most ${MAX_RECORD_BYTES}`);
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof InputError || error instanceof Deno.errors.NotFound) throw error;
    throw new InputError(`Cannot read record ${printable(path)}: ${systemReason(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail("bytes that are no UTF-8", "JSON lines");
  }
}
