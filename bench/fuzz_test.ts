/**
 * What users write for the commands, under damage: suites, recipes, flags and methods.
 *
 * @module
 */
import { createMethod } from "../src/methods/mod.ts";
import { resolveSettings } from "../src/protocol/mod.ts";
import { fuzz, mutateJson, mutateText } from "../src/core/test_fuzz.ts";
import { parseRecipe } from "./commands/recipe.ts";
import { parseSuites, resolveSuite } from "./grid/suite.ts";

/** What a refusal says. */
const SENTENCE = /^Cannot (read|use|create) [^]+: [^]+/;

const SUITE = {
  data: "procedural",
  backbone: "nano",
  backboneFacts: { heads: 2, norm: "pre", mean: [0.5], image: 16 },
  backend: "reference",
  methods: ["naive", "ham:keep=0.5,groupRank=16"],
  tasks: [5, 10],
  seeds: [0],
  trainSeed: 1,
  limitPerClass: 3,
  settings: { head: "linear", rank: 4, targets: ["q", "v"], learningRate: 1e-3 },
};

Deno.test("parseSuites() reads or refuses 10,000 damaged suites, with their settings and methods", async () => {
  const text = JSON.stringify(SUITE);
  await fuzz("suite", 8 * text.length, (rng) => {
    const damaged = rng.integer(3) ? JSON.stringify(mutateJson(SUITE, rng)) : mutateText(text, rng);
    const [suite] = parseSuites(damaged, "x");
    const settings = resolveSettings(suite!.settings);
    const methods = suite!.methods.map((spec) => createMethod(spec).options);
    return JSON.stringify({ ...suite, settings, methods }).length;
  }, SENTENCE);
});

Deno.test("parseRecipe() reads or refuses 10,000 damaged recipes", async () => {
  const text = await Deno.readTextFile(new URL("./recipes/procedural.json", import.meta.url));
  const recipe: unknown = JSON.parse(text);
  await fuzz("recipe", 2 * text.length, (rng) => {
    const damaged = rng.integer(3) ? JSON.stringify(mutateJson(recipe, rng)) : mutateText(text, rng);
    return JSON.stringify(parseRecipe(damaged, "x")).length;
  }, SENTENCE);
});

Deno.test("resolveSuite() takes or refuses 10,000 damaged flags", async () => {
  const flags = {
    methods: "ham:keep=0.5,groupRank=16,naive",
    tasks: "5,10",
    seeds: "0,1",
    trainSeed: "3",
    limitPerClass: "20",
    epochs: "2",
  };
  const settings = ["rank=4", "targets=q+v", "learningRate=1e-3", "head=ncm"];
  await fuzz("flags", 10_000, async (rng) => {
    const entries = Object.entries(flags);
    const victim = rng.integer(entries.length + settings.length);
    const damaged = Object.fromEntries(
      entries.map(([flag, text], i) => [flag, i === victim ? mutateText(text, rng) : text]),
    );
    const set = settings.map((text, i) => i === victim - entries.length ? mutateText(text, rng) : text);
    const suite = await resolveSuite({ suite: "smoke", ...damaged, set });
    suite.methods.forEach((spec) => createMethod(spec));
    return JSON.stringify({ ...suite, settings: resolveSettings(suite.settings) }).length;
  }, SENTENCE);
});
