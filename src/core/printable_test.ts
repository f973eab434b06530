import assert from "node:assert/strict";
import { printable, printableJson, printableLines } from "./printable.ts";

Deno.test("printable() leaves what people write, in any script", () => {
  for (const text of ["", "ham(keep=0.5)", "<script>", "Größe, 画像, صورة, 🙂", "a\\b"]) {
    assert.equal(printable(text), text);
  }
});

Deno.test("printable() shows what a terminal would obey, and half characters", () => {
  assert.equal(printable("\u001b[2J\u0007a\nb\r\u009bc"), "\\u{1b}[2J\\u{7}a\\u{a}b\\u{d}\\u{9b}c");
  assert.equal(printable("a\u202eb\u2066c\u2028d\u200b"), "a\\u{202e}b\\u{2066}c\\u{2028}d\\u{200b}");
  assert.equal(printable("\ud800x\udc00"), "\\u{d800}x\\u{dc00}");
  assert.ok(printable("\ud800").isWellFormed());
});

Deno.test("printable() cuts what is too long, wherever the cut falls", () => {
  assert.equal(printable("x".repeat(1000)).length, 301);
  assert.equal(printable("abc", 2), "ab…");
  assert.ok(printable("🙂🙂", 3).isWellFormed());
});

Deno.test("printableLines() keeps lines and tabs only", () => {
  assert.equal(printableLines("a\n\tb\u001b[0m\r"), "a\n\tb\\u{1b}[0m\\u{d}");
});

Deno.test("printableJson() is the value's JSON, and prints", () => {
  const value = { "a\u202e": ["\u001b[0m", "\u009b", "\ud800", "\u{e0001}", "🙂 <é>"] };
  const text = printableJson(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.doesNotMatch(text, /[[\p{Cc}\p{Cf}\p{Cs}]--[\n]]/v);
  assert.match(text, /🙂 <é>/);
});
