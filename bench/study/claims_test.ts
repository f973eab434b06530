import assert from "node:assert/strict";
import { judge } from "./claims.ts";
import type { Claim } from "./definition.ts";
import { type Finding, withLead } from "./rules.ts";
import { testSources } from "./test_study.ts";

const { study, views } = await testSources();
const judged = (name: string, changes: Partial<Claim> = {}, view = "cpu") =>
  judge(study, { ...study.claims[name]!, ...changes } as Claim, views(view));

Deno.test("a claim whose interval contains zero is not decidable", () => {
  const { verdict, measured, why, findings } = judged("accuracy");
  assert.equal(verdict, "not decidable here");
  assert.equal(
    measured,
    "points to ewc: T=2 −1.4 [−4.4, +1.6]; points to ewc and concat-pruned: T=4 +0.7 [−2.3, +3.7]",
  );
  assert.equal(why, "the interval contains zero; the claimed +4.0 points: above it");
  assert.deepEqual(findings.map(({ n, p }) => [n, p!.signs]), [[3, 0.5], [3, 1]]);
});

Deno.test("a claim is found or not by the side of its interval, and by the direction of its figure", () => {
  // Memory: ham keeps twice what naive keeps at T=2, on every seed.
  const more = judged("forgetting", { figure: "kept", rivals: ["naive"] });
  assert.equal(more.verdict, "not found");
  assert.match(more.why, /^the interval is above zero$/);
  const less = judged("forgetting", { figure: "kept", rivals: ["naive"], method: "simplecil" });
  assert.equal(less.verdict, "found");
  assert.match(less.why, /^the interval is below zero$/);
});

