/**
 * Readers under damage: whatever happens to a file, the outcome is a result or an `InputError`, never another error
 * and never more memory than the file can account for.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { InputError } from "./errors.ts";
import { createRng, type Rng } from "./rng.ts";

/** Damaged files a reader; `FUZZ_MUTATIONS` makes them fewer where time is short. */
export const MUTATIONS: number = Number(Deno.env.get("FUZZ_MUTATIONS") ?? 10_000);

function pick<T>(items: readonly T[], rng: Rng): T {
  return items[rng.integer(items.length)]!;
}

/** Flips bits, sets bytes to extremes, cuts, extends or repeats a part. Headers are hit more often than bodies. */
export function mutate(bytes: Uint8Array, rng: Rng, head = 20): Uint8Array {
  let copy = Uint8Array.from(bytes);
  for (let n = 1 + rng.integer(3); n > 0; n--) {
    const at = rng.integer(rng.uniform() < 0.5 ? Math.min(copy.length, head) || 1 : copy.length || 1);
    switch (rng.integer(5)) {
      case 0:
        copy[at]! ^= 1 << rng.integer(8);
        break;
      case 1:
        copy[at] = pick([0, 1, 0x7f, 0x80, 0xff], rng);
        break;
      case 2:
        copy = copy.slice(0, at);
        break;
      case 3:
        copy = Uint8Array.of(...copy, ...copy.subarray(at, at + 9));
        break;
      default:
        copy = Uint8Array.of(...copy.subarray(0, at), rng.integer(256), ...copy.subarray(at));
    }
  }
  return copy;
}

/** The same for text. */
export function mutateText(text: string, rng: Rng): string {
  return new TextDecoder().decode(mutate(new TextEncoder().encode(text), rng, text.length));
}

/** What no reader expects in at least some places. */
const oddities: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1,
    3,
    0.5,
    1e-300,
    1e308,
    2 ** 31,
    2 ** 53,
    2 ** 60,
    "",
    "x",
    "1",
    "weight",
    "__proto__",
  ],
  ...[[], {}, [0], [-1], [1, 1], [2 ** 30, 2 ** 30], [[[]]], { x: {} }],
];

/** Replaces, drops, renames or doubles a part of a JSON value. */
export function mutateJson(value: unknown, rng: Rng): unknown {
  if (typeof value !== "object" || value === null || rng.integer(8) === 0) return pick(oddities, rng);
  const entries = Object.entries(value);
  if (entries.length === 0) return pick(oddities, rng);
  const victim = rng.integer(entries.length);
  const way = rng.integer(6);
  const changed = entries.flatMap(([key, item], i): [string, unknown][] => {
    if (i !== victim) return [[key, item]];
    if (way === 0) return [];
    if (way === 1) return [[mutateText(key, rng), item]];
    if (way === 2) return [[key, item], [`${key}0`, item]];
    return [[key, mutateJson(item, rng)]];
  });
  return Array.isArray(value) ? changed.map(([, item]) => item) : Object.fromEntries(changed);
}

/**
 * Reads 10,000 damaged files (`MUTATIONS`). Both outcomes must occur, or nothing was tested.
 *
 * @param limit Bytes that reading may give at most
 * @param read Damages a file, reads it, and gives the bytes that came of it
 * @param message What every refusal says
 */
export async function fuzz(
  name: string,
  limit: number,
  read: (rng: Rng) => number | Promise<number>,
  message = /^Cannot [^]+: found [^]+/,
): Promise<void> {
  const rng = createRng(1, `fuzz ${name}`);
  let accepted = 0, refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    try {
      const bytes = await read(rng);
      assert.ok(bytes <= limit, `${bytes} bytes`);
      accepted++;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      assert.match(error.message, message);
      refused++;
    }
  }
  assert.ok(Math.min(accepted, refused) >= MUTATIONS / 100, `${accepted} read, ${refused} refused`);
}
