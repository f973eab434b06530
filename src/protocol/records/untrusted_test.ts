import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { inFolder } from "../../core/test_folder.ts";
import { readRecordFile } from "./file.ts";
import { checkNames, MAX_DEPTH, MAX_LINE_LENGTH, MAX_RECORD_BYTES } from "./limits.ts";
import { parseRecord } from "./parse.ts";
import { cellWith, recordOf, textOf } from "./test_records.ts";

const matrix = [[0.9], [0.5, 0.6]];
const good = textOf(recordOf({ method: "ham", matrix }));

/** What a reader says, on one line that prints. */
function refusal(text: string): string {
  try {
    parseRecord(text, "x.jsonl");
  } catch (error) {
    assert.ok(error instanceof InputError, String(error));
    assert.ok(error.message.length < 600, `${error.message.length} characters`);
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}\p{Cs}]/u);
    return error.message;
  }
  throw new assert.AssertionError({ message: "it was read" });
}

Deno.test("names that are markup, paths or commands for the terminal are refused", () => {
  for (
    const method of [
      "<script>alert(1)</script>",
      "../../etc/passwd",
      "a/b",
      "a\\b",
      "",
      " ham",
      "ham\u001b[2J",
      "ham\nwin",
      "ha\u202emah",
      "__proto__",
      "x".repeat(201),
    ]
  ) {
    assert.match(refusal(textOf(recordOf({ method, matrix }))), /line 1: cell\.method: /, method);
    assert.throws(() => checkNames(cellWith({ method, matrix })), InputError);
  }
  const { dataset, backbone } = cellWith({ method: "ham", matrix });
  for (const bad of ["a\u001b[31m", "a\u0007", "a\r", "a\u2028b", "\u202ea", "", "x".repeat(201)]) {
    const named = recordOf({ method: "ham", matrix, cell: { dataset: { ...dataset, name: bad } } });
    assert.match(refusal(textOf(named)), /line 1: cell\.dataset\.name: /);
    const built = recordOf({ method: "ham", matrix, cell: { backbone: { ...backbone, id: bad } } });
    assert.match(refusal(textOf(built)), /line 1: cell\.backbone\.id: /);
    assert.throws(() => checkNames({ method: "ham", dataset: { name: bad }, backbone }), InputError);
  }
});

Deno.test("markup in a data set's name is text like any other", () => {
  const { dataset } = cellWith({ method: "ham", matrix });
  const name = '<img src=x onerror="alert(1)"> & ../..';
  const record = recordOf({ method: "ham", matrix, cell: { dataset: { ...dataset, name } } });
  assert.equal(parseRecord(textOf(record), "x").start.cell.dataset.name, name);
});

