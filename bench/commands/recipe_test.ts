import assert from "node:assert/strict";
import { InputError } from "../../src/core/mod.ts";
import { parseRecipe } from "./recipe.ts";

const text = await Deno.readTextFile(new URL("../recipes/procedural.json", import.meta.url));

Deno.test("parseRecipe() refuses parts that do not fit each other", () => {
  const recipe = parseRecipe(text, "x");
  const { config, pixels } = recipe;
  const refuse = (parts: object, message: RegExp) =>
    assert.throws(
      () => parseRecipe(JSON.stringify({ ...recipe, ...parts }), "x"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  refuse({ config: { ...config, patch: config.image - 1 } }, /Cannot use recipe x: .*whole patches/);
  refuse({ config: { ...config, heads: config.width + 1 } }, /a divisor of width/);
  refuse({ pixels: { ...pixels, mean: [0] } }, /1 and 3 pixel means and deviations, wanted 3/);
});