Deno.test("a lead in what should be little is held below zero, and its claimed size too", () => {
  // Of kept bytes: the rival with the least on the other seeds is simplecil, which keeps 8.
  const { verdict, why, measured } = judged("accuracy", {
    figure: "forgetting",
    method: "simplecil",
    tasks: [2],
  });
  assert.match(measured, /^points of forgetting to [a-z, -]+: T=2 /);
  assert.equal(verdict, "not decidable here");
  assert.match(why, /; the claimed −4\.0 points: within it$/);
  const kept = judged("accuracy", { figure: "kept", method: "ham" });
  assert.match(kept.measured, /^kept to simplecil: T=2 \+130 KiB \[/);
  assert.equal(kept.verdict, "not found");
  const rest = judged(
    "accuracy",
    { figure: "kept", method: "simplecil", without: ["naive"] } as Partial<Claim>,
  );
  assert.match(rest.measured, /^kept to [a-z-]+: T=2 −/);
  assert.equal(rest.verdict, "found");
});

Deno.test("how a lead grows with T is for each doubling, to the rival chosen over all T", () => {
  const { verdict, measured, findings } = judged("growth");
  assert.deepEqual([verdict, findings.length, findings[0]!.tasks], ["not decidable here", 1, "all"]);
  assert.equal(measured, "points to ewc, for each doubling of T: +1.4 [−4.6, +7.4]");
  assert.equal(judged("growth", { tasks: [4] }).why, "it takes several numbers of tasks");
  assert.equal(judged("memory", { tasks: [4] }).why, "it takes several numbers of tasks");
});

Deno.test("who falls behind by less is not further ahead", () => {
  const finding = (verdict: Finding["verdict"], tasks: Finding["tasks"], value: string): Finding => ({
    what: "points to ewc",
    tasks,
    value,
    n: 3,
    verdict,
    why: "the interval",
  });
  const growth = finding("found", "all", "+0.5 [+0.4, +0.6]");
  const behind = withLead(growth, finding("not found", 100, "−2.7 [−4.0, −1.3]"));
  assert.deepEqual([behind.verdict, behind.value], ["not found", growth.value]);
  assert.equal(behind.why, "it grows, but at T=100 there is no lead: −2.7 [−4.0, −1.3] points to ewc");
  assert.equal(withLead(growth, finding("not decidable here", 100, "0.0")).verdict, "not found");
  assert.equal(withLead(growth, finding("found", 100, "+2.0 [+1.0, +3.0]")), growth);
  const level = finding("not decidable here", "all", "0.0 [−1.0, +1.0]");
  assert.equal(withLead(level, finding("not found", 100, "−2.7")), level);
});

Deno.test("findings that differ are told apart by T and rival", () => {
  const { verdict, findings } = judged("forgetting", {
    figure: "kept",
    method: "taskarith",
    rivals: ["naive", "ham"],
  });
  assert.equal(findings.length, 4);
  assert.equal(
    verdict,
    "not found at T=2 kept to naive and T=4 kept to naive; found at T=2 kept to ham and T=4 kept to ham",
  );
  const memory = judged("memory", { most: 2.5 });
  assert.deepEqual([memory.verdict, memory.measured], ["found", "kept: T=4 259 KiB, 2.00 × that of T=2"]);
  assert.equal(judged("memory").verdict, "not found");
});

Deno.test("ratios are held against one, and against the claimed factor", () => {
  const { verdict, why } = judged("flop", { figure: "kept", rivals: ["naive"], method: "simplecil" });
  assert.equal(verdict, "found");
  assert.match(why, /^the interval is above one; the claimed factor of 2: below it$/);
  assert.equal(
    judged("flop", { figure: "kept", rivals: ["simplecil"], method: "naive" }).verdict,
    "not found",
  );
});

Deno.test("what must be equal is equal, or not found", () => {
  assert.deepEqual([judged("inference").verdict, judged("inference").why], ["found", "equal on every seed"]);
  const { verdict, why } = judged("inference", { figure: "flop-train", rivals: ["naive"] });
  assert.deepEqual([verdict, why], ["not found", "it differs on some seed"]);
});

Deno.test("a level is held against its threshold", () => {
  assert.equal(judged("groups").verdict, "found");
  assert.equal(judged("groups", { than: 3, tasks: [4] }).verdict, "not decidable here");
  assert.equal(judged("groups", { than: 5 }).verdict, "not found");
});

Deno.test("a figure is held below its threshold", () => {
  // ham keeps as much for each task of these; ewc as much all the time.
  const late = { kind: "below", figure: "kept-growth", tasks: [4], than: 1.05 } satisfies Partial<Claim>;
  assert.deepEqual(
    [judged("groups", { ...late, method: "ewc" })].map(({ verdict, measured }) => [verdict, measured]),
    [["found", "T=4 1.00 [1.00, 1.00]"]],
  );
  assert.equal(judged("groups", { ...late, method: "taskarith" }).verdict, "not found");
});

Deno.test("too few seeds decide nothing, however clear they look", async () => {
  const two = await testSources({}, ({ record }) => record.start.cell.orderSeed < 2);
  const claim = { ...study.claims["forgetting"]!, figure: "kept", rivals: ["naive"] } as Claim;
  const { verdict, why } = judge(two.study, claim, two.views("cpu"));
  assert.deepEqual([verdict, why], ["not decidable here", "seeds: found 2, wanted 3"]);
  const one = await testSources({}, ({ record }) => record.start.cell.orderSeed < 1);
  assert.deepEqual(
    [judge(one.study, study.claims["accuracy"]!, one.views("cpu"))].map(({ verdict, why }) => [verdict, why]),
    [["not run", "one seed leaves none to choose the best rival on"]],
  );
});

Deno.test("what was not run is said, and why nothing could be measured", () => {
  assert.deepEqual(judged("accuracy", {}, "later").why, "not run");
  assert.deepEqual(judged("accuracy", { method: "ham-plus" }).why, "ham-plus was not run");
  assert.deepEqual(judged("accuracy", { figure: "ari" }).why, "no record of ham has ari");
  assert.deepEqual(judged("forgetting", { rivals: ["ham-plus"] }).why, "nothing to compare it with was run");
});