Deno.test("keys that mean something to the language are refused wherever they are", () => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    for (
      const place of [
        '"facts":{}',
        '"options":{}',
        '"details":{"version":"1"}',
        '"environment":{"device":"test"}',
      ]
    ) {
      assert.ok(good.includes(place));
      const text = good.replace(place, place.replace(/\{.*/, `{"a":[{"${key}":{"polluted":1}}]}`));
      assert.match(refusal(text), new RegExp(`line \\d: found the key ${key}, wanted none of that name$`));
    }
    assert.match(refusal(good.replace("{", `{"${key}":1,`)), new RegExp(`found the key ${key}`));
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

Deno.test("depth is refused before anything recurses into it", () => {
  for (const depth of [MAX_DEPTH, 1000, 1_000_000]) {
    const bomb = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    assert.match(
      refusal(good.replace('"facts":{}', `"facts":{"a":${bomb}}`)),
      /found more than 32 arrays and objects/,
    );
    assert.match(refusal(`${bomb}\n`), /line 1: /);
  }
  const objects = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  assert.match(refusal(`${objects}\n`), /found more than 32/);
  assert.match(refusal(`${"[".repeat(1_000_000)}\n`), /found no JSON/);
});

Deno.test("numbers that are none are refused", () => {
  for (
    const number of [
      "NaN",
      "Infinity",
      "-Infinity",
      '"NaN"',
      "1e999",
      "-1e999",
      "null",
      "1e20",
      "1.5",
      "-1",
      "0x1",
    ]
  ) {
    const text = good.replace('"classIncremental":[40,', `"classIncremental":[${number},`);
    assert.notEqual(text, good);
    assert.match(refusal(text), /line 3: (found no JSON|.*classIncremental)/, number);
    if (!/^[-\d.]+$/.test(number) && number !== "1e20") {
      assert.match(
        refusal(good.replace('"evaluate":4', `"evaluate":${number}`)),
        /line 2: (found no JSON|.*seconds)/,
      );
    }
  }
});

Deno.test("more than a record can have is refused: tasks, classes, images, long texts and lines", () => {
  assert.match(refusal(good.replace('"tasks":2', '"tasks":1000000000')), /cell\.tasks/);
  assert.match(refusal(good.replace('"classes":8', '"classes":1000000000')), /cell\.dataset\.classes/);
  assert.match(refusal(good.replace('"train":80', '"train":1e300')), /cell\.dataset\.train/);
  assert.match(
    refusal(good.replace('"device":"test"', `"device":"${"x".repeat(10_001)}"`)),
    /found a text of 10001 characters/,
  );
  assert.match(
    refusal(`${" ".repeat(MAX_LINE_LENGTH)}1\n`),
    /found 4194305 characters, wanted at most 4194304$/,
  );
  const wrong = Array.from({ length: 100_000 }, () => -1);
  assert.match(refusal(good.replace('"classes":[0,1]', `"classes":[${wrong}]`)), /line 2: classes/);
});

Deno.test("foreign text in errors is shown and not obeyed", () => {
  const key = "\\u001b]0;title\\u0007\\n\\u202e";
  assert.match(
    refusal(good.replace('"facts":{}', `"facts":{},"${key}":1`)),
    /\\u\{1b\}\]0;title\\u\{7\}\\u\{a\}\\u\{202e\}/,
  );
  assert.throws(
    () => parseRecord("{\n", "a\u001b[2J.jsonl"),
    /^InputError: Cannot read record a\\u\{1b\}\[2J\.jsonl, line 1: found no JSON$/,
  );
});

Deno.test("readRecordFile() refuses by size, kind and encoding before it makes anything of a file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.jsonl`;
    const refused = (message: RegExp) =>
      assert.rejects(
        () => readRecordFile(path),
        (error) => error instanceof InputError && message.test(error.message),
      );
    await Deno.writeTextFile(path, good);
    assert.equal(await readRecordFile(path), good);
    // 100 MB that take no place on the disk.
    await Deno.truncate(path, 100_000_000);
    await refused(/found 100000000 bytes, wanted at most 67108864$/);
    assert.ok(MAX_RECORD_BYTES < 100_000_000);
    await Deno.remove(path);
    await Deno.mkdir(path);
    await refused(/found something else, wanted a file$/);
    await Deno.remove(path);
    await Deno.symlink("/dev/zero", path);
    await refused(/found something else, wanted a file$/);
    await Deno.remove(path);
    assert.equal((await new Deno.Command("mkfifo", { args: [path] }).output()).code, 0);
    await refused(/found something else, wanted a file$/);
    await Deno.remove(path);
    await Deno.writeFile(path, Uint8Array.of(0x7b, 0xff, 0x0a));
    await refused(/found bytes that are no UTF-8, wanted JSON lines$/);
    await Deno.remove(path);
    await assert.rejects(() => readRecordFile(path), Deno.errors.NotFound);
  }));

Deno.test("a record of two hundred tasks with long facts is within all bounds", () => {
  const rows = Array.from({ length: 200 }, (_, i) => Array.from({ length: i + 1 }, () => 0.5));
  const record = recordOf({ method: "ham", matrix: rows });
  const facts = { similarities: rows };
  assert.ok(JSON.stringify(facts).length > 80_000);
  assert.deepEqual(parseRecord(textOf(record), "x"), record);
  const wide = textOf(record).replace('"facts":{}', `"facts":${JSON.stringify(facts)}`);
  assert.match(refusal(wide), /line 2: the hash does not fit/);
});
