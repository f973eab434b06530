/**
 * What survives a kill between two tasks, as bytes.
 *
 * @module
 */
import { canonicalJson } from "../core/json.ts";
import { decodeState, encodeState, type StateValue } from "../core/state.ts";
import { hostTensor } from "../core/tensors.ts";
import type { LinearHead } from "../nn/heads.ts";
import type { Cell } from "./records/record.ts";

/** The method's state and the classifier: everything the next task needs. */
export interface Memory {
  readonly state: StateValue;
  readonly head: LinearHead;
}

/** A memory and the number of tasks behind it. */
export interface Snapshot extends Memory {
  readonly tasks: number;
}

/** Serialises a snapshot with the cell it belongs to. */
export function encodeSnapshot(cell: Cell, { tasks, state, head }: Snapshot): Uint8Array {
  const { weight, bias } = head;
  return encodeState({ cell: canonicalJson(cell), tasks, state, weight: weight.data, bias: bias.data });
}

/**
 * Reads a snapshot back; `undefined` if it belongs to another cell.
 *
 * @throws {InputError} If the bytes are damaged
 */
export function decodeSnapshot(cell: Cell, bytes: Uint8Array): Snapshot | undefined {
  const { cell: own, tasks, state, weight, bias } = decodeState(bytes) as {
    readonly cell: string;
    readonly tasks: number;
    readonly state: StateValue;
    readonly weight: Float32Array;
    readonly bias: Float32Array;
  };
  if (own !== canonicalJson(cell)) return undefined;
  const head = {
    weight: hostTensor([bias.length, weight.length / bias.length], weight),
    bias: hostTensor([bias.length], bias),
  };
  return { tasks, state, head };
}
