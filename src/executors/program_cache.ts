/**
 * Compiled programs by what they are. Tracing is cheap and compiling is not, so whoever runs a program traces it anew
 * and finds here what an equal trace compiled before: no caller keeps keys by hand. What was not used for longest is
 * dropped beyond a capacity.
 *
 * @module
 */
import { type Cost, costOf } from "../graph/cost.ts";
import type { Program } from "../graph/graph.ts";
import { programKey } from "../graph/program_key.ts";
import type { DeviceTensor, Executable, Executor } from "./executor.ts";

/** Device tensors that a program shares with others. */
export interface Bindings {
  /** Equal keys mean equal tensors. */
  readonly key: string;
  /** By state name; states that are not among them belong to the program alone. */
  readonly states: Readonly<Record<string, DeviceTensor>>;
}

/** A compiled program, to be used within `ProgramCache.use` only. */
export interface CompiledProgram {
  /** Bound to the tensors that the user gave and to `own`. */
  readonly executable: Executable;
  /** The states that belong to the program alone. They keep what the last user left. */
  readonly own: Readonly<Record<string, DeviceTensor>>;
  /** Of one run. */
  readonly cost: Cost;
}

interface Entry {
  readonly compiled: Promise<CompiledProgram>;
  /** The users, one after another. */
  last: Promise<unknown>;
  users: number;
}

/** How a program is used. */
export interface UseOptions {
  /** Tensors of the caller's that the program runs on; none by default. */
  readonly bindings?: Bindings;
  /** Whether it is kept for the next use; true by default. */
  readonly keep?: boolean;
}

const nothing: Bindings = { key: "", states: {} };

/** See the module. */
export class ProgramCache {
  readonly #executor: Executor;
  readonly #capacity: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();

  /**
   * A cache of programs for one executor.
   *
   * @param capacity Programs to keep; more stay only while they are in use
   */
  constructor(executor: Executor, capacity: number) {
    this.#executor = executor;
    this.#capacity = capacity;
  }

  /** Compiles a program, or finds it, and hands it to one user at a time. */
  async use<T>(
    program: Program,
    work: (compiled: CompiledProgram) => Promise<T>,
    { bindings = nothing, keep = true }: UseOptions = {},
  ): Promise<T> {
    const key = `${programKey(program)} ${bindings.key}`;
    const entry = this.#entries.get(key) ?? this.#create(program, bindings);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    const result = entry.last.then(async () => await work(await entry.compiled));
    entry.last = result.catch(() => {});
    try {
      return await result;
    } finally {
      entry.users--;
      // A program that did not compile must not stay.
      await entry.compiled.catch(() => this.#forget(key, entry));
      if (!keep && entry.users === 0 && this.#forget(key, entry)) await release(entry);
      await this.#evict();
    }
  }

  /** Programs that are kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /** Releases everything. Nothing may be in use. */
  async dispose(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) await release(entry);
  }

  #create(program: Program, { states }: Bindings): Entry {
    const compile = async (): Promise<CompiledProgram> => {
      const own = Object.fromEntries(
        Object.entries(program.states).filter(([name]) => !Object.hasOwn(states, name)).map(
          ([label, { shape, dtype }]) => [label, this.#executor.tensor({ shape, dtype, label })],
        ),
      );
      try {
        const executable = await this.#executor.compile(program, { ...states, ...own });
        const { flop, bytes } = costOf(program);
        return { executable, own, cost: { flop, bytes } };
      } catch (error) {
        for (const tensor of Object.values(own)) tensor.dispose();
        throw error;
      }
    };
    return { compiled: compile(), last: Promise.resolve(), users: 0 };
  }

  /** Whether the entry was there: another may have taken its place. */
  #forget(key: string, entry: Entry): boolean {
    return this.#entries.get(key) === entry && this.#entries.delete(key);
  }

  async #evict(): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return;
      if (entry.users > 0) continue;
      this.#entries.delete(key);
      await release(entry);
    }
  }
}

async function release({ compiled }: Entry): Promise<void> {
  const program = await compiled.catch(() => undefined);
  if (!program) return;
  program.executable.dispose();
  for (const tensor of Object.values(program.own)) tensor.dispose();
}
