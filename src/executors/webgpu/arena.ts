/**
 * The memory of intermediate values. Runs of different programs follow each other on one queue and leave nothing
 * behind in it, so all programs of an executor share the same buffers: the arena is as large as the largest
 * program, not as their sum.
 *
 * @module
 */
import type { Gpu } from "./device.ts";

interface Entry {
  readonly buffer: GPUBuffer;
  users: number;
}

/** Buffers lent to one program. */
export interface Lease {
  /** In the order asked for. */
  readonly buffers: readonly GPUBuffer[];
  release(): void;
}

/** Sizes are rounded up to quarters of a power of two, so that similar programs find each other's buffers. */
export function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.ceil(Math.log2(bytes)) - 3));
  return Math.ceil(bytes / step) * step;
}

/** Buffers shared by programs, each freed with its last user. */
export class Arena {
  readonly #gpu: Gpu;
  readonly #entries = new Set<Entry>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Bytes held. */
  get bytes(): number {
    return [...this.#entries].reduce((sum, { buffer }) => sum + buffer.size, 0);
  }

  /** Lends one distinct buffer for each size in bytes, the tightest there is. */
  acquire(sizes: readonly number[]): Lease {
    const lent = new Map<number, Entry>();
    const taken = new Set<Entry>();
    const descending = sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]!);
    for (const i of descending) {
      const free = [...this.#entries].filter((entry) => !taken.has(entry) && entry.buffer.size >= sizes[i]!);
      const entry = free.sort((a, b) => a.buffer.size - b.buffer.size)[0] ?? this.#create(sizes[i]!);
      entry.users++;
      taken.add(entry);
      lent.set(i, entry);
    }
    return {
      buffers: sizes.map((_, i) => lent.get(i)!.buffer),
      release: () => {
        for (const entry of taken) {
          if (--entry.users > 0) continue;
          entry.buffer.destroy();
          this.#entries.delete(entry);
        }
        taken.clear();
      },
    };
  }

  #create(bytes: number): Entry {
    const { maxBufferSize } = this.#gpu.description.limits;
    const size = Math.min(sizeClass(bytes), maxBufferSize - (maxBufferSize % 4));
    const entry = {
      buffer: this.#gpu.device.createBuffer({
        label: `arena ${this.#entries.size}`,
        size,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      }),
      users: 0,
    };
    this.#entries.add(entry);
    return entry;
  }
}
