/**
 * The order of classes as users bring it.
 *
 * @module
 */
import { InputError, systemReason } from "../../src/core/mod.ts";
import { type Dataset, orderOf, type StreamOptions } from "../../src/data/mod.ts";

/** The part of a stream's options that is its order. */
export type ClassOrder = Pick<StreamOptions, "order"> & {
  /** Instead of the cell's seed. */
  readonly orderSeed?: number;
};

/**
 * Reads an order: `numpy` shuffles as NumPy does by the cell's seed, `numpy:1993` by that seed, `1993` as this
 * program does by that seed; several classes with commas between them, or a file with one on a line or a JSON list,
 * name every class once.
 *
 * @throws {InputError} If it is none of these, or not an order of the data set's classes
 */
export async function readClassOrder(spec: string, dataset: Dataset): Promise<ClassOrder> {
  if (spec === "numpy") return { order: "numpy" };
  const [, numpy, seed] = /^(numpy:)?(\d+)$/.exec(spec) ?? [];
  if (seed !== undefined) return { ...(numpy && { order: "numpy" }), orderSeed: Number(seed) };
  return { order: orderOf(dataset, spec.includes(",") ? namesIn(spec) : await readNames(spec)) };
}

function namesIn(list: string): string[] {
  return list.split(",").map((name) => name.trim()).filter(Boolean);
}

async function readNames(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such file" : systemReason(error);
    throw new InputError(
      `Cannot use class order ${path}: ${reason}, wanted numpy, numpy:SEED, a seed, class names with commas between ` +
        "them, or the path of a file",
    );
  }
  if (!text.trimStart().startsWith("[")) {
    return text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  }
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.map(String);
  } catch {
    // Said below.
  }
  throw new InputError(
    `Cannot use class order ${path}: found no JSON list, wanted one, or a class on each line`,
  );
}
