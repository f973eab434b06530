import assert from "node:assert/strict";
import { createMethod, methods } from "../../src/methods/mod.ts";
import { resolveSettings } from "../../src/protocol/mod.ts";
import { parseSetting } from "../grid/settings.ts";
import { optionsOf, readRanges, resolvedKey, specOf } from "./ranges.ts";
import { trialsOf } from "./trials.ts";

Deno.test("every value that is declared for a method is one of its option's", async () => {
  const { methods: declared } = await readRanges();
  for (const [name, ranges] of Object.entries(declared)) {
    assert.ok(Object.hasOwn(methods, name), name);
    for (const [option, values] of Object.entries(ranges)) {
      assert.ok(new Set(values).size === values.length && values.length > 1, `${name} ${option}`);
      for (const value of values) createMethod(specOf(name, optionsOf({ [option]: value })));
    }
  }
});

Deno.test("every value that is declared for the shared settings is one of them, the defaults among them", async () => {
  const { shared } = await readRanges();
  const defaults = new Map(Object.entries(resolveSettings()));
  for (const [key, values] of Object.entries(shared)) {
    const found = values.map((value) => {
      const [name, parsed] = parseSetting(`${key}=${value}`);
      return JSON.stringify(new Map(Object.entries(resolveSettings({ [name]: parsed }))).get(key));
    });
    assert.ok(found.includes(JSON.stringify(defaults.get(key))), key);
  }
});

Deno.test("specOf() spells what createMethod() reads", () => {
  assert.equal(specOf("naive", {}), "naive");
  const spec = specOf("ham", optionsOf({ keep: 0.3, start: "fresh", tau: null, balance: false }));
  assert.equal(spec, "ham:keep=0.3,start=fresh,balance=false");
  const { options } = createMethod(spec);
  assert.deepEqual([options["keep"], options["start"], options["balance"]], [0.3, "fresh", false]);
});

Deno.test("a search in all that is declared fills its budget with combinations that methods take", async () => {
  const { methods: declared } = await readRanges();
  for (const [name, ranges] of Object.entries(declared)) {
    for (const choice of trialsOf(ranges, 12, 0, (choice) => resolvedKey(name, choice))) {
      createMethod(specOf(name, optionsOf(choice)));
    }
  }
});
