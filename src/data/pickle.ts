/**
 * Reading the few pickled values that the Python version of CIFAR consists of: numbers, texts, lists, dictionaries and
 * arrays of bytes. A pickle is a program for a stack machine; here nothing is ever imported or called. The four functions
 * that NumPy's arrays are written with are recognised by name and done by hand, everything else is refused.
 *
 * Source: Python's library reference, `pickletools`; NumPy's `ndarray.__reduce__`.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";

/** A value. Python 2 wrote texts as bytes. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Pickled[]
  | ReadonlyMap<string, Pickled>
  | ByteArray
  | Marker;

/** A NumPy array of bytes. */
export class ByteArray {
  shape: readonly number[] = [];
  values: Uint8Array = new Uint8Array();
}

/** A function or type by its name, or a type of numbers. */
class Marker {
  constructor(readonly name: string) {}
}

/** Values in all, and lists and dictionaries: many times what the official files have. */
const MAX_VALUES = 2 ** 22;
const MAX_CONTAINERS = 2 ** 16;

const RECONSTRUCT = "multiarray._reconstruct";
const FROM_BUFFER = "numeric._frombuffer";
const ARRAY = "numpy.ndarray";
const TYPE = "numpy.dtype";
const ENCODE = "_codecs.encode";

/** The names that mean one of these, in old and new NumPy. */
const GLOBALS: Readonly<Record<string, string>> = {
  "numpy.core.multiarray._reconstruct": RECONSTRUCT,
  "numpy._core.multiarray._reconstruct": RECONSTRUCT,
  "numpy.core.numeric._frombuffer": FROM_BUFFER,
  "numpy._core.numeric._frombuffer": FROM_BUFFER,
  "numpy.ndarray": ARRAY,
  "numpy.dtype": TYPE,
  "_codecs.encode": ENCODE,
};

/**
 * Reads a pickle.
 *
 * @param source Name of the file, for messages
 * @throws {InputError} If it is damaged, or has anything but such values
 */
export function parsePickle(source: string, bytes: Uint8Array): Pickled {
  try {
    return new Machine(bytes).run();
  } catch (error) {
    if (!(error instanceof PickleError) && !(error instanceof RangeError)) throw error;
    const found = error instanceof PickleError ? error.message : "a cut-off value";
    throw new InputError(
      `Cannot read ${source}: found ${found}, wanted a pickle of plain values and byte arrays`,
      {
        cause: error,
      },
    );
  }
}

class PickleError extends Error {}

