/**
 * What can follow a path in the specification of a data set.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";

/** Settings that can follow a path, such as `,size=32,seed=1`. */
export interface Settings {
  /** Height and width of decoded images. */
  readonly size?: number;
  /** Seed of the split where a data set has none. */
  readonly seed: number;
  /** Which of several sets of one archive. */
  readonly set: string;
  /** Columns of a list that name files and labels. */
  readonly file?: string;
  readonly label?: string;
  /** Folders above an image that make up the name of its class. */
  readonly depth: 1 | 2;
  /** What becomes of images that cannot be decoded. */
  readonly undecodable: "refuse" | "skip";
}

/**
 * Splits `PATH,size=32,seed=1`.
 *
 * @param known Settings that are allowed
 * @throws {InputError} If a setting is not, or has no such value
 */
export function parseRest(
  rest: string,
  known: readonly (keyof Settings)[],
): { readonly path: string; readonly settings: Settings } {
  const [, path, tail] = /^(.*?)((?:,[a-z]+=[^,]*)*)$/is.exec(rest)!;
  const given = new Map<string, string>();
  for (const setting of tail!.split(",").slice(1)) {
    const [name, value] = setting.split("=") as [string, string];
    if (!known.some((other) => other === name)) {
      throw new InputError(
        `Cannot use setting ${name}= of a data set: wanted ${
          known.join(", ") || "no settings for this kind"
        }`,
      );
    }
    given.set(name, value);
  }
  const number = (name: string, min: number, max: number): number | undefined => {
    const text = given.get(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InputError(`Cannot use setting ${name}=${text}: wanted an integer from ${min} to ${max}`);
  };
  const size = number("size", 1, 1024);
  const undecodable = given.get("undecodable") ?? "refuse";
  if (undecodable !== "refuse" && undecodable !== "skip") {
    throw new InputError(`Cannot use setting undecodable=${undecodable}: wanted refuse or skip`);
  }
  return {
    path: path!,
    settings: {
      ...(size && { size }),
      seed: number("seed", 0, 2 ** 32 - 1) ?? 0,
      set: given.get("set") ?? "balanced",
      depth: number("depth", 1, 2) === 2 ? 2 : 1,
      undecodable,
      ...(given.has("file") && { file: given.get("file")! }),
      ...(given.has("label") && { label: given.get("label")! }),
    },
  };
}
