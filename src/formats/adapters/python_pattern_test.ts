import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { mutateText, MUTATIONS } from "../../core/test_fuzz.ts";
import { compilePython } from "./python_pattern.ts";

interface Expected {
  readonly names: readonly string[];
  /** Whether each name matches; null for a pattern that does not compile. */
  readonly patterns: Readonly<Record<string, readonly boolean[] | null>>;
}

/** Right in Python, and refused here by name. */
const LEFT_OUT = /\(\?x|\\N\{/;

Deno.test("compilePython() finds what Python finds, and refuses what Python does not compile", async () => {
  const path = new URL("../../../fixtures/interop/python_patterns.json", import.meta.url);
  const { names, patterns } = JSON.parse(await Deno.readTextFile(path)) as Expected;
  for (const [pattern, expected] of Object.entries(patterns)) {
    let found: readonly boolean[] | null;
    try {
      const compiled = compilePython(`(.*\\.)?(${pattern})$`);
      found = names.map((name) => compiled.match(name, { left: 1e6 }));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      found = null;
    }
    // Python 3.14 reads \z as \Z.
    if (LEFT_OUT.test(pattern)) assert.equal(found, null, pattern);
    else if (!pattern.includes("\\z")) assert.deepEqual(found, expected, pattern);
  }
});

Deno.test("compilePython() names what it refuses", () => {
  const refusals: readonly (readonly [pattern: string, what: RegExp])[] = [
    ["(?i)a|b", /the flags \(\?i\) in the midst/],
    ["(?x:a b)", /the flag x/],
    ["(?<n>a)", /\(\?</],
    ["a\\q", /\\q/],
    ["a**", /a repeated repeat/],
    ["(?<=a+)b", /a look-behind of no fixed width/],
    ["(a", /a group without end/],
  ];
  for (const [pattern, what] of refusals) {
    assert.throws(
      () => compilePython(`(.*\\.)?(${pattern})$`),
      { name: "SyntaxError", message: what },
      pattern,
    );
  }
});

Deno.test("compilePython() of damaged patterns matches, refuses or gives up", () => {
  const rng = createRng(1, "python patterns");
  const sound = [
    "(?P<x>a|b)+?[^]a-c]{,2}\\Z",
    "(?<=a.)(?!b)(?:\\w|\\d)*+(?(1)x|y)",
    "(?i:layers)\\.(\\d+)\\.\\1",
  ];
  const name = "vit.layers.1.1.attention.q_proj";
  let compiled = 0, refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const pattern = mutateText(sound[rng.integer(sound.length)]!, rng);
    const budget = { left: 2e4 };
    try {
      compilePython(`(.*\\.)?(${pattern})$`).match(name, budget);
      compiled++;
    } catch (error) {
      assert.ok(
        error instanceof SyntaxError || (error instanceof RangeError && budget.left < 0),
        `${pattern}: ${error}`,
      );
      refused++;
    }
  }
  assert.ok(compiled > MUTATIONS / 10 && refused > MUTATIONS / 100, `${compiled}, ${refused}`);
});

Deno.test("compilePython() gives up by a count of steps, not by a clock", () => {
  const budget = { left: 1e5 };
  const pattern = compilePython("(a+)+b");
  assert.ok(pattern.match(`${"a".repeat(20)}b`, budget));
  assert.throws(() => pattern.match("a".repeat(40), budget), RangeError);
  assert.ok(budget.left < 0);
  // Long names do not exhaust the stack.
  assert.ok(compilePython("(.*\\.)?(.*x)$").match(`${"a.".repeat(240)}x`, { left: 1e7 }));
});