/** What lies below a group of values. */
const MARK = Symbol("mark");
type Item = Pickled | typeof MARK;

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: Item[] = [];
  readonly #memo = new Map<number, Pickled>();
  #at = 0;
  #values = 0;
  #containers = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  run(): Pickled {
    for (;;) {
      const code = this.#view.getUint8(this.#at++);
      if (code === 0x2e) return this.#pop();
      if (++this.#values > MAX_VALUES) throw new PickleError(`more than ${MAX_VALUES} values`);
      this.#step(code);
    }
  }

  #step(code: number): void {
    switch (code >= 0x80 ? code : String.fromCharCode(code)) {
      case 0x80: // PROTO
        this.#take(1);
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;
      case "(":
        return void this.#stack.push(MARK);
      case "0":
        return void this.#pop();
      case "1":
        return void this.#popGroup();
      case "2": {
        const top = this.#pop();
        return void this.#stack.push(top, top);
      }
      case "N":
        return this.#push(null);
      case 0x88:
        return this.#push(true);
      case 0x89:
        return this.#push(false);
      case "}":
      case "]":
      case ")":
      case "d":
      case "l":
      case "t":
      case 0x85:
      case 0x86:
      case 0x87:
        return this.#makeContainer(code);
      case "a": {
        const value = this.#pop();
        return void this.#list().push(value);
      }
      case "e": {
        const values = this.#popGroup();
        const list = this.#list();
        for (const value of values) list.push(value);
        return;
      }
      case "s": {
        const value = this.#pop(), key = this.#pop();
        return this.#setItems([key, value]);
      }
      case "u":
        return this.#setItems(this.#popGroup());
      case "q":
        return void this.#memo.set(this.#number(1), this.#peek());
      case "r":
        return void this.#memo.set(this.#number(4), this.#peek());
      case "p":
        return void this.#memo.set(this.#integer(this.#line()), this.#peek());
      case 0x94:
        return void this.#memo.set(this.#memo.size, this.#peek());
      case "h":
        return this.#recall(this.#number(1));
      case "j":
        return this.#recall(this.#number(4));
      case "g":
        return this.#recall(this.#integer(this.#line()));
      case "c":
        return this.#pushGlobal(this.#line(), this.#line());
      case 0x93: {
        const name = this.#pop(), module = this.#pop();
        return this.#pushGlobal(textOf(module), textOf(name));
      }
      case "R":
        return this.#reduce();
      case "b":
        return this.#build();
      default:
        return this.#push(this.#scalar(code));
    }
  }

  /** A number or text. */
  #scalar(code: number): Pickled {
    switch (code >= 0x80 ? code : String.fromCharCode(code)) {
      case "J":
        return new DataView(this.#take(4).slice().buffer).getInt32(0, true);
      case "K":
        return this.#number(1);
      case "M":
        return this.#number(2);
      case "I": {
        const line = this.#line();
        return line === "01" ? true : line === "00" ? false : this.#integer(line);
      }
      case "L":
        return this.#integer(this.#line().replace(/L$/, ""));
      case 0x8a:
        return this.#long(this.#number(1));
      case 0x8b:
        return this.#long(this.#number(4));
      case "G":
        return new DataView(this.#take(8).slice().buffer).getFloat64(0);
      case "F":
        return Number(this.#line());
      case "U":
      case "C":
        return this.#take(this.#number(1));
      case "T":
      case "B":
        return this.#take(this.#number(4));
      case 0x8e:
      case 0x96:
        return this.#take(this.#number(8));
      case "S": {
        const [, text] = /^(?:'([^'\\]*)'|"[^"\\]*")$/.exec(this.#line()) ?? [];
        if (text === undefined) throw new PickleError("a text with escapes");
        return new TextEncoder().encode(text);
      }
      case "X":
        return this.#text(this.#number(4));
      case 0x8c:
        return this.#text(this.#number(1));
      case 0x8d:
        return this.#text(this.#number(8));
      case "V":
        return this.#line();
    }
    throw new PickleError(`instruction 0x${code.toString(16).padStart(2, "0")} at byte ${this.#at - 1}`);
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw new PickleError("a cut-off value");
    return this.#bytes.subarray(this.#at, this.#at += count);
  }

  /** A little-endian number. */
  #number(size: number): number {
    return this.#take(size).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  /** A little-endian number in two's complement. */
  #long(size: number): number {
    const bytes = this.#take(size);
    const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
    const signed = (bytes.at(-1) ?? 0) >= 128 ? value - 256 ** size : value;
    if (!Number.isSafeInteger(signed)) throw new PickleError("a number too large");
    return signed;
  }

  #integer(text: string): number {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) throw new PickleError("a number that is none");
    return value;
  }

  #text(size: number): string {
    return new TextDecoder().decode(this.#take(size));
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw new PickleError("a cut-off value");
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  #push(value: Pickled): void {
    this.#stack.push(value);
  }

  #peek(): Pickled {
    const top = this.#stack.at(-1);
    if (top === undefined || top === MARK) throw new PickleError("a missing value");
    return top as Pickled;
  }

  #pop(): Pickled {
    const top = this.#peek();
    this.#stack.pop();
    return top;
  }

  #popGroup(): Pickled[] {
    const start = this.#stack.lastIndexOf(MARK);
    if (start < 0) throw new PickleError("a missing mark");
    return this.#stack.splice(start).slice(1) as Pickled[];
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleError(`a reference to value ${index}, which is none`);
    this.#push(value);
  }

  #list(): Pickled[] {
    const list = this.#peek();
    if (!Array.isArray(list)) throw new PickleError("values for a list that is none");
    return list;
  }

  #setItems(items: readonly Pickled[]): void {
    const map = this.#peek();
    if (!(map instanceof Map) || items.length % 2 > 0) {
      throw new PickleError("values for a dictionary that is none");
    }
    for (let i = 0; i < items.length; i += 2) map.set(textOf(items[i]!), items[i + 1]!);
  }

  #makeContainer(code: number): void {
    if (++this.#containers > MAX_CONTAINERS) throw new PickleError(`more than ${MAX_CONTAINERS} lists`);
    const char = String.fromCharCode(code);
    if (char === "d" || char === "}") {
      const items = char === "d" ? this.#popGroup() : [];
      this.#push(new Map());
      this.#setItems(items);
    } else if (code >= 0x85) {
      const count = code - 0x84;
      const items = Array.from({ length: count }, () => this.#pop()).reverse();
      this.#push(items);
    } else this.#push(char === "]" || char === ")" ? [] : this.#popGroup());
  }

  #pushGlobal(module: string, name: string): void {
    const known = Object.hasOwn(GLOBALS, `${module}.${name}`) ? GLOBALS[`${module}.${name}`] : undefined;
    if (!known) {
      throw new PickleError(`the function or type ${JSON.stringify(`${module}.${name}`.slice(0, 80))}`);
    }
    this.#push(new Marker(known));
  }

  /** What one of the known functions would give. */
  #reduce(): void {
    const given = this.#pop(), target = this.#pop();
    if (!(target instanceof Marker) || !Array.isArray(given)) {
      throw new PickleError("a call of what is no function");
    }
    const [first, second, third, order] = given as readonly Pickled[];
    if (target.name === RECONSTRUCT) return this.#push(new ByteArray());
    if (target.name === TYPE) return this.#push(new Marker(textOf(first)));
    if (target.name === ENCODE && typeof first === "string" && textOf(second) === "latin1") {
      return this.#push(latin1(first));
    }
    if (target.name === FROM_BUFFER && textOf(order) === "C") {
      return this.#push(fill(new ByteArray(), third, second, first));
    }
    throw new PickleError(`a call of ${target.name}`);
  }

  /** Fills an array or a type of numbers with its state. */
  #build(): void {
    const state = this.#pop(), target = this.#peek();
    if (target instanceof Marker) return;
    if (!(target instanceof ByteArray) || !Array.isArray(state)) {
      throw new PickleError("a state of what has none");
    }
    const [, shape, type, isFortran, values] = state as readonly Pickled[];
    if (isFortran !== false && isFortran !== 0) throw new PickleError("an array in Fortran's order");
    fill(target, shape, type, values);
  }
}

