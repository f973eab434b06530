/**
 * Conditions under which images are seen: what makes a domain of the same classes. Each is a deterministic change of an
 * image with a name that says all of it, such as `blur 2`, or `blur 2, mirrored`.
 *
 * @module
 */
import { hash32, type Rng } from "../../core/rng.ts";
import { colourLooks, type Kind, looks, places, quarterTurns, turns } from "./kinds.ts";
import type { Change, ImageShape } from "./pixels.ts";

/** A condition. */
export interface Condition {
  /** In records, such as `blur 2, mirrored`. */
  readonly name: string;
  /** What it does, whatever its severity, such as `blur`. */
  readonly kind: string;
  /** What kinds have in common, such as `sharpness`. */
  readonly family: string;
  /** How the image is turned before that. */
  readonly turn?: Change;
  /** What is done to it; nothing if absent. */
  readonly change?: Change;
  /** Tells the random bits of conditions apart. */
  readonly salt: number;
}

/** The conditions of some kinds. */
function listed(kinds: readonly Kind[]): Condition[] {
  return kinds.flatMap(({ kind, family, changes }) =>
    kind === "none" ? [{ name: kind, kind, family, salt: 0 }] : Object.entries(changes).map(
      ([severity, change]) => ({
        name: kind + severity,
        kind,
        family,
        change,
        salt: saltOf(kind + severity),
      }),
    )
  );
}

/** Any number that follows from a name. */
function saltOf(name: string): number {
  return [...name].reduce((hash, letter) => hash32(hash, letter.charCodeAt(0)), 0);
}

/**
 * All conditions for images of a shape: single ones, then each look on images that are also turned. At least 250.
 *
 * @param shape Three channels have more than one, squares two more than others
 */
export function conditionsFor({ channels, height, width }: ImageShape): Condition[][] {
  const own = listed([...looks, ...(channels === 3 ? colourLooks : [])]);
  const single = [...own, ...listed([...places, ...(height === width ? quarterTurns : [])])];
  const turned = Object.entries(turns).flatMap(([name, turn]) =>
    own.map((condition) => ({ ...condition, name: condition.name + name, turn }))
  );
  return [single, turned];
}

/**
 * The order in which a stream has the conditions for images of a shape: single ones first, then those on turned images;
 * of each in rounds over the kinds, whose order is drawn, as is the severity. So the first tasks differ in kind, and long
 * streams begin as short ones do.
 */
export function drawConditions(shape: ImageShape, rng: Rng): Condition[] {
  return conditionsFor(shape).flatMap((level, i) => {
    const stream = rng.stream(`level ${i}`);
    const kinds = stream.shuffle([...Map.groupBy(level, ({ kind }) => kind).values()]).map((own) =>
      stream.shuffle(own)
    );
    const rounds = Math.max(...kinds.map(({ length }) => length));
    return Array.from({ length: rounds }, (_, round) => kinds.flatMap((own) => own[round] ?? [])).flat();
  });
}

/** The condition of a name. */
export function conditionOf(name: string, shape: ImageShape): Condition {
  const found = conditionsFor(shape).flat().find((condition) => condition.name === name);
  if (!found) {
    throw new RangeError(`Cannot find condition ${JSON.stringify(name)}: there is none of this name`);
  }
  return found;
}

/**
 * One image under a condition.
 *
 * @param id Tells images apart, for noise
 */
export function underCondition(
  { turn, change, salt }: Condition,
  image: Uint8Array,
  shape: ImageShape,
  id: number,
): Uint8Array {
  let current = image.slice();
  const seed = hash32(salt, id);
  for (const step of [turn, change]) {
    if (!step) continue;
    const next = new Uint8Array(current.length);
    step(current, next, shape, (place) => hash32(seed, place));
    current = next;
  }
  return current;
}
