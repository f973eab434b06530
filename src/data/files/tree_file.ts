/**
 * One file of a folder or archive, and what its name may look like.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";

/** Largest file of a folder or archive that is read. */
export const MAX_MEMBER_BYTES = 2 ** 30;

/** A file of a folder or archive. */
export interface TreeFile {
  /** Relative path with forward slashes. */
  readonly path: string;
  readonly size: number;
  /** Its content. Call it at most once, and before the next file is asked for. */
  bytes(): Promise<Uint8Array>;
}

/**
 * The plain form of a name in an archive.
 *
 * @throws {InputError} If the name is absolute, leads upwards or is not a name at all
 */
export function checkPath(source: string, name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  const isBad = name.startsWith("/") || parts.includes("..") || /[\\\x00-\x1f]|^[A-Za-z]:/.test(name);
  if (isBad || parts.length === 0) {
    throw new InputError(
      `Cannot read ${source}: found a file named ${JSON.stringify(name)}, wanted a path inside the archive`,
    );
  }
  return parts.join("/");
}

/** Whether a path is what operating systems leave behind rather than data. */
export function isHidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
}
