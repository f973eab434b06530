/**
 * How protocol settings are spelt on a command line.
 *
 * @module
 */
import { InputError } from "../../src/core/mod.ts";

/** `rank=4`, `head=ncm`, `targets=q+v`, or several with commas between: numbers where the text is one, lists where it has a plus sign. */
export function parseSetting(text: string): [string, unknown] {
  const [, key, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new InputError(`Cannot use --set ${text}: wanted key=value, such as rank=4`);
  }
  if (key === "targets") return [key, value.split("+")];
  return [key, Number.isNaN(Number(value)) ? value : Number(value)];
}
