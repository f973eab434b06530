/**
 * The parts of a regular expression as functions that match and, when what follows fails, try otherwise. Every trial
 * counts, so that a pattern whose trials multiply ends with an error and not never.
 *
 * @module
 */

/** Steps that matching may still take. */
export interface Budget {
  left: number;
}

/** One match while it is tried. */
interface Trial {
  readonly text: string;
  /** Start and end of the groups, by number. */
  readonly groups: (readonly [start: number, end: number] | undefined)[];
  readonly budget: Budget;
}

/** What follows an element, from a place on. */
type Continue = (at: number) => boolean;

/** A part of a pattern. */
export interface Element {
  /** Characters that it matches, at least and at most. */
  readonly least: number;
  readonly most: number;
  /** Whether the element from `at` on and then `next` match. */
  readonly match: (trial: Trial, at: number, next: Continue) => boolean;
}

/** Whether a character belongs to a set. */
export type SetTest = (char: string) => boolean;

function spend({ budget }: Trial): void {
  if (--budget.left < 0) throw new RangeError("Cannot match: found too many ways, wanted fewer");
}

/** The set of all others. */
export function negated(test: SetTest): SetTest {
  return (char) => !test(char);
}

/** A set in which letters of either case count. */
export function foldedSet(test: SetTest): SetTest {
  return (char) => test(char) || test(char.toLowerCase()) || test(char.toUpperCase());
}

/** One character of a set. */
export function single(test: SetTest): Element {
  return {
    least: 1,
    most: 1,
    match(trial, at, next) {
      spend(trial);
      const char = trial.text[at];
      return char !== undefined && test(char) && next(at + 1);
    },
  };
}

/** A place, without characters. */
export function anchor(test: (text: string, at: number) => boolean): Element {
  return { least: 0, most: 0, match: ({ text }, at, next) => test(text, at) && next(at) };
}

/** Elements one after another. */
export function sequence(parts: readonly Element[]): Element {
  const from = (index: number, trial: Trial, at: number, next: Continue): boolean =>
    index === parts.length
      ? next(at)
      : parts[index]!.match(trial, at, (end) => from(index + 1, trial, end, next));
  return {
    least: parts.reduce((sum, { least }) => sum + least, 0),
    most: parts.reduce((sum, { most }) => sum + most, 0),
    match: (trial, at, next) => from(0, trial, at, next),
  };
}

/** The first of several that lets the rest match. */
export function alternatives(options: readonly Element[]): Element {
  return {
    least: Math.min(...options.map(({ least }) => least)),
    most: Math.max(...options.map(({ most }) => most)),
    match(trial, at, next) {
      spend(trial);
      return options.some((option) => option.match(trial, at, next));
    },
  };
}

/** An element many times. A turn that matches nothing is the last. */
export function repeat(element: Element, least: number, most: number, isLazy: boolean): Element {
  const turn = (count: number, from: number, trial: Trial, at: number, next: Continue): boolean => {
    spend(trial);
    const more = () =>
      count < most && (count < least || at !== from) &&
      element.match(trial, at, (end) => turn(count + 1, at, trial, end, next));
    if (count < least) return more();
    return isLazy ? next(at) || more() : more() || next(at);
  };
  // Nothing times infinity is nothing.
  const times = (size: number, count: number) => size === 0 || count === 0 ? 0 : size * count;
  return {
    least: times(element.least, least),
    most: times(element.most, most),
    match: (trial, at, next) => turn(0, -1, trial, at, next),
  };
}

/** An element that keeps its first match. */
export function atomic(element: Element): Element {
  return {
    ...element,
    match(trial, at, next) {
      const before = [...trial.groups];
      let end = -1;
      if (!element.match(trial, at, (found) => (end = found) >= 0)) return false;
      if (next(end)) return true;
      restore(trial, before);
      return false;
    },
  };
}

function restore({ groups }: Trial, before: Trial["groups"]): void {
  groups.splice(0, groups.length, ...before);
}

/** A group that is remembered. */
export function capture(element: Element, group: number): Element {
  return {
    ...element,
    match(trial, at, next) {
      const before = trial.groups[group];
      const isMatch = element.match(trial, at, (end) => {
        const inner = trial.groups[group];
        trial.groups[group] = [at, end];
        if (next(end)) return true;
        trial.groups[group] = inner;
        return false;
      });
      if (!isMatch) trial.groups[group] = before;
      return isMatch;
    },
  };
}

/** The text of a group again; a group that has not matched matches nowhere. */
export function reference(group: number, ignoreCase: boolean): Element {
  return {
    least: 0,
    most: Infinity,
    match(trial, at, next) {
      spend(trial);
      const found = trial.groups[group];
      if (!found) return false;
      const wanted = trial.text.slice(...found);
      const text = trial.text.slice(at, at + wanted.length);
      const same = ignoreCase ? text.toLowerCase() === wanted.toLowerCase() : text === wanted;
      return same && next(at + wanted.length);
    },
  };
}

/** What must, or must not, stand before or after a place. */
export function lookAround(
  element: Element,
  { isBehind, isNegated }: { readonly isBehind: boolean; readonly isNegated: boolean },
): Element {
  return {
    least: 0,
    most: 0,
    match(trial, at, next) {
      const start = isBehind ? at - element.least : at;
      const before = [...trial.groups];
      const isThere = start >= 0 && element.match(trial, start, (end) => !isBehind || end === at);
      if (isNegated) restore(trial, before);
      if (isThere === isNegated) return false;
      if (next(at)) return true;
      restore(trial, before);
      return false;
    },
  };
}

/** One of two elements, by whether a group has matched. */
export function when(group: number, yes: Element, no: Element): Element {
  return {
    least: Math.min(yes.least, no.least),
    most: Math.max(yes.most, no.most),
    match: (trial, at, next) => (trial.groups[group] ? yes : no).match(trial, at, next),
  };
}

/** Whether a text matches from its start on. */
export function matches(element: Element, groups: number, text: string, budget: Budget): boolean {
  const trial: Trial = { text, groups: Array<undefined>(groups + 1).fill(undefined), budget };
  return element.match(trial, 0, () => true);
}
