/**
 * Reading a Python pattern character by character: escapes, and classes in brackets.
 *
 * @module
 */
import { foldedSet, negated, type SetTest } from "./python_elements.ts";

/** Flags that hold for a part of a pattern. */
export interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly ascii: boolean;
}

const categories: Readonly<Record<string, readonly [unicode: RegExp, ascii: RegExp]>> = {
  d: [/\p{Nd}/u, /[0-9]/],
  w: [/[\p{L}\p{N}_]/u, /[A-Za-z0-9_]/],
  s: [/[\s\u0085]/u, /[ \t\n\r\f\v]/],
};

const controls: Readonly<Record<string, string>> = {
  a: "\x07",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9";
}

/** The set that `\\d`, `\\w`, `\\s` or one of their opposites is. */
export function categoryTest(letter: string, { ascii }: Flags): SetTest | undefined {
  const found = categories[letter.toLowerCase()];
  if (!found) return undefined;
  const pattern = found[ascii ? 1 : 0];
  const test: SetTest = (char) => pattern.test(char);
  return letter === letter.toLowerCase() ? test : negated(test);
}

/** A place in a pattern. */
export class Scanner {
  #at = 0;
  readonly #chars: readonly string[];

  constructor(pattern: string) {
    this.#chars = [...pattern];
  }

  /** Where reading goes on; may be set back. */
  get at(): number {
    return this.#at;
  }

  set at(place: number) {
    this.#at = place;
  }

  /** What comes after a number of characters. */
  ahead(from: number, count = Infinity): string {
    return this.#chars.slice(this.#at + from, this.#at + from + count).join("");
  }

  /** Takes one character; none at the end. */
  one(): string {
    return this.#chars[this.#at++] ?? "";
  }

  /** @throws {SyntaxError} Always */
  fail(what: string): never {
    throw new SyntaxError(what);
  }

  /** The next character; none at the end. */
  get next(): string {
    return this.#chars[this.#at] ?? "";
  }

  /** Takes a text if it comes next. */
  take(text: string): boolean {
    const isNext = [...text].every((char, i) => this.#chars[this.#at + i] === char);
    if (isNext) this.#at += [...text].length;
    return isNext;
  }

  /** Takes the digits that come next. */
  digits(): string {
    let digits = "";
    while (isDigit(this.next)) digits += this.#chars[this.#at++]!;
    return digits;
  }

  /** Takes what comes before a character, and that. */
  until(end: string): string {
    const stop = this.#chars.indexOf(end, this.#at);
    if (stop < 0) this.fail(`no ${JSON.stringify(end)}`);
    const text = this.#chars.slice(this.#at, stop).join("");
    this.#at = stop + 1;
    return text;
  }

  /** The character of an escape that is one, after the backslash. */
  character(): string {
    const letter = this.#chars[this.#at++] ?? this.fail("a backslash at the end");
    if (letter in controls) return controls[letter]!;
    const sizes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
    if (letter in sizes) {
      const digits = this.#chars.slice(this.#at, this.#at + sizes[letter]!).join("");
      const code = parseInt(digits, 16);
      if (!new RegExp(`^[0-9A-Fa-f]{${sizes[letter]}}$`).test(digits) || code > 0x10ffff) {
        this.fail(`\\${letter}${digits}`);
      }
      this.#at += sizes[letter]!;
      return String.fromCodePoint(code);
    }
    if (letter === "0") {
      const digits = /^[0-7]{0,2}/.exec(this.#chars.slice(this.#at, this.#at + 2).join(""))![0];
      this.#at += digits.length;
      return String.fromCharCode(parseInt(`0${digits}`, 8));
    }
    if (/[A-Za-z0-9]/.test(letter)) this.fail(`\\${letter}`);
    return letter;
  }

  /** A class of characters, after its bracket. */
  set(flags: Flags): SetTest {
    const isNegated = this.take("^");
    const tests: SetTest[] = [];
    for (let first = true; first || this.next !== "]"; first = false) {
      if (this.next === "") this.fail("a class without end");
      const low = this.member(flags);
      if (this.next === "-" && !["]", ""].includes(this.#chars[this.#at + 1] ?? "")) {
        this.#at++;
        const high = this.member(flags);
        if (typeof low !== "string" || typeof high !== "string") this.fail("a range of classes");
        const [from, to] = [low.codePointAt(0)!, high.codePointAt(0)!];
        if (from > to) this.fail(`the range ${low}-${high}`);
        tests.push((char) => char.codePointAt(0)! >= from && char.codePointAt(0)! <= to);
      } else tests.push(typeof low === "string" ? (char) => char === low : low);
    }
    this.#at++;
    const isMember: SetTest = (char) => tests.some((test) => test(char));
    const folded = flags.ignoreCase ? foldedSet(isMember) : isMember;
    return isNegated ? negated(folded) : folded;
  }

  member(flags: Flags): string | SetTest {
    const char = this.#chars[this.#at++]!;
    if (char !== "\\") return char;
    const category = categoryTest(this.next, flags);
    if (category) {
      this.#at++;
      return category;
    }
    if (this.take("b")) return "\b";
    if (/[1-9]/.test(this.next)) this.fail(`\\${this.next} in a class`);
    return this.character();
  }
}
