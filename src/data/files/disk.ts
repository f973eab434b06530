/**
 * Reading files on the disk, with what the user can mend as an `InputError`.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { reasonOf } from "./reason.ts";

/** Largest file read whole: larger than any official file that is not streamed. */
export const MAX_FILE_BYTES = 2 ** 30;

/** Runs a disk access; what the user can mend becomes an `InputError`. */
export async function onDisk<T>(path: string, access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    const { NotFound, NotADirectory, IsADirectory, PermissionDenied, NotCapable } = Deno.errors;
    if (error instanceof NotFound) {
      throw new InputError(`Cannot read ${path}: it does not exist`, { cause: error });
    }
    if (error instanceof NotADirectory) {
      throw new InputError(`Cannot read ${path}: it is not a folder`, { cause: error });
    }
    if (error instanceof IsADirectory) {
      throw new InputError(`Cannot read ${path}: it is a folder`, { cause: error });
    }
    if (error instanceof PermissionDenied || error instanceof NotCapable) {
      throw new InputError(`Cannot read ${path}: no permission (${reasonOf(error)})`, { cause: error });
    }
    // Too many links, too long a name, a broken disk: classes of their own, or none, but always with a code.
    if (error instanceof Error && error.message.includes("(os error ")) {
      throw new InputError(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
    }
    throw error;
  }
}

/**
 * Reads a file whole.
 *
 * @throws {InputError} If it is missing, unreadable or larger than `maxBytes`
 */
export async function readWhole(path: string, maxBytes: number = MAX_FILE_BYTES): Promise<Uint8Array> {
  return await onDisk(path, async () => {
    const { size } = await Deno.stat(path);
    if (size > maxBytes) {
      throw new InputError(`Cannot read ${path}: found ${size} bytes, wanted at most ${maxBytes}`);
    }
    return await Deno.readFile(path);
  });
}
