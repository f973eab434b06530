/**
 * Regular expressions as Python's `re` reads them, in which PEFT's configs name modules. JavaScript reads many of them
 * otherwise without a word (`\A`, `\Z`, `{,2}`, `[]a]`, `x++`, `(?P<n>…)`), and cannot say when matching takes too
 * long. So they are parsed (as `re/_parser.py` does) and matched by backtracking here, with a count of the steps; what
 * Python would not compile, and the few parts that are left out, are refused by name.
 *
 * @module
 */
import {
  alternatives,
  anchor,
  atomic,
  type Budget,
  capture,
  type Element,
  foldedSet,
  lookAround,
  matches,
  reference,
  repeat,
  sequence,
  type SetTest,
  single,
  when,
} from "./python_elements.ts";
import { categoryTest, type Flags, Scanner } from "./python_scanner.ts";

export type { Budget } from "./python_elements.ts";

/** A pattern that was compiled. */
export interface PythonPattern {
  /**
   * Whether the text matches from its start, as `re.match` says.
   *
   * @throws {RangeError} If the budget's steps do not suffice
   */
  match(text: string, budget: Budget): boolean;
}

const FLAG_NAMES: Readonly<Record<string, keyof Flags>> = {
  i: "ignoreCase",
  s: "dotAll",
  m: "multiline",
  a: "ascii",
};

/** Reads a pattern from left to right. */
class Parser extends Scanner {
  #groups = 0;
  readonly #open = new Set<number>();
  readonly #names = new Map<string, number>();

  parse(): { readonly element: Element; readonly groups: number } {
    const flags = { ignoreCase: false, dotAll: false, multiline: false, ascii: false };
    const element = this.#alternatives(flags);
    if (this.next !== "") this.fail("an unbalanced parenthesis");
    return { element, groups: this.#groups };
  }

  #alternatives(flags: Flags): Element {
    const options = [this.#sequence(flags)];
    while (this.take("|")) options.push(this.#sequence(flags));
    return options.length === 1 ? options[0]! : alternatives(options);
  }

  #sequence(flags: Flags): Element {
    const parts: Element[] = [];
    while (this.next !== "" && this.next !== "|" && this.next !== ")") {
      if (this.#count()) this.fail("nothing to repeat");
      const { element, repeats } = this.#atom(flags);
      parts.push(this.#repeated(element, repeats));
    }
    return sequence(parts);
  }

  /** How often the last element comes; a brace that says nothing of the kind is a character. */
  #count(): { readonly least: number; readonly most: number } | undefined {
    if (this.take("*")) return { least: 0, most: Infinity };
    if (this.take("+")) return { least: 1, most: Infinity };
    if (this.take("?")) return { least: 0, most: 1 };
    const start = this.at;
    if (!this.take("{") || this.next === "}") {
      this.at = start;
      return undefined;
    }
    const least = this.digits();
    const most = this.take(",") ? this.digits() : least;
    if (!this.take("}")) {
      this.at = start;
      return undefined;
    }
    const range = { least: Number(least), most: most === "" ? Infinity : Number(most) };
    if (range.most < range.least) this.fail(`{${least},${most}}`);
    return range;
  }

  #repeated(element: Element, repeats: boolean): Element {
    const count = this.#count();
    if (!count) return element;
    if (!repeats) this.fail("a repeated anchor");
    const kind = this.take("?") ? "lazy" : this.take("+") ? "possessive" : "greedy";
    const whole = repeat(element, count.least, count.most, kind === "lazy");
    if (this.#count()) this.fail("a repeated repeat");
    return kind === "possessive" ? atomic(whole) : whole;
  }

  #atom(flags: Flags): { readonly element: Element; readonly repeats: boolean } {
    const char = this.one();
    const one = (element: Element) => ({ element, repeats: true });
    switch (char) {
      case ".":
        return one(single((found) => flags.dotAll || found !== "\n"));
      case "^":
        return {
          element: anchor((text, at) => at === 0 || (flags.multiline && text[at - 1] === "\n")),
          repeats: false,
        };
      case "$":
        return { element: anchor((text, at) => isEnd(text, at, flags.multiline)), repeats: false };
      case "(":
        return this.#group(flags);
      case "[":
        return one(single(this.set(flags)));
      case "\\":
        return this.#escape(flags);
      default:
        return one(this.#literal(char, flags));
    }
  }

  #literal(char: string, { ignoreCase }: Flags): Element {
    const test: SetTest = (found) => found === char;
    return single(ignoreCase ? foldedSet(test) : test);
  }

  #escape(flags: Flags): { readonly element: Element; readonly repeats: boolean } {
    const letter = this.next;
    const anchors: Readonly<Record<string, (text: string, at: number) => boolean>> = {
      A: (_, at) => at === 0,
      Z: (text, at) => at === text.length,
      z: (text, at) => at === text.length,
      b: (text, at) => isBoundary(text, at, flags),
      B: (text, at) => !isBoundary(text, at, flags),
    };
    const place = Object.hasOwn(anchors, letter) ? anchors[letter] : undefined;
    if (place) {
      this.at++;
      return { element: anchor(place), repeats: false };
    }
    const category = categoryTest(letter, flags);
    if (category) {
      this.at++;
      return { element: single(category), repeats: true };
    }
    if (letter >= "1" && letter <= "9") return { element: this.#numbered(flags), repeats: true };
    return { element: this.#literal(this.character(), flags), repeats: true };
  }

  /** `\1` to `\99`, or three octal digits. */
  #numbered(flags: Flags): Element {
    const digits = this.ahead(0, 3);
    if (/^[0-3][0-7]{2}$/.test(digits)) {
      this.at += 3;
      return this.#literal(String.fromCharCode(parseInt(digits, 8)), flags);
    }
    const number = /^\d{1,2}/.exec(digits)![0];
    this.at += number.length;
    return this.#reference(Number(number), flags);
  }

  #reference(group: number, { ignoreCase }: Flags): Element {
    if (group < 1 || group > this.#groups || this.#open.has(group)) {
      this.fail(`a reference to group ${group}`);
    }
    return reference(group, ignoreCase);
  }

