import assert from "node:assert/strict";
import { DOMParser } from "linkedom";
import { methods } from "../../src/methods/mod.ts";
import { recordOf } from "../../src/protocol/records/test_records.ts";
import { callCommand, exists, inFolder, writeSuite } from "../test_kit.ts";
import { explain } from "../report/explain.ts";
import { reportHtml, reportMarkdown } from "../report/document.ts";
import { reportText, wrap } from "../report/text.ts";
import { report } from "./report.ts";
import { recordsIn, run } from "./test_bench.ts";

const call = (...args: string[]) => callCommand(report, args);

/** A run of HAM over four tasks, and of the bound. */
async function writeRuns(folder: string): Promise<string> {
  const suite = await writeSuite(folder, { methods: ["ham", "joint"], tasks: [4] });
  assert.equal((await run("--suite", suite, "--out", `${folder}/out`)).code, 0);
  return `${folder}/out`;
}

Deno.test("report explains a run in words, tables and plots, from a folder, a name or a record", () =>
  inFolder(async (folder) => {
    const out = await writeRuns(folder);
    const records = await recordsIn(out);
    const [name, record] = [...records].find(([name]) => name.startsWith("ham"))!;
    const { code, out: text, err } = await call(out, "ham");
    assert.deepEqual([code, err], [0, ""]);
    assert.equal((await call(`${out}/records/${name}`)).out, text);
    assert.match(text, /^ham, 4 tasks, seed 0: finished\n/);
    assert.ok(text.includes(methods.ham.summary));
    const titles = [
      "What was run",
      "Accuracy over time",
      "Forgetting",
      "Where images went",
      "Costs",
      "Groups of tasks",
    ];
    assert.deepEqual([...text.matchAll(/^(.+)\n─+$/mg)].map(([, title]) => title), titles);
    const right = record.tasks.at(-1)!.evaluation!.classIncremental.reduce((sum, value) => sum + value);
    assert.ok(
      text.includes(`${(100 * right / 12).toFixed(1)} % of 12 test images of 4 classes were answered right`),
    );
    assert.match(text, /guessing gives\s25\.0 %/);
    // A bar for each task but the last, another for each, and a row for each.
    assert.equal(text.match(/^ +[1-4] +[−\d.]+ [█░]*$/mg)?.length, 3 + 4);
    assert.equal(text.match(/^│ [1-4] +│ 1 +│/mg)?.length, 4);
    assert.ok(text.split("\n").every((line) => line.length <= 110));
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /\x1b/);
    // Scored in the end only: nothing is made up.
    const { out: bound } = await call(out, "joint");
    assert.match(bound, /There is no forgetting to tell of/);
    assert.doesNotMatch(bound, /Groups of tasks|NaN|undefined/);

    const several = await call(out);
    assert.equal(several.code, 2);
    assert.match(several.out, /│ ham-T4-s0-\w+ +│ ham +│ 4 +│ 0 +│ done │ \d/);
    assert.match(several.err, /^Several runs are meant; name one: deno task report \S+ ham-T4-s0-\w+\n$/);
  }));

Deno.test("explain() holds groups against families where a stream has them, and says what the backbone has seen", () => {
  const record = recordOf({
    method: "ham",
    matrix: [[0.5], [0.5, 0.5], [0.5, 0.5, 0.5]],
    families: [["wool"], ["silk", "linen"], ["wool"]],
    facts: [{ members: [[0]] }, { members: [[0], [1]] }, { members: [[0, 2], [1]] }],
    source: { overlap: [{ trainedOn: "cloth", by: "name", classes: 6 }] },
    cell: { stream: "recurring" },
  });
  const text = reportText(explain(record), 110).replaceAll(/\s+/g, " ");
  assert.match(text, /dealt out, a stream "recurring"\. Order of classes/);
  assert.match(text, /has seen 6 of these classes in training on cloth \(known by name\)/);
  assert.match(text, /their adjusted Rand index is 1\.00: 1 if the groups are the families/);
  assert.match(text, /│ 1 │ 1, 3 │ wool │/);
  assert.match(text, /│ 2 │ silk, linen │ group 2 │ new │/);
  const plain = reportText(
    explain(recordOf({ method: "ham", matrix: [[0.5]], facts: [{ members: [[0]] }] })),
    110,
  );
  assert.match(plain, /Groups of tasks/);
  assert.doesNotMatch(plain, /famil|Rand|has seen|a stream/);
});

