import assert from "node:assert/strict";
import { composeDelta } from "../merge/delta.ts";
import { deltaError, weightedDelta } from "../merge/test_adapters.ts";
import { createMethod } from "./mod.ts";
import { runMethod } from "./test_kit.ts";

Deno.test("taskarith is λ Σ ΔW of independently started adapters, λ = 1/t by default", async () => {
  for (const [spec, lambda] of [["taskarith", 1 / 5], ["taskarith:lambda=0.3,start=fresh", 0.3]] as const) {
    const { trained, deployed } = await runMethod(createMethod(spec), { tasks: 5 });
    const wanted = (site: string) => weightedDelta(trained, trained.map(() => lambda), site);
    assert.ok(deltaError(deployed!, wanted) < 1e-5, spec);
  }
});

Deno.test("taskarith with lambda 0 deploys no change", async () => {
  const { deployed } = await runMethod(createMethod("taskarith:lambda=0"), { tasks: 2 });
  assert.ok(composeDelta(deployed!, "0.q").every((value) => value === 0));
});

Deno.test("taskarith does not depend on the order of tasks beyond rounding", async () => {
  const method = createMethod("taskarith");
  const { trained, deployed } = await runMethod(method, { tasks: 4 });
  const turned = await runMethod(method, { tasks: 4, train: (_, { index }) => trained[3 - index]! });
  assert.ok(deltaError(turned.deployed!, (site) => composeDelta(deployed!, site)) < 1e-5);
});
