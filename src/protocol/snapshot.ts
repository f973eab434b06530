/**
 * What survives a kill between two tasks, as bytes.
 *
 * @module
 */
import { canonicalJson } from "../core/json.ts";
import { decodeState, encodeState, type StateValue } from "../core/state.ts";
import type { Cell } from "./records/record.ts";

/** Everything the next task needs: the method's state, and the number of tasks behind it. */
export interface Snapshot {
  readonly tasks: number;
  readonly state: StateValue;
}

/** Serialises a snapshot with the cell it belongs to. */
export function encodeSnapshot(cell: Cell, { tasks, state }: Snapshot): Uint8Array {
  return encodeState({ cell: canonicalJson(cell), tasks, state });
}

/**
 * Reads a snapshot back; `undefined` if it belongs to another cell.
 *
 * @throws {InputError} If the bytes are damaged
 */
export function decodeSnapshot(cell: Cell, bytes: Uint8Array): Snapshot | undefined {
  const { cell: own, tasks, state } = decodeState(bytes) as {
    readonly cell: string;
    readonly tasks: number;
    readonly state: StateValue;
  };
  return own === canonicalJson(cell) ? { tasks, state } : undefined;
}