  /** A group, after its parenthesis. */
  #group(flags: Flags): { readonly element: Element; readonly repeats: boolean } {
    const close = (element: Element) => {
      if (!this.take(")")) this.fail("a group without end");
      return { element, repeats: true };
    };
    const inside = () => this.#alternatives(flags);
    if (!this.take("?")) return close(this.#captured(flags));
    if (this.take(":")) return close(inside());
    if (this.take(">")) return close(atomic(inside()));
    if (this.take("=")) return close(lookAround(inside(), { isBehind: false, isNegated: false }));
    if (this.take("!")) return close(lookAround(inside(), { isBehind: false, isNegated: true }));
    for (const [start, isNegated] of [["<=", false], ["<!", true]] as const) {
      if (this.take(start)) return close(this.#behind(inside(), isNegated));
    }
    if (this.take("#")) {
      this.until(")");
      return { element: sequence([]), repeats: false };
    }
    if (this.take("P<")) return close(this.#captured(flags, this.#name(">")));
    if (this.take("P=")) {
      const name = this.until(")");
      const group = this.#names.get(name) ?? this.fail(`the unknown group ${JSON.stringify(name)}`);
      return { element: this.#reference(group, flags), repeats: true };
    }
    if (this.take("(")) return close(this.#conditional(flags));
    return close(this.#alternatives(this.#flags(flags)));
  }

  #name(end: string): string {
    const name = this.until(end);
    if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) this.fail(`the name ${JSON.stringify(name)}`);
    if (this.#names.has(name)) this.fail(`two groups called ${JSON.stringify(name)}`);
    return name;
  }

  #captured(flags: Flags, name?: string): Element {
    const group = ++this.#groups;
    if (name !== undefined) this.#names.set(name, group);
    this.#open.add(group);
    const element = this.#alternatives(flags);
    this.#open.delete(group);
    return capture(element, group);
  }

  #behind(element: Element, isNegated: boolean): Element {
    if (element.least !== element.most) this.fail("a look-behind of no fixed width");
    return lookAround(element, { isBehind: true, isNegated });
  }

  /** `(?(1)yes|no)`. */
  #conditional(flags: Flags): Element {
    const which = this.until(")");
    const group = /^\d+$/.test(which) ? Number(which) : this.#names.get(which);
    if (group === undefined || group < 1 || group > this.#groups) {
      this.fail(`the group ${JSON.stringify(which)}`);
    }
    const yes = this.#sequence(flags);
    const no = this.take("|") ? this.#sequence(flags) : sequence([]);
    return when(group, yes, no);
  }

  /** `(?i-s:`, up to the colon. Flags of the whole pattern come too late behind what PEFT puts in front. */
  #flags(flags: Flags): Flags {
    const [, on = "", off = "", end] = /^([A-Za-z]*)(?:-([A-Za-z]+))?([:)])/.exec(
      this.ahead(0),
    ) ?? [];
    if (end === undefined) this.fail(`(?${this.next}`);
    if (end === ")") this.fail(`the flags (?${on}) in the midst of a pattern`);
    if (/(.).*\1/.test(on + off) || /a.*u|u.*a/.test(on)) this.fail(`the flags (?${on}-${off}:`);
    const changed: Record<string, boolean> = {};
    for (const [letters, value] of [[on, true], [off, false]] as const) {
      for (const letter of letters) {
        if (letter === "u" && value) changed["ascii"] = false;
        else if (letter in FLAG_NAMES && (value || letter !== "a")) changed[FLAG_NAMES[letter]!] = value;
        else this.fail(`the flag ${letter}`);
      }
    }
    this.at += on.length + (off === "" ? 0 : off.length + 1) + 1;
    return { ...flags, ...changed };
  }
}

function isEnd(text: string, at: number, multiline: boolean): boolean {
  return at === text.length || (text[at] === "\n" && (multiline || at === text.length - 1));
}

function isBoundary(text: string, at: number, flags: Flags): boolean {
  const isWord = categoryTest("w", flags)!;
  const around = [text[at - 1], text[at]].map((char) => char !== undefined && isWord(char));
  return text.length > 0 && around[0] !== around[1];
}

/**
 * Compiles a pattern.
 *
 * @throws {SyntaxError} Naming the part that Python does not compile, or that is left out here
 */
export function compilePython(pattern: string): PythonPattern {
  const { element, groups } = new Parser(pattern).parse();
  return { match: (text, budget) => matches(element, groups, text, budget) };
}
