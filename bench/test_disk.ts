/**
 * Disks that are full or read-only, for tests: small ones in memory, where this process may mount them.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { inFolder } from "./test_kit.ts";

/** A disk of one test. */
export interface Disk {
  readonly path: string;
  /** Fills it but for a number of bytes; whole pages of 4096. */
  fill(free: number): Promise<void>;
  /** Takes what filled it away. */
  empty(): Promise<void>;
  /** Lets nobody write it, or everybody. */
  setReadOnly(readOnly: boolean): Promise<void>;
}

async function isDone(program: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output();
    return success;
  } catch {
    return false;
  }
}

async function mustDo(program: string, ...args: string[]): Promise<void> {
  if (!await isDone(program, ...args)) throw new Error(`Cannot run ${program} ${args.join(" ")}`);
}

const PAGE = 4096;

/** Runs a test on a disk of so many bytes that is unmounted afterwards. */
export function onDisk(bytes: number, test: (disk: Disk) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const path = `${folder}/disk`;
    await Deno.mkdir(path);
    await mustDo("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
    const filler = `${path}/filler`;
    try {
      await test({
        path,
        async fill(free) {
          using file = await Deno.open(filler, { append: true, create: true });
          try {
            for (;;) await file.write(new Uint8Array(PAGE));
          } catch {
            const { size } = await file.stat();
            await file.truncate(Math.max(0, size - PAGE * Math.ceil(free / PAGE)));
          }
        },
        empty: () => Deno.remove(filler),
        setReadOnly: (readOnly) => mustDo("mount", "-o", `remount,${readOnly ? "ro" : "rw"}`, path),
      });
    } finally {
      await mustDo("umount", path);
    }
  });
}

/** Why no disk can be mounted here, or `undefined`. */
export async function whyNoDisk(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "mounting needs Linux";
  try {
    await onDisk(PAGE, () => Promise.resolve());
    return undefined;
  } catch {
    return "mounting a disk needs root, and a container that may";
  }
}
