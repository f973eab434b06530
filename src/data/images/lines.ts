/**
 * The text files of data sets: one entry a line.
 *
 * @module
 */

/** Lines that are not empty, without spaces around them. */
export function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}
