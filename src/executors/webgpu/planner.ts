/**
 * Decides where every value of a program lives. Values whose lifetimes do not overlap share a slot: largest first,
 * each into the tightest slot that is free for its whole life (greedy by size; Pisarchyk and Lee, "Efficient
 * Memory Management for Deep Neural Net Inference", arXiv 2001.03288). A slot is a buffer of its own, never a
 * range of one, because WebGPU forbids reading and writing one buffer in the same dispatch.
 *
 * @module
 */
import type { Program } from "../../graph/graph.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import { type BufferRef, type Dispatch, MAX_WORKGROUPS } from "./kernel.ts";
import { describeRef, paddedSize, rootOf, viewOf, wordsOf } from "./views.ts";

/** A buffer of a program. */
export type Storage =
  | { readonly kind: "state"; readonly name: string }
  | { readonly kind: "constant"; readonly node: NodeOf<"constant"> }
  | { readonly kind: "slot"; readonly slot: number };

/** Where a value lives. */
export interface Place {
  readonly storage: Storage;
  /** Of a view, in elements. */
  readonly offset: number;
}

/** A copy of `size` 4-byte elements to the start of a buffer. */
export interface Copy {
  readonly from: Place;
  readonly to: Storage;
  readonly size: number;
}

/** The memory of a program. Sizes are in 4-byte elements. */
export interface MemoryPlan {
  /** The place of a value; `undefined` if nothing needs it, as with an unused input. */
  placeOf(ref: BufferRef): Place | undefined;
  readonly slots: readonly number[];
  /** To be done in order, after the dispatches and after outputs are read. */
  readonly copies: readonly Copy[];
  /** What the slots would add up to if no two values shared one. */
  readonly sizeWithoutReuse: number;
}

/** From the first write to the last use, as positions of dispatches; feeds come at -1. */
interface Life {
  readonly ref: BufferRef;
  readonly first: number;
  last: number;
}

/**
 * Plans the memory of a program.
 *
 * @param dispatches What the program was lowered to, in order
 * @param storageOf Identity of the tensor that a state is bound to: states may share one
 * @throws {TypeError} If a kernel breaks the rules of binding or of grids: the message names it
 */
export function planMemory(
  program: Program,
  dispatches: readonly Dispatch[],
  storageOf: (state: string) => unknown = (state) => state,
): MemoryPlan {
  const end = dispatches.length;
  const lives = new Map<BufferRef, Life>();
  const lastReads = new Map<unknown, number>();

  const use = (ref: BufferRef, position: number, user: string) => {
    const root = rootOf(ref);
    if (isOp(root, "constant")) return;
    if (isOp(root, "state")) {
      const storage = storageOf(root.attributes.name);
      lastReads.set(storage, Math.max(position, lastReads.get(storage) ?? -1));
      return;
    }
    const life = lives.get(root) ?? (isOp(root, "input") ? { ref: root, first: -1, last: -1 } : undefined);
    if (!life) throw new TypeError(`Cannot run ${user}: nothing has written ${describeRef(root)}`);
    life.last = Math.max(life.last, position);
    lives.set(root, life);
  };

  dispatches.forEach((dispatch, position) => {
    checkDispatch(dispatch);
    for (const { buffer, access } of dispatch.bindings) {
      const root = rootOf(buffer);
      if (access === "read_write" && !lives.has(root)) {
        lives.set(root, { ref: root, first: position, last: position });
      }
    }
    for (const { buffer } of dispatch.bindings) use(buffer, position, `kernel "${dispatch.kernel}"`);
  });
  for (const [name, node] of Object.entries(program.outputs)) use(node, end, `output "${name}"`);

  const moved = Object.entries(program.updates).filter(([name, value]) => {
    const root = rootOf(value);
    return !(isOp(root, "state") && storageOf(root.attributes.name) === storageOf(name));
  });
  for (const [name, value] of moved) use(value, isFed(rootOf(value)) ? end : -1, `update "${name}"`);

  // A value is computed straight into the state it replaces if nothing reads the old value from then on.
  const direct = new Map<BufferRef, Storage>();
  const later: [string, Tensor][] = [];
  for (const [name, value] of moved) {
    const root = rootOf(value);
    const free = lives.get(root)?.first ?? -1;
    const isWhole = paddedSize(root) === paddedSize(value);
    if (!isFed(root) && isWhole && !direct.has(root) && free > (lastReads.get(storageOf(name)) ?? -1)) {
      direct.set(root, { kind: "state", name });
    } else {
      later.push([name, value]);
      use(value, end, `update "${name}"`);
    }
  }

  // All updates start from old values: one state copied to another goes through a snapshot.
  const snapshots = new Map<Tensor, BufferRef>();
  for (const [name, value] of later) {
    if (!isOp(rootOf(value), "state")) continue;
    const ref: BufferRef = { kind: "scratch", label: `snapshot for ${name}`, size: wordsOf(value) };
    snapshots.set(value, ref);
    lives.set(ref, { ref, first: end, last: end });
  }

  const { slotOf, slots } = assignSlots([...lives.values()].filter(({ ref }) => !direct.has(ref)));
  const storageOfRoot = (root: BufferRef): Storage | undefined => {
    if (isOp(root, "state")) return { kind: "state", name: root.attributes.name };
    if (isOp(root, "constant")) return { kind: "constant", node: root };
    const slot = slotOf.get(root);
    return direct.get(root) ?? (slot === undefined ? undefined : { kind: "slot", slot });
  };
  const placeOf = (ref: BufferRef): Place | undefined => {
    const { root, offset } = viewOf(ref);
    const storage = storageOfRoot(root);
    return storage && { storage, offset };
  };
  const copy = (from: BufferRef, to: Storage, size: number): Copy => ({ from: placeOf(from)!, to, size });
  return {
    placeOf,
    slots,
    copies: [
      ...[...snapshots].map(([value, ref]) => copy(value, placeOf(ref)!.storage, wordsOf(value))),
      ...later.map(([name, value]) =>
        copy(snapshots.get(value) ?? value, { kind: "state", name }, wordsOf(value))
      ),
    ],
    sizeWithoutReuse: [...lives.keys()].reduce(
      (sum, ref) => sum + (direct.has(ref) ? 0 : paddedSize(ref)),
      0,
    ),
  };
}

