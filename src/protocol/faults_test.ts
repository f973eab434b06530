/**
 * What disks and clocks do to a run: nothing is lost but the task in progress, and a sentence says what happened.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createMethod } from "../methods/mod.ts";
import { parseCurrent } from "./records/parse.ts";
import { runCell } from "./run.ts";
import { createMemoryStore } from "./store.ts";
import { Killed, killedAt, optionsOf } from "./test_run.ts";

const TASKS = 3;
/** It trains nothing, which is quick. */
const METHOD = "simplecil";

/** What a cell leaves when it is killed after each of its calls to append a line or write a snapshot. */
async function unfinished() {
  const states: { readonly record: string; readonly snapshot?: Uint8Array; readonly snapshots: number }[] =
    [];
  // The first two calls read and write; then lines and snapshots take turns.
  for (let call = 2; call < 2 + 2 * TASKS; call++) {
    const store = createMemoryStore();
    await assert.rejects(runCell(optionsOf(METHOD, { store: killedAt(store, call, "whole") })), Killed);
    const snapshot = await store.readSnapshot();
    states.push({
      record: (await store.readRecord())!,
      ...(snapshot && { snapshot }),
      snapshots: Math.floor((call - 1) / 2),
    });
  }
  return states;
}

/** Places to cut a text: before and in each line, and before its line break. */
function cutsOf(text: string): number[] {
  const cuts = new Set<number>();
  let start = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const places = [0, 1, line.length / 2, line.length];
    for (const place of places) cuts.add(start + Math.floor(place));
    start += line.length + 1;
  }
  return [...cuts].filter((cut) => cut < text.length);
}

Deno.test("runCell() goes on after a record is cut anywhere, repeats what it must and no more, and says so", async () => {
  const hash = (await runCell(optionsOf(METHOD))).end!.hash;
  const base = createMethod(METHOD);
  let cuts = 0;
  for (const { record, snapshot, snapshots } of await unfinished()) {
    for (const cut of cutsOf(record)) {
      const store = createMemoryStore();
      const left = record.slice(0, cut);
      await store.writeRecord(left);
      if (snapshot) await store.writeSnapshot(snapshot);
      const learned: number[] = [];
      const notices: string[] = [];
      const resumed = await runCell(optionsOf({
        ...base,
        learn: (state, task, kit) => (learned.push(task.index), base.learn(state, task, kit)),
      }, { store, onNotice: (text) => void notices.push(text) }));
      const place = `cut at ${cut} of ${record.length}, ${snapshots} snapshots`;
      assert.equal(resumed.end!.hash, hash, place);
      assert.equal(parseCurrent((await store.readRecord())!, "x").end!.hash, hash, place);
      assert.equal(await store.readSnapshot(), undefined, place);
      const lines = left.split("\n").length - 2;
      const isAllThere = lines === TASKS;
      const goesOn = isAllThere ? TASKS : snapshots > 0 && lines >= snapshots ? snapshots : 0;
      assert.deepEqual(learned, [0, 1, 2].slice(goesOn), place);
      const isSilent = isAllThere || (lines === 0 && snapshots === 0);
      assert.equal(notices.length, isSilent ? 0 : 1, `${place}: ${notices}`);
      if (!isSilent) {
        const wanted = goesOn > 0 ? `goes on after ${goesOn} of ${TASKS} tasks` : /the cell is run again$/;
        assert.match(notices[0]!, new RegExp(wanted), place);
        const isCut = lines >= 0 && !left.endsWith("\n");
        assert.equal(/was cut off/.test(notices[0]!), isCut, `${place}: ${notices}`);
      }
      cuts++;
    }
  }
  assert.ok(cuts > 40, `${cuts} cuts`);
});

Deno.test("runCell() finishes a record that lacks but its last line, without running a task again", async () => {
  const store = createMemoryStore();
  const whole = await runCell(optionsOf("naive", { store }));
  const text = (await store.readRecord())!;
  for (const cut of [text.lastIndexOf("\n", text.length - 2) + 1, text.length - 20, text.length - 1]) {
    await store.writeRecord(text.slice(0, cut));
    const learn = () => Promise.reject(new Error("a task was run again"));
    const again = await runCell(optionsOf({ ...createMethod("naive"), learn }, { store }));
    assert.deepEqual(again, whole);
    assert.equal(await store.readRecord(), text);
  }
});

Deno.test("runCell() under a clock that goes backwards gives the same record, with no negative seconds", async () => {
  let now = 0;
  const store = createMemoryStore();
  const record = await runCell(optionsOf("naive", { store, clock: () => now -= 3600 }));
  assert.equal(record.end!.hash, (await runCell(optionsOf("naive"))).end!.hash);
  assert.deepEqual(parseCurrent((await store.readRecord())!, "x"), record);
  for (const { seconds } of record.tasks) {
    assert.deepEqual(seconds, { train: 0, method: 0, evaluate: 0 });
  }
});
