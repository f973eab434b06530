/**
 * Measured choices between the variants of a kernel family, one for each adapter, family and class of shapes. The
 * table is kept as JSON text by whoever has files.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import type { DeviceDescription } from "./device.ts";

/** Where the table is kept between sessions. */
export interface TunerCache {
  /** The text saved last. */
  load(): string | undefined;
  /** Keeps a text for the next session; called after every measurement. */
  save(text: string): void;
}

/** Raised when kernels change so much that old measurements mislead: they are then forgotten. */
const EDITION = 1;
/** The family's own first choice stays unless another is so much faster: noise must not flip choices. */
const WORTHWHILE = 0.95;

const entrySchema = z.strictObject({ variant: z.string(), seconds: z.record(z.string(), z.number()) });
const tableSchema = z.object({
  edition: z.number(),
  adapters: z.record(z.string(), z.record(z.string(), entrySchema)),
});
type Table = z.infer<typeof tableSchema>;

/** The choices measured on one adapter. */
export class TuningTable {
  readonly #adapter: string;
  readonly #cache: TunerCache | undefined;
  #table: Table;

  /** @throws {InputError} If the cache holds something that is not such a table */
  constructor({ vendor, architecture, description }: DeviceDescription, cache?: TunerCache) {
    this.#adapter = [vendor, architecture, description].join("/");
    this.#cache = cache;
    this.#table = load(cache);
  }

  /** The fastest variant of a family for a class of shapes, if it was measured. */
  variant(family: string, shapeClass: string): string | undefined {
    return this.#table.adapters[this.#adapter]?.[`${family} ${shapeClass}`]?.variant;
  }

  /**
   * Settles a choice and saves it.
   *
   * @param seconds By variant, the family's first choice first
   * @returns The variant chosen
   */
  settle(family: string, shapeClass: string, seconds: ReadonlyMap<string, number>): string {
    const [[first, ownTime], ...others] = [...seconds] as [[string, number], ...[string, number][]];
    const [best, bestTime] = others.reduce((a, b) => b[1] < a[1] ? b : a, [first, ownTime]);
    const variant = bestTime < WORTHWHILE * ownTime ? best : first;
    // Another process may have saved since.
    const { adapters } = this.#cache ? load(this.#cache) : this.#table;
    const entries = {
      ...adapters[this.#adapter],
      ...this.#table.adapters[this.#adapter],
      [`${family} ${shapeClass}`]: { variant, seconds: Object.fromEntries(seconds) },
    };
    this.#table = { edition: EDITION, adapters: { ...adapters, [this.#adapter]: entries } };
    this.#cache?.save(JSON.stringify(this.#table, undefined, 2) + "\n");
    return variant;
  }
}

function load(cache: TunerCache | undefined): Table {
  const empty = { edition: EDITION, adapters: {} };
  const text = cache?.load();
  if (text === undefined) return empty;
  try {
    const table = tableSchema.parse(JSON.parse(text));
    return table.edition === EDITION ? table : empty;
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new InputError(
      `Cannot read the kernel tuner's cache: found ${reason}, wanted a tuning table; delete it`,
    );
  }
}
