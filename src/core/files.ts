/**
 * Changing files such that a kill at any moment leaves the old content or the new.
 *
 * @module
 */

/**
 * Writes a file such that readers see the old content or the new, never a part. A write that fails leaves nothing.
 * Writers of one file wait for one another, where the file system has locks.
 *
 * @param content Text, bytes, or parts that follow one another
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
): Promise<void> {
  const temporary = `${path}.tmp`;
  using file = await openAlone(temporary);
  try {
    await writeThrough(file, partsOf(content));
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeFile(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Adds text at the end of a file and waits until it is on the disk. An append that fails half way is taken back, so
 * that no half line waits for the next one; only a kill leaves one.
 */
export async function appendFile(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { append: true, create: true });
  const { size } = await file.stat();
  try {
    await writeThrough(file, partsOf(text));
  } catch (error) {
    await file.truncate(size).catch(() => {});
    throw error;
  }
}

/** Opens an empty file that no other writer has; what a killed one left is emptied. */
async function openAlone(path: string): Promise<Deno.FsFile> {
  for (;;) {
    const file = await Deno.open(path, { write: true, create: true });
    try {
      await file.lock(true);
    } catch {
      // No locks here: writers rely on having names of their own.
    }
    // The writer waited for has renamed its file, or removed it: this handle is no longer the path's.
    const [own, there] = [await file.stat(), await ifThere(() => Deno.stat(path))];
    if (there && own.ino === there.ino) {
      await file.truncate();
      return file;
    }
    file.close();
  }
}

function partsOf(content: string | Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

/** Writes a file and waits until it is on the disk, so that a rename cannot overtake its content. */
async function writeThrough(file: Deno.FsFile, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    for (let done = 0; done < part.length;) done += await file.write(part.subarray(done));
  }
  await file.sync();
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  await ifThere(() => Deno.remove(path));
}

/** What an access gives, or `undefined` if there is no such file. */
export async function ifThere<T>(access: () => Promise<T>): Promise<T | undefined> {
  try {
    return await access();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What the system says of a file, in words of ours: its own name numbers of errors and calls. */
export function systemReason(error: unknown): string {
  for (const [kind, reason] of reasons) if (error instanceof kind) return reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (diskReasons[code] !== undefined) return diskReasons[code];
  const message = error instanceof Error ? error.message : String(error);
  const [plain = ""] = message.split(/\s*\(os error /);
  return plain === "" ? "the system refuses" : `${plain[0]!.toLowerCase()}${plain.slice(1)}`;
}

const reasons = [
  [Deno.errors.NotFound, "it does not exist"],
  [Deno.errors.NotCapable, "Deno has no permission for it"],
  [Deno.errors.PermissionDenied, "there is no permission for it"],
  [Deno.errors.IsADirectory, "it is a folder"],
  [Deno.errors.NotADirectory, "a part of its path is no folder"],
  [Deno.errors.FilesystemLoop, "its links go in a circle"],
] as const;

const diskReasons: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full",
  EDQUOT: "the quota of its disk is used up",
  EROFS: "its disk is read-only",
};
