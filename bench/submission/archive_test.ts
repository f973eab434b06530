import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { packTar, type TarHeader } from "modern-tar";
import { InputError } from "../../src/core/mod.ts";
import { inFolder } from "../test_kit.ts";
import { archiveLimits, MANIFEST, packFiles, unpackFiles } from "./archive.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("packFiles() gives equal bytes for equal files, and unpackFiles() the files back", async () => {
  const files = new Map([["records/ham-T2-s0-0123.jsonl", bytes("{}\n")], [MANIFEST, bytes("{}")]]);
  const packed = await packFiles(files);
  assert.deepEqual(packed, await packFiles(new Map([...files].reverse())));
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/x.tar.gz`, packed);
    assert.deepEqual(new Map(await unpackFiles(`${folder}/x.tar.gz`)), new Map([...files].reverse()));
  });
});

type Entry = Partial<TarHeader> & { readonly name: string; readonly text?: string };

async function archive(entries: readonly Entry[]): Promise<Uint8Array> {
  const tar = await packTar(entries.map(({ text = "", ...header }) => ({
    header: { size: bytes(text).length, ...header },
    body: bytes(text),
  })));
  return gzipSync(tar);
}

const manifest: Entry = { name: MANIFEST, text: "{}" };

Deno.test("unpackFiles() refuses what no submission has", async () => {
  const hostile: readonly (readonly [string, Uint8Array | readonly Entry[], RegExp])[] = [
    ["a path out", [manifest, { name: "../../etc/cron.d/x", text: "x" }], /a file named \.\.\/\.\.\/etc/],
    [
      "a path out of the records",
      [manifest, { name: "records/../../x.jsonl" }],
      /a file named records\/\.\.\//,
    ],
    ["an absolute path", [manifest, { name: "/etc/passwd", text: "x" }], /wanted submission\.json and/],
    ["a backslash", [manifest, { name: "records/..\\x.jsonl", text: "x" }], /a file named/],
    ["a hidden file", [manifest, { name: "records/.x.jsonl", text: "x" }], /a file named/],
    ["a folder in the records", [manifest, { name: "records/a/x.jsonl", text: "x" }], /a file named/],
    ["another file", [manifest, { name: "run.sh", text: "x" }], /a file named run\.sh/],
    [
      "a symbolic link",
      [manifest, { name: "records/x.jsonl", type: "symlink", linkname: "/etc/passwd" }],
      /a symlink/,
    ],
    ["a hard link", [manifest, { name: "records/x.jsonl", type: "link", linkname: MANIFEST }], /a link/],
    ["a folder", [manifest, { name: "records/", type: "directory" }], /a directory/],
    ["a file twice", [manifest, manifest], /submission\.json twice/],
    ["no manifest", [{ name: "records/x.jsonl", text: "x" }], /found no manifest/],
    ["nothing", new Uint8Array(), /found no gzip/],
    ["text", bytes("hello"), /found no gzip/],
    ["half an archive", (await archive([manifest])).subarray(0, 40), /found no gzip/],
    [
      "another kind of archive",
      gzipSync(bytes("PK\x03\x04 and so on, longer than a header of tar".repeat(30))),
      /found no tar/,
    ],
    ["control characters", [manifest, { name: "records/\u001b[2J.jsonl", text: "x" }], /\\u\{1b\}/],
  ];
  await inFolder(async (folder) => {
    for (const [what, content, pattern] of hostile) {
      const path = `${folder}/x.tar.gz`;
      await Deno.writeFile(path, content instanceof Uint8Array ? content : await archive(content));
      await assert.rejects(unpackFiles(path), (error) => {
        assert.ok(error instanceof InputError, `${what}: ${error}`);
        assert.match(error.message, pattern, what);
        return true;
      });
    }
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["x.tar.gz"]);
    await assert.rejects(unpackFiles(folder), /found no file/);
    await assert.rejects(unpackFiles(`${folder}/none`), InputError);
  });
});

Deno.test("unpackFiles() stops at its bounds: a bomb costs no memory", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/x.tar.gz`;
    await Deno.writeFile(path, gzipSync(new Uint8Array(2 ** 26)));
    const limits = { ...archiveLimits, unpackedBytes: 2 ** 23 };
    await assert.rejects(unpackFiles(path, limits), /more than 8388608 bytes in it/);
    await assert.rejects(unpackFiles(path, { ...archiveLimits, packedBytes: 1000 }), /at most 1000/);
    const many = Array.from({ length: 11 }, (_, i) => ({ name: `records/${i}.jsonl` }));
    await Deno.writeFile(path, await archive([manifest, ...many]));
    await assert.rejects(unpackFiles(path, { ...archiveLimits, files: 10 }), /12 files, wanted at most 10/);
  });
});
