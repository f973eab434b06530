/** The list of methods as a user meets it, and METHODS.md as it is written. */
import assert from "node:assert/strict";
import { methods } from "../../src/methods/mod.ts";
import { runCommand } from "../cli.ts";
import { methodsCommand, methodsPage } from "./methods.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await runCommand(methodsCommand, args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { code, out, err };
}

Deno.test("METHODS.md is what the methods' cards say", async () => {
  const written = await Deno.readTextFile(new URL("../../METHODS.md", import.meta.url));
  assert.equal(written, methodsPage(), "write it again: deno task methods --markdown > METHODS.md");
});

Deno.test("methods lists every method under its family", async () => {
  const { code, out } = await run();
  assert.equal(code, 0);
  for (const { name, summary } of Object.values(methods)) {
    assert.ok(out.includes(name) && out.includes(summary), name);
  }
});

Deno.test("methods NAME prints options with defaults and ranges", async () => {
  const { code, out } = await run("ewc", "ham");
  assert.equal(code, 0);
  assert.match(out, /lambda\s*│ 1000\s*│ number from 0/);
  assert.match(out, /Family: hierarchy/);
  const { out: json } = await run("ewc", "--json");
  assert.equal(JSON.parse(json)[0].options[0].default, 1000);
});

Deno.test("methods refuses a name that there is not", async () => {
  const { code, err } = await run("hamm");
  assert.equal(code, 2);
  assert.match(err, /found "hamm", wanted one of .*ham/);
});

Deno.test("cards name the paper and no two methods do the same", () => {
  const cards = Object.entries(methods);
  for (const [key, { name, summary, source, keeps }] of cards) {
    assert.equal(name, key);
    for (const text of [summary, source, keeps]) {
      assert.ok(text.length > 3 && !text.endsWith("."), `${name}: ${text}`);
    }
  }
  assert.equal(new Set(cards.map(([, { summary }]) => summary)).size, cards.length);
});