/** A plan for running dispatches apart from their program: every value has a slot of its own, holding anything. */
export function planApart(dispatches: readonly Dispatch[]): MemoryPlan {
  const refs = [
    ...new Set(dispatches.flatMap(({ bindings }) => bindings.map(({ buffer }) => rootOf(buffer)))),
  ];
  const slots = refs.map(paddedSize);
  return {
    placeOf: (ref) => {
      const { root, offset } = viewOf(ref);
      return { storage: { kind: "slot", slot: refs.indexOf(root) }, offset };
    },
    slots,
    copies: [],
    sizeWithoutReuse: slots.reduce((sum, size) => sum + size, 0),
  };
}

function assignSlots(
  lives: readonly Life[],
): { readonly slotOf: ReadonlyMap<BufferRef, number>; readonly slots: readonly number[] } {
  const slotOf = new Map<BufferRef, number>();
  const slots: { readonly size: number; readonly taken: Life[] }[] = [];
  const order = [...lives].sort((a, b) => paddedSize(b.ref) - paddedSize(a.ref) || a.first - b.first);
  for (const life of order) {
    // Slots come in descending size, so the last free one is the tightest.
    const found = slots.findLastIndex(({ taken }) =>
      taken.every((other) => other.last < life.first || life.last < other.first)
    );
    const slot = found >= 0 ? found : slots.push({ size: paddedSize(life.ref), taken: [] }) - 1;
    slots[slot]!.taken.push(life);
    slotOf.set(life.ref, slot);
  }
  return { slotOf, slots: slots.map(({ size }) => size) };
}

function checkDispatch({ kernel, bindings, workgroups }: Dispatch): void {
  if (workgroups.some((count) => !Number.isInteger(count) || count < 1 || count > MAX_WORKGROUPS)) {
    throw new TypeError(
      `Cannot run kernel "${kernel}": found ${
        workgroups.join(" x ")
      } workgroups, wanted 1 to ${MAX_WORKGROUPS} an axis`,
    );
  }
  for (const { buffer, access } of bindings) {
    if (access === "read") continue;
    const root = rootOf(buffer);
    if (isFed(root)) throw new TypeError(`Cannot run kernel "${kernel}": it writes ${describeRef(root)}`);
    if (bindings.filter((other) => rootOf(other.buffer) === root).length > 1) {
      throw new TypeError(
        `Cannot run kernel "${kernel}": it binds ${describeRef(root)} again besides writing it`,
      );
    }
  }
}

function isOp<K extends "input" | "state" | "constant">(
  ref: BufferRef,
  op: K,
): ref is Extract<Tensor, { op: K }> {
  return "op" in ref && ref.op === op;
}

/** Whether the memory of a value is filled from outside. */
function isFed(root: BufferRef): boolean {
  return isOp(root, "input") || isOp(root, "state") || isOp(root, "constant");
}
