/**
 * Taking bytes in the amounts a format has, from a stream that has others.
 *
 * @module
 */
import { concatBytes } from "./bytes.ts";

/** Reads a stream front to back. What lies in memory is what was taken and one chunk. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#chunks = content[Symbol.asyncIterator]();
  }

  /**
   * The next `count` bytes.
   *
   * @throws {Error} If there are fewer
   */
  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#parts(count)) parts.push(part);
    const [only, second] = parts;
    return only && !second ? only.slice() : concatBytes(parts);
  }

  /**
   * Passes over `count` bytes.
   *
   * @throws {Error} If there are fewer
   */
  async skip(count: number): Promise<void> {
    for await (const _ of this.#parts(count));
  }

  /**
   * Reads to the end.
   *
   * @throws {Error} If anything but zeros follows
   */
  async expectZeros(): Promise<void> {
    for (;;) {
      if (this.#rest.some((byte) => byte !== 0)) throw new Error("something follows its end");
      const next = await this.#chunks.next();
      if (next.done) return;
      this.#rest = next.value;
    }
  }

  /** Lets the stream go. */
  async close(): Promise<void> {
    await this.#chunks.return?.()?.catch(() => {});
  }

  async *#parts(count: number): AsyncGenerator<Uint8Array> {
    for (let missing = count; missing > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) throw new Error("it is cut off");
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }
}
