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
import { PickleReader } from "./pickle_reader.ts";
import { ByteArray, fill, latin1, Marker, type Pickled, PickleError, textOf } from "./pickle_values.ts";

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

/** What lies below a group of values. */
const MARK = Symbol("mark");
type Item = Pickled | typeof MARK;

class Machine {
  readonly #reader: PickleReader;
  readonly #stack: Item[] = [];
  readonly #memo = new Map<number, Pickled>();
  #values = 0;
  #containers = 0;

  constructor(bytes: Uint8Array) {
    this.#reader = new PickleReader(bytes);
  }

  run(): Pickled {
    for (;;) {
      const code = this.#reader.number(1);
      if (code === 0x2e) return this.#pop();
      if (++this.#values > MAX_VALUES) throw new PickleError(`more than ${MAX_VALUES} values`);
      this.#step(code);
    }
  }

  #step(code: number): void {
    switch (code >= 0x80 ? code : String.fromCharCode(code)) {
      case 0x80: // PROTO
        this.#reader.take(1);
        return;
      case 0x95: // FRAME
        this.#reader.take(8);
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
        return void this.#memo.set(this.#reader.number(1), this.#peek());
      case "r":
        return void this.#memo.set(this.#reader.number(4), this.#peek());
      case "p":
        return void this.#memo.set(this.#reader.integer(this.#reader.line()), this.#peek());
      case 0x94:
        return void this.#memo.set(this.#memo.size, this.#peek());
      case "h":
        return this.#recall(this.#reader.number(1));
      case "j":
        return this.#recall(this.#reader.number(4));
      case "g":
        return this.#recall(this.#reader.integer(this.#reader.line()));
      case "c":
        return this.#pushGlobal(this.#reader.line(), this.#reader.line());
      case 0x93: {
        const name = this.#pop(), module = this.#pop();
        return this.#pushGlobal(textOf(module), textOf(name));
      }
      case "R":
        return this.#reduce();
      case "b":
        return this.#build();
      default:
        return this.#push(this.#reader.scalar(code));
    }
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
