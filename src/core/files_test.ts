import assert from "node:assert/strict";
import { replaceFile } from "./files.ts";
import { filesIn, inFolder } from "./test_folder.ts";

Deno.test("replaceFile() leaves the old file and nothing else if it fails", () =>
  inFolder(async (folder) => {
    // A folder cannot be replaced by a file.
    await Deno.mkdir(`${folder}/old/content`, { recursive: true });
    await assert.rejects(replaceFile(`${folder}/old`, "new"));
    await assert.rejects(replaceFile(`${folder}/missing/file`, "new"), Deno.errors.NotFound);
    assert.deepEqual(await filesIn(folder), []);
    assert.ok((await Deno.stat(`${folder}/old/content`)).isDirectory);
  }));

Deno.test("replaceFile() does not wait for what a killed run left", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/x.tmp`, "a longer text, cut off");
    await replaceFile(`${folder}/x`, "new");
    assert.equal(await Deno.readTextFile(`${folder}/x`), "new");
    assert.deepEqual(await filesIn(folder), ["x"]);
  }));

Deno.test("replaceFile() writes parts one after another", () =>
  inFolder(async (folder) => {
    await replaceFile(`${folder}/x`, [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)]);
    assert.deepEqual(await Deno.readFile(`${folder}/x`), Uint8Array.of(1, 2, 3));
  }));

Deno.test("replaceFile() lets many writers of one file take turns", () =>
  inFolder(async (folder) => {
    const contents = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(1000 + 100 * i));
    await Promise.all(contents.map((content) => replaceFile(`${folder}/x`, content)));
    assert.ok(contents.includes(await Deno.readTextFile(`${folder}/x`)));
    assert.deepEqual(await filesIn(folder), ["x"]);
  }));
