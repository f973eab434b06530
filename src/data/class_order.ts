/**
 * Orders in which classes arrive that come from elsewhere: NumPy's legacy shuffle, which most published class orders
 * were made with, and lists of classes.
 *
 * @module
 */
import { mersenne } from "pure-rand/generator/mersenne";
import { InputError } from "../core/errors.ts";

/** Largest seed that NumPy's legacy generator takes. */
export const MAX_NUMPY_SEED = 2 ** 32 - 1;

/**
 * `numpy.random.seed(seed); numpy.random.permutation(count)`: MT19937, and a Fisher-Yates shuffle from the end whose
 * draws below a bound mask 32 bits and reject what is above.
 *
 * @throws {InputError} If the seed is not an integer from 0 to 2^32 - 1
 */
export function numpyPermutation(count: number, seed: number): number[] {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_NUMPY_SEED) {
    throw new InputError(
      `Cannot order the classes as NumPy does: found seed ${seed}, wanted an integer from 0 to ${MAX_NUMPY_SEED}`,
    );
  }
  const generator = mersenne(seed | 0);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j: number;
    do j = (generator.next() & mask) >>> 0; while (j > i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * The class numbers of a list that names every class once: all by their names, or all by their numbers. Where the
 * entries are names as well as numbers, they are names.
 *
 * @param as `"numbers"` where the entries are numbers whatever the classes are called
 * @throws {InputError} If an entry is neither, a class comes twice, or one is left out
 */
export function orderOf(
  { name, classNames }: { readonly name: string; readonly classNames: readonly string[] },
  entries: readonly string[],
  as: "either" | "numbers" = "either",
): number[] {
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot order the classes of ${name}: found ${found}, wanted ${wanted}`);
  };
  const numbers = new Map(classNames.map((className, number) => [className, number]));
  const isNamed = as === "either" && entries.every((entry) => numbers.has(entry));
  const order = entries.map((entry) => {
    if (isNamed) return numbers.get(entry)!;
    if (/^\d+$/.test(entry) && Number(entry) < classNames.length) return Number(entry);
    return fail(
      `"${entry}"`,
      `the names of its classes, or their numbers from 0 to ${classNames.length - 1}`,
    );
  });
  const twice = order.find((number, i) => order.indexOf(number) !== i);
  if (twice !== undefined) fail(`class ${twice} (${classNames[twice]}) twice`, "every class once");
  const missing = classNames.findIndex((_, number) => !order.includes(number));
  if (missing >= 0) fail(`no class ${missing} (${classNames[missing]})`, "every class once");
  return order;
}
