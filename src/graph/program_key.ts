/**
 * The structural identity of a program: what a cache of compiled programs is keyed by. Two traces of the same
 * function give the same key, and programs of one key mean the same: nodes, attributes, constants bit for bit, and the
 * names of inputs, states, outputs and updates.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Program } from "./graph.ts";
import type { NodeOf, Tensor } from "./ops.ts";

/** Hexadecimal digits of a key: 128 bits, far beyond chance. */
const KEY_LENGTH = 32;

/** An attribute, so that different values give different text: `JSON.stringify` knows neither NaN nor -0. */
function attributeText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(attributeText).join()}]`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  return JSON.stringify(value);
}

/** What a node says beside its operands, but for the values of a constant. */
function attributesText(attributes: object): string {
  return Object.entries(attributes)
    .filter(([, value]) => !ArrayBuffer.isView(value))
    .map(([name, value]) => `${name}=${attributeText(value)}`)
    .sort()
    .join(";");
}

function byName<V>(table: Readonly<Record<string, V>>, text: (value: V) => string): string {
  return Object.keys(table).sort().map((name) => `${JSON.stringify(name)}:${text(table[name]!)}`).join("\n");
}

function leafText({ shape, dtype }: NodeOf<"input"> | NodeOf<"state">): string {
  return `${dtype}[${shape.join()}]`;
}

/**
 * Hash of a program's structure, 32 hexadecimal digits. It depends on the order in which nodes were made, but not on
 * their ids: a program that means the same and was traced in another way may have another key, never the reverse.
 * Valid within one process, since constants enter in the byte order of the machine.
 */
export function programKey({ nodes, inputs, states, outputs, updates }: Program): string {
  const hash = createHash("sha256");
  const places = new Map<Tensor, number>(nodes.map((node, i) => [node, i]));
  const place = (node: Tensor) => {
    const found = places.get(node);
    if (found === undefined) {
      throw new RangeError(`Cannot identify the program: its node ${node.op} is not in its list of nodes`);
    }
    return String(found);
  };
  for (const node of nodes) {
    hash.update(`${node.op}(${node.operands.map(place).join()})${attributesText(node.attributes)}\n`);
    if (node.op !== "constant") continue;
    const { data } = node.attributes;
    hash.update(`${data.constructor.name}[${data.length}]`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  hash.update(`inputs\n${byName(inputs, leafText)}\nstates\n${byName(states, leafText)}\n`);
  hash.update(`outputs\n${byName(outputs, place)}\nupdates\n${byName(updates, place)}\n`);
  return hash.digest("hex").slice(0, KEY_LENGTH);
}