Deno.test("report writes a page that holds nothing foreign, and Markdown with its plots", () =>
  inFolder(async (folder) => {
    const out = await writeRuns(folder);
    assert.equal((await call(out, "ham", "--out", `${folder}/run.html`)).code, 0);
    const page = await Deno.readTextFile(`${folder}/run.html`);
    const document = new DOMParser().parseFromString(page, "text/html");
    assert.equal(document.querySelectorAll("svg[role=img]").length, 3);
    assert.equal(document.querySelectorAll("script, link, img, iframe").length, 0);
    assert.match(page, /http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;/);
    const { code, out: said } = await call(out, "ham", "--out", `${folder}/run.md`);
    assert.equal(code, 0);
    const shown = [...(await Deno.readTextFile(`${folder}/run.md`)).matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)];
    assert.equal(shown.length, 3);
    for (const [, file] of shown) {
      assert.ok(said.includes(`${folder}/${file}`));
      assert.match(await Deno.readTextFile(`${folder}/${file}`), /^<svg [^>]*xmlns=/);
    }
  }));

Deno.test("what a record says is shown as text, whatever it is", () =>
  inFolder(async (folder) => {
    const out = await writeRuns(folder);
    const [record] = (await recordsIn(out)).values();
    const evil = "<script>alert(1)</script>\x1b[2J\u202e|**";
    const { cell, environment } = record!.start;
    const start = {
      ...record!.start,
      cell: { ...cell, method: evil, options: { [evil]: evil }, dataset: { ...cell.dataset, name: evil } },
      environment: { ...environment, device: evil },
    };
    const told = explain({ ...record!, start });
    const [text, html] = [reportText(told, 100), reportHtml(told)];
    const [markdown] = Object.values(reportMarkdown(told, "x.md"));
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text + html + markdown, /\x1b|\u202e/);
    assert.doesNotMatch(html, /<script/);
    assert.doesNotMatch(markdown!, /[^\\]<script/);
    assert.match(html, /&lt;script&gt;/);
  }));

Deno.test("report answers wrong input with one sentence and code 2, and writes nothing", () =>
  inFolder(async (folder) => {
    const out = await writeRuns(folder);
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, out: printed, err } = await call(...args);
      assert.deepEqual([code, printed], [2, ""], err);
      assert.match(err, wanted);
      assert.match(err, /^Cannot [^\n]*[^.\n]\.\n$/);
    };
    await refused(/there is no such file or folder/, `${folder}/none`);
    await refused(/no run whose name begins so among 2 in .*, wanted a name such as ham-T4/, out, "hamm");
    await refused(/found no records in it/, `${out}/claims`);
    await refused(/wanted a name that ends in \.html or \.md/, out, "ham", "--out", `${folder}/run.pdf`);
    await refused(/Cannot write .*: /, out, "ham", "--out", `${folder}/none/run.html`);
    await Deno.writeTextFile(`${folder}/bad.jsonl`, "nonsense\n");
    await refused(/bad\.jsonl/, `${folder}/bad.jsonl`);
    assert.equal(await exists(`${folder}/run.pdf`), false);
  }));

Deno.test("a plot of letters shows what is there: gaps are bridged, a flat line is flat, one value is a number", () => {
  const drawn = (...values: (number | null)[]) =>
    reportText({
      title: "r",
      chapters: [{
        title: "c",
        parts: [{ kind: "lines", title: "p", x: "task", y: "%", lines: [{ name: "l", values }] }],
      }],
    }, 80);
  assert.match(drawn(null, null, 0.5), /^l, %: 50\.0 task 3$/m);
  const gaps = drawn(null, 0.9, null, 0.1);
  assert.match(gaps, /^ +90\.0 /m);
  assert.match(gaps, /^ +10\.0 /m);
  assert.match(gaps, /^ {8}2 +4 {2}task$/m);
  assert.equal(drawn(0.5, 0.5).match(/^ +50\.0 /mg)?.length, 1);
  assert.doesNotMatch(drawn(0, 1, null) + gaps + drawn(0.5, 0.5), /NaN|Infinity/);
});

Deno.test("wrap() breaks at blanks and leaves long words whole", () => {
  assert.equal(wrap("one two three", 7), "one two\nthree");
  assert.equal(wrap("incomprehensible so", 5), "incomprehensible\nso");
});