function fill(
  array: ByteArray,
  shape: Pickled | undefined,
  type: Pickled | undefined,
  values: Pickled | undefined,
): ByteArray {
  const bytes = typeof values === "string" ? latin1(values) : values;
  const name = type instanceof Marker ? type.name.replace(/^[|<>=]/, "") : "";
  if (name !== "u1" && name !== "uint8") throw new PickleError(`an array of ${name || "no type"}`);
  const isShape = Array.isArray(shape) && shape.length <= 8 &&
    shape.every((size) => Number.isInteger(size) && size as number >= 0);
  if (!isShape || !(bytes instanceof Uint8Array) || sizeOf(shape as number[]) !== bytes.length) {
    throw new PickleError("an array whose shape does not fit its bytes");
  }
  array.shape = [...shape as number[]];
  array.values = bytes;
  return array;
}

/** A text that stands for bytes, as Python 3 writes bytes in old protocols. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, i) => {
    const code = text.charCodeAt(i);
    if (code > 255) throw new PickleError("a text that is no bytes");
    return code;
  });
}

/**
 * A text, whether it was written as one or as bytes.
 *
 * @throws {PickleError} If the value is none
 */
function textOf(value: Pickled | undefined): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === "number") return `${value}`;
  throw new PickleError("a name that is no text");
}

/** A list of texts, `undefined` if the value is none. */
export function textsOf(value: Pickled | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: readonly Pickled[] = value;
  if (!items.every((item) => typeof item === "string" || item instanceof Uint8Array)) return undefined;
  return items.map((item) => textOf(item));
}
