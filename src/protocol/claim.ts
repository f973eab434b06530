/**
 * One writer for a cell. A claim is a lock of the operating system on a file that stays open: the kernel lets go of
 * it however its process ends, SIGKILL included, so a claim never outlives its holder.
 *
 * What holds where: on one machine the lock alone decides, also between containers on one kernel. On NFS the server
 * keeps it for all machines. Where locks stay on one machine (object stores mounted as folders, Lustre with
 * `localflock`) or do not exist, a lease decides: a file that one machine creates and keeps changing. One that has not
 * changed for `LEASE` is taken over. A holder that is stopped for longer than that on such a file system may find a second writer
 * beside it; the record's chain then shows the damage, and the cell is run again.
 *
 * @module
 */
import { ifThere, removeFile, replaceFile } from "../core/files.ts";

/** What tells machines apart, as far as it is known. */
export interface Machine {
  /** As the operating system numbers it. */
  readonly id?: string;
  /** Its host name. */
  readonly name?: string;
}

/** Who claims. */
export interface Claimant {
  /** Where; between claimants that differ in nothing known, the lock alone decides. */
  readonly machine?: Machine;
  /** Different for every process and thread. */
  readonly owner: string;
  /** Milliseconds between two changes of a lease. */
  readonly beat?: number;
  /** Milliseconds without a change after which a lease is void. */
  readonly lease?: number;
  /** Told before it is watched for so many seconds whether a lease changes. */
  onWait?(seconds: number): void;
}

/** A cell that nobody else writes. */
export interface Claim {
  /** Lets others have it. */
  release(): Promise<void>;
}

/** Somebody else has the cell. */
export class ClaimedError extends Error {
  /** What tells it from other errors where `instanceof` cannot. */
  override readonly name = "ClaimedError";
}

/** Milliseconds between two changes of a lease. */
const BEAT = 5_000;
/** Milliseconds. Many beats, since a long step holds them up. */
const LEASE = 60_000;

/** An open file with the lock on it; `shared` if the file system has no locks. */
interface Held {
  readonly file: Deno.FsFile;
  readonly shared: boolean;
}

/** Opens and locks a file, without waiting. */
async function tryHold(path: string): Promise<Held | undefined> {
  for (;;) {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    let isMine: boolean;
    try {
      isMine = await file.tryLock(true);
    } catch {
      return { file, shared: true };
    }
    if (!isMine) {
      file.close();
      return undefined;
    }
    // The holder before may have removed the file between opening and locking: this lock would guard nothing.
    const [own, there] = [await file.stat(), await ifThere(() => Deno.stat(path))];
    if (there && own.ino === there.ino) return { file, shared: false };
    file.close();
  }
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

const readLease = (path: string) => ifThere(() => Deno.readTextFile(path));

/** Whether a lease was written on another machine, or by something that does not say. */
function isForeign(lease: string, { id, name }: Machine): boolean {
  const differ = (a: unknown, b: unknown) => a !== undefined && b !== undefined && a !== b;
  try {
    const { machine } = JSON.parse(lease);
    return differ(machine.id, id) || differ(machine.name, name);
  } catch {
    return true;
  }
}

/** Whether a lease changes or goes within a time: its holder is alive. */
async function isAlive(path: string, text: string, beat: number, lease: number): Promise<boolean> {
  for (let waited = 0; waited < lease; waited += beat) {
    await pause(beat);
    if (await readLease(path) !== text) return true;
  }
  return false;
}

/** Creates a file unless there is one, in one step where the file system can; false if there is. */
async function createFile(path: string, text: string): Promise<boolean> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    await removeFile(path).catch(() => {});
    throw error;
  }
}

/** Writes a lease; false if another machine has one. */
async function takeLease(
  { shared }: Held,
  path: string,
  text: string,
  { machine = {}, beat = BEAT, lease: term = LEASE, onWait }: Claimant,
): Promise<boolean> {
  const before = await readLease(path);
  // The lock may have been on this machine only: whoever creates the file is first of all machines.
  if (before === undefined && !await createFile(path, text)) return false;
  const isDoubtful = before !== undefined && (shared || isForeign(before, machine));
  if (isDoubtful) {
    onWait?.(term / 1000);
    if (await isAlive(path, before, beat, term)) return false;
  }
  if (before !== undefined) await replaceFile(path, text);
  if (!shared && !isDoubtful) return true;
  // Two may have found the same lease void, or created it at once: the last to write has it.
  await pause(beat);
  return await readLease(path) === text;
}

/**
 * Claims a cell.
 *
 * @param lock Path of the lock; its folder must be there
 * @param lease Path of the lease
 * @returns `undefined` if somebody else has it. Takes up to the time of a lease where another machine had it last
 */
export async function tryClaim(lock: string, lease: string, claimant: Claimant): Promise<Claim | undefined> {
  const held = await tryHold(lock);
  if (!held) return undefined;
  const { machine = {}, owner, beat = BEAT } = claimant;
  const lines = (beats: number) => JSON.stringify({ machine, owner, beats });
  let isMine = false;
  try {
    isMine = await takeLease(held, lease, lines(0), claimant);
  } finally {
    if (!isMine) held.file.close();
  }
  if (!isMine) return undefined;
  let beats = 0;
  let writing = Promise.resolve();
  const timer = setInterval(() => {
    writing = replaceFile(lease, lines(++beats)).catch(() => {});
  }, beat);
  Deno.unrefTimer(timer);
  return {
    async release() {
      clearInterval(timer);
      await writing;
      try {
        await removeFile(lease);
        // Removed while the lock is held; see `tryHold`.
        if (!held.shared) await removeFile(lock);
      } catch {
        // A disk that has become read-only: whoever is next finds both void, since the lock goes with the handle.
      } finally {
        held.file.close();
      }
    },
  };
}
