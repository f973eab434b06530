import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { parseHTML } from "linkedom";
import { type Board, figureNames, type RunDetail } from "../../src/protocol/mod.ts";
import { formatValue, metrics, type Unit } from "./charts/metrics.ts";
import { isPlainAddress, renderPage, renderPlots } from "./mod.ts";
import { packPayload, type Payload, type SectionRest, visible } from "./payload.ts";
import { familyBoard, hostileName, smallBoard } from "./test_boards.ts";

const { board, details } = smallBoard();

function unpacked<T>(html: string, id: string): T {
  return JSON.parse(inflated(parseHTML(html).document.getElementById(id)!.textContent!));
}

function inflated(text: string): string {
  return new TextDecoder().decode(inflateRawSync(Buffer.from(text, "base64")));
}

Deno.test("a page carries its board, and allows its own scripts and styles alone", () => {
  const html = renderPage(board, details, { hrefOf: (path) => path });
  const { document } = parseHTML(html);
  const policy = document.querySelector("meta[http-equiv='Content-Security-Policy']")!.getAttribute(
    "content",
  )!;
  assert.match(policy, /^default-src 'none'; script-src 'sha256-/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const scripts = [...document.querySelectorAll("script:not([type])")].map(({ textContent }) => textContent!);
  assert.equal(scripts.length, 5);
  for (const script of scripts) assert.ok(policy.includes(hashOf(script)));
  assert.ok(policy.includes(hashOf(document.querySelector("style")!.textContent!)));
  assert.deepEqual([...document.querySelectorAll("[src], [onerror], [onload], link[href^=http]")].length, 0);

  const payload = unpacked<Payload>(html, "board");
  const rest = unpacked<SectionRest>(html, "section-0");
  assert.equal(payload.records, board.sections.reduce((sum, { runs }) => sum + runs.length, 0));
  assert.deepEqual(rest.runs.map(({ name }) => name), board.sections[0]!.runs.map(({ name }) => name));
  const ham = payload.board.sections[0]!.entries.find(({ method }) => method === "ham")!;
  const given = board.sections[0]!.entries.find(({ method }) => method === "ham")!;
  assert.ok(Math.abs(ham.figures.pooled!.mean - given.figures.pooled!.mean) < 1e-5);
  assert.deepEqual(payload.packs.flat().length, details.length);
});

Deno.test("a page without code says what the records decide", () => {
  const { document } = parseHTML(renderPage(board, []));
  const words = document.getElementById("app")!.textContent!;
  for (const text of board.sections.flatMap(({ verdict }) => verdict)) {
    assert.ok(words.includes(visible(text)));
  }
});

Deno.test("equal boards give equal pages", () => {
  assert.equal(renderPage(board, details), renderPage(structuredClone(board), structuredClone(details)));
});

Deno.test("text of records is never markup, and its marks that turn or hide text are written out", () => {
  const section = { ...board.sections[0]!, description: hostileName, verdict: [hostileName] };
  const html = renderPage({ ...board, sections: [section] }, []);
  assert.ok(!html.includes("<img"));
  assert.ok(!html.includes("\u202e") && !html.includes("\u0000"));
  assert.ok(html.includes("&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"));
  assert.equal(visible("a\u202eb\u200b\u0007\ud800ü"), "a\\u{202e}b\\u{200b}\\u{7}\\u{d800}ü");
});

Deno.test("an address is relative and plain, or is none", () => {
  for (const href of ["records/a.jsonl", "../runs/x-1/a%20b.jsonl", "./a", "ham_T10=1.jsonl"]) {
    assert.ok(isPlainAddress(href), href);
  }
  const bad = [
    "javascript:alert(1)",
    "//host/a",
    "/etc/passwd",
    "http://a",
    "a b",
    'a"b',
    "a?b",
    "a#b",
    "a\\b",
    "",
    "x//y",
  ];
  for (const href of bad) assert.ok(!isPlainAddress(href), href);
  const html = renderPage(board, [], { hrefOf: () => "javascript:alert(1)" });
  for (const run of unpacked<SectionRest>(html, "section-0").runs) assert.ok(!("href" in run));
});

Deno.test("details that do not fit are left out and counted, the protagonist's last", () => {
  const sizeOf = (packed: ReadonlyMap<string, string>) =>
    [...packed.values()].reduce((sum, { length }) => sum + length, 0);
  const [none, all] = [sizeOf(packPayload(board, [], 0)), sizeOf(packPayload(board, details, Infinity))];
  const packed = packPayload(board, details, (none + all) / 2);
  const { packs, omitted }: Payload = JSON.parse(inflated(packed.get("board")!));
  assert.ok(omitted > 0 && packs.length > 0);
  assert.equal(packs.flat().length + omitted, details.length);
  assert.equal([...packed.keys()].filter((id) => id.startsWith("pack-")).length, packs.length);
  assert.ok(packs.flat().slice(0, 30).every((name) => name.startsWith("ham-")));
});

Deno.test("facts that are not of groups are left out of a page", () => {
  const facts = [{ secret: "x".repeat(10) }, { members: [[0], [1]], similarity: [0.5], other: 1 }];
  const detail: RunDetail = { ...details[0]!, facts };
  const [pack] = unpacked<RunDetail[]>(renderPage(board, [detail]), "pack-0");
  assert.deepEqual(pack!.facts, [null, { members: [[0], [1]], similarity: [0.5], threshold: null }]);
});

Deno.test("a page carries the families of tasks, and says what the backbone has seen", () => {
  const { board, details } = familyBoard();
  const html = renderPage(board, details);
  const [ham] = unpacked<RunDetail[]>(html, "pack-0");
  assert.deepEqual(ham!.families, details[0]!.families!.map((own) => own.map(visible)));
  assert.equal(ham!.facts.length, 6);
  assert.ok(!html.includes("<img"));
  const words = parseHTML(html).document.getElementById("app")!.textContent!;
  assert.match(
    words,
    /The backbone has seen this data: 8 of 8 classes in training on cloth \(known by name\)/,
  );
  assert.ok(
    !("families" in
      unpacked<RunDetail[]>(renderPage(smallBoard().board, smallBoard().details), "pack-0")[0]!),
  );
});

Deno.test("every figure of a board is a metric of the page", () => {
  const names = metrics.map(({ name }) => name);
  assert.deepEqual(names.toSorted(), [...figureNames, "gapClosed"].toSorted());
  assert.deepEqual(
    [["index", -0.004], ["index", 1], ["mean", 2], ["mean", 2.5], ["change", -0.0012], ["change", 0]].map((
      [unit, value],
    ) => formatValue(value as number, unit as Unit)),
    ["0.00", "1.00", "2", "2.5", "−0.12", "0.00"],
  );
});

Deno.test("pictures are SVG on white in plain colours, one of each kind for every section", () => {
  const plots = renderPlots(board);
  const kinds = ["growth", "gap", "lead", "cost-keptBytes", "cost-seconds", "cost-flopPerTestImage"];
  const [first] = board.sections;
  for (const kind of kinds) assert.ok(`${kind}-${first!.id}.svg` in plots, kind);
  for (const [name, svg] of Object.entries(plots)) {
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/, name);
    assert.doesNotMatch(svg, /NaN|undefined|var\(|<script|<img|currentColor"[^>]*currentColor\(/, name);
    assert.ok(svg.includes('fill="#ffffff"'), name);
    // Well-formed, with the section's words as a title.
    const { document } = parseHTML(svg);
    assert.ok(document.querySelector("title")!.textContent!.includes(first!.description.slice(0, 10)), name);
  }
  assert.ok(plots[`growth-${first!.id}.svg`]!.includes(">ranpac<"));
});

Deno.test("a board without records gives a page and no pictures", () => {
  const empty: Board = { edition: 2, protagonist: "ham", margin: 0.01, sections: [], problems: [] };
  assert.ok(renderPage(empty, []).startsWith("<!doctype html>"));
  assert.deepEqual(renderPlots(empty), {});
});
