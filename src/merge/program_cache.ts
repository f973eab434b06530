/**
 * Compiled merge programs by meaning. A run merges the same shapes task after task; a few others come and go while
 * groups fill up, so the cache is small and drops what was not used for longest.
 *
 * @module
 */
import type { Executable, Executor, HostArray } from "../executors/executor.ts";
import type { Program } from "../graph/graph.ts";

const CAPACITY = 16;

interface Compiled {
  readonly executable: Executable;
  readonly outputs: readonly string[];
}

/** Compiles programs without states, keeps them, runs them one at a time. */
export class ProgramCache {
  readonly #executor: Executor;
  /** Least recently used first. */
  readonly #entries = new Map<string, Compiled>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * Runs a program and reads all its outputs.
   *
   * @param key Says everything that `build` depends on; without one the program is dropped after the run
   */
  run(
    key: string | undefined,
    build: () => Program,
    feeds: Readonly<Record<string, HostArray>>,
  ): Promise<Record<string, HostArray>> {
    // In turn, so that nothing is dropped while it runs; a failed run does not stop the next.
    const result = this.#last.then(() => this.#runNow(key, build, feeds));
    this.#last = result.catch(() => {});
    return result;
  }

  dispose(): void {
    for (const { executable } of this.#entries.values()) executable.dispose();
    this.#entries.clear();
  }

  async #runNow(
    key: string | undefined,
    build: () => Program,
    feeds: Readonly<Record<string, HostArray>>,
  ): Promise<Record<string, HostArray>> {
    const { executable, outputs } = (key && this.#entries.get(key)) || await this.#compile(build());
    if (key) this.#keep(key, { executable, outputs });
    try {
      return await executable.run(feeds, outputs);
    } finally {
      if (!key) executable.dispose();
    }
  }

  async #compile(program: Program): Promise<Compiled> {
    return { executable: await this.#executor.compile(program, {}), outputs: Object.keys(program.outputs) };
  }

  #keep(key: string, compiled: Compiled): void {
    this.#entries.delete(key);
    this.#entries.set(key, compiled);
    if (this.#entries.size <= CAPACITY) return;
    const [oldest] = this.#entries.keys();
    this.#entries.get(oldest!)!.executable.dispose();
    this.#entries.delete(oldest!);
  }
}
