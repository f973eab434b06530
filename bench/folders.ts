/**
 * Paths that users name.
 *
 * @module
 */
import { ifThere, InputError, systemReason } from "../src/core/mod.ts";

/**
 * Creates a folder for a command's output, with those above it.
 *
 * @throws {InputError} If that cannot be done
 */
export async function createFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new InputError(`Cannot write to ${folder}: ${systemReason(error)}`);
  }
}

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await ifThere(() => Deno.stat(path)) !== undefined;
}
