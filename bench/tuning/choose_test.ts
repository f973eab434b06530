import assert from "node:assert/strict";
import { resolveSettings, type RunRecord } from "../../src/protocol/mod.ts";
import { recordOf } from "../../src/protocol/records/test_records.ts";
import { parseSuites } from "../grid/suite.ts";
import { applyTuned } from "./apply.ts";
import { bestOf, resultOf } from "./choose.ts";

const done = (accuracy: number): RunRecord => recordOf({ method: "ham", matrix: [[accuracy]] });
const failed = recordOf({ method: "ham", matrix: [[0.5]], tasks: 2, status: "failed" });

Deno.test("resultOf() is the mean over the streams, and no score where a run failed or none is there", () => {
  assert.equal(resultOf({}, [done(0.5), done(0.75)]).score, 0.625);
  assert.equal(resultOf({}, [done(0.5), failed]).score, undefined);
  assert.equal(resultOf({}, []).score, undefined);
  assert.equal(resultOf({}, [done(0.5), failed]).records.length, 2);
});

Deno.test("bestOf() prefers the earlier of equals, so the defaults", () => {
  const results = [resultOf({}, [done(0.5)]), resultOf({ a: 1 }, [done(0.5)]), resultOf({ a: 2 }, [failed])];
  assert.deepEqual(bestOf(results)!.choice, {});
  assert.deepEqual(bestOf([...results, resultOf({ a: 3 }, [done(0.75)])])!.choice, { a: 3 });
  assert.equal(bestOf([resultOf({}, [failed])]), undefined);
});

Deno.test("applyTuned() sets what is not set", () => {
  const text = { methods: ["ham", "ewc:lambda=5", "naive"], tasks: [2], seeds: [0], settings: { rank: 4 } };
  const [suite] = parseSuites(JSON.stringify(text), "x");
  const trials = [{ choice: {}, records: [] }];
  const search = {
    data: "procedural",
    fingerprint: "0",
    backbone: "nano",
    tasks: "2",
    seeds: "1",
    searchSeed: 0,
    budget: 1,
    set: [],
  };
  const tuned = applyTuned(suite!, {
    methods: { ham: { choice: { keep: 0.3, tau: null }, trials }, ewc: { choice: { lambda: 1 }, trials } },
    shared: { choice: { rank: 16, targets: "q+k" }, trials, search },
  });
  assert.deepEqual(tuned.methods, ["ham:keep=0.3", "ewc:lambda=5", "naive"]);
  assert.deepEqual(tuned.settings, { rank: 4, targets: ["q", "k"] });
  assert.deepEqual(resolveSettings(tuned.settings).targets, ["q", "k"]);
});
