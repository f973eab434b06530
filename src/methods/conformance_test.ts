/**
 * What every method owes the suite, for the methods that are in no folder; what some owe one another; and that none of
 * the registry is left out.
 */
import assert from "node:assert/strict";
import { stateSize, type StateValue } from "../core/state.ts";
import { composeDelta } from "../merge/delta.ts";
import { deltaError } from "../merge/test_adapters.ts";
import { loraSites } from "../nn/sites.ts";
import { hierarchyMethods } from "./hierarchy/mod.ts";
import { mergesMethods } from "./merges/mod.ts";
import { projectedMethods } from "./projected/mod.ts";
import { promptsMethods } from "./prompts/mod.ts";
import { regularisedMethods } from "./regularised/mod.ts";
import { replayMethods } from "./replay/mod.ts";
import { routesMethods } from "./routes/mod.ts";
import { spectralMethods } from "./spectral/mod.ts";
import { systemsMethods } from "./systems/mod.ts";
import { createMethod, methods } from "./mod.ts";
import { checkConformance } from "./test_conformance.ts";
import { CLASSES, runMethod, tinyConfig, tinyLora } from "./test_kit.ts";

const alone = ["naive", "joint", "simplecil", "taskarith", "ewc"];

checkConformance(alone, [
  "taskarith:start=fresh,lambda=0.3,rankCap=4",
  "taskarith:start=sequential",
  "ewc:lambda=0",
]);

Deno.test("no method of the registry is left out of the conformance suite", () => {
  const folders = [
    hierarchyMethods,
    mergesMethods,
    projectedMethods,
    promptsMethods,
    regularisedMethods,
    replayMethods,
    routesMethods,
    spectralMethods,
    systemsMethods,
  ];
  const checked = new Set([...folders.flatMap((own) => Object.keys(own)), ...alone, "ham", "concat-pruned"]);
  assert.deepEqual(Object.keys(methods).filter((name) => !checked.has(name)), []);
});

function arrayBytes(value: StateValue): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((total: number, item) => total + arrayBytes(item as StateValue), 0);
}

Deno.test("methods whose rule begins with the second task deploy naive's adapter after the first", async () => {
  const { deployed: wanted } = await runMethod(createMethod("naive"), { tasks: 1 });
  const specs = [
    "joint",
    "taskarith",
    "ewc",
    "ham:keep=1,importance=fixed",
    "ham:keep=1,importance=fixed,training=stack,groupMerge=concat,groupGain=learned",
    "ham:pruneSpace=none,importance=fixed,start=nearest,groupMerge=concat",
    "concat-pruned:keep=1,importance=fixed",
    "kmerge",
    "kmerge++",
    "share",
    "average",
    "ema",
    "model-stock",
    "lines",
    "emr",
    "ties:keep=1",
    "magmax:lambda=1",
    "dare:rate=0",
    "dare-ties:rate=0",
    "breadcrumbs:low=0,high=0",
    "della:rate=0,spread=0",
  ];
  for (const spec of specs) {
    const { deployed } = await runMethod(createMethod(spec), { tasks: 1 });
    const error = deltaError(deployed!, (site) => composeDelta(wanted!, site));
    assert.ok(error < 1e-6, `${spec} is ${error} off`);
  }
});

Deno.test("state stays below a bound that does not depend on the number of tasks", async () => {
  const sites = loraSites(tinyConfig, tinyLora.targets);
  /** Bytes of adapters whose rank is capped by an option or by the smaller side of ΔW. */
  const adapterBytes = (rank = Infinity) =>
    sites.reduce(
      (total, { inputs, outputs }) => total + 4 * Math.min(rank, inputs, outputs) * (inputs + outputs),
      0,
    );
  const weightBytes = sites.reduce((total, { inputs, outputs }) => total + 4 * inputs * outputs, 0);
  /** Bytes of a square matrix for every input, which q and v share. */
  const inputBytes = sites.filter(({ target }) => target !== "v")
    .reduce((total, { inputs }) => total + 4 * inputs ** 2, 0);
  const bounds: Readonly<Record<string, number>> = {
    simplecil: 0,
    naive: adapterBytes(2),
    joint: adapterBytes(2),
    // The adapter and its Fisher information.
    ewc: 2 * adapterBytes(2),
    "ewc:lambda=0": 2 * adapterBytes(2),
    taskarith: adapterBytes(),
    "taskarith:start=fresh,lambda=0.3,rankCap=4": adapterBytes(4),
    average: adapterBytes(2),
    ema: adapterBytes() + adapterBytes(2),
    magmax: adapterBytes() + adapterBytes(2),
    dare: adapterBytes(),
    breadcrumbs: adapterBytes(),
    "model-stock": 2 * adapterBytes(),
    lines: adapterBytes(),
    "shared-a": 2 * adapterBytes(2),
    // The sum of the updates, and what is kept of each input.
    inflora: adapterBytes() + inputBytes / 2,
    gpm: adapterBytes() + inputBytes / 2,
    "nsp-lora": adapterBytes() + inputBytes,
    "lora-drs": adapterBytes() + 4 * CLASSES * tinyConfig.width,
    "concat-pruned": adapterBytes(),
    "concat-pruned:weighting=sum,pruneSpace=delta,rankCap=6": adapterBytes(6),
    ham: 5 * adapterBytes(16),
    "ham:tau=-1": adapterBytes(16),
    "ham:maxGroups=3,groupRank=4": 3 * adapterBytes(4),
    "ham:training=stack,groupMerge=concat,groupGain=learned,start=fresh": 5 * adapterBytes(16),
    "ham:groupRank=null,maxGroups=2": 2 * adapterBytes(),
    // In float64: triplets up to full rank, or matrices; sums of the size of weights and of Gram matrices.
    opcm: 2 * adapterBytes() + 6 * 64,
    "opcm:space=dense,start=sequential": 2 * weightBytes + adapterBytes(2),
    "iso-c": 2 * adapterBytes() + 6 * 64,
    regmean: 2 * weightBytes + 2 * 4 * 256,
    lorm: 2 * weightBytes + 2 * 4 * 256 + adapterBytes(2),
    coma: adapterBytes(2),
    cofima: 3 * adapterBytes(2),
    "fisher-average": 5 * adapterBytes(2),
    "p-and-m": 5 * adapterBytes(2),
    slao: 2 * adapterBytes(2),
    kmerge: 5 * adapterBytes(2),
    // The last similarities, of which the threshold may be the median.
    "kmerge++:places=3,threshold=1": 3 * adapterBytes(2) + 8 * 64,
    "kmerge:merge=delta,rank=4,places=2": 2 * adapterBytes(4),
  };
  for (const [spec, bound] of Object.entries(bounds)) {
    const { own } = await runMethod(createMethod(spec), { tasks: 30 });
    for (const state of own) {
      const arrays = arrayBytes(state);
      assert.ok(arrays <= bound, `${spec}: ${arrays} bytes of ${bound}`);
      // Names of sites, numbers, and the members: four characters a task.
      assert.ok(stateSize(state) - arrays < 4000, spec);
    }
  }
});
