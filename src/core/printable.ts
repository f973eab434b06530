/**
 * Showing text that others wrote: names and values from files must not move the cursor, colour the terminal, turn the
 * direction of writing or begin a line of their own.
 *
 * @module
 */

/** Control characters, marks that nobody sees, halves of characters, and what has no meaning yet. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** Characters of a foreign text that are shown. */
const LONGEST = 300;

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/**
 * The text on one line, in characters that print: others are written as `\u{1b}`, and what is too long is cut.
 *
 * @param longest Characters that are kept of it
 */
export function printable(text: string, longest: number = LONGEST): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return shown.replace(INVISIBLE, escaped);
}

/** The same for text of several lines, of any length: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(INVISIBLE, (character) => /[\n\t]/.test(character) ? character : escaped(character));
}

/** JSON of a value, two spaces a level, in which characters that do not print are escaped. */
export function printableJson(value: unknown): string {
  const units = (character: string) =>
    [...Array(character.length).keys()].map((i) =>
      `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`
    ).join("");
  return JSON.stringify(value, null, 2).replace(
    INVISIBLE,
    (character) => character === "\n" ? character : units(character),
  );
}
