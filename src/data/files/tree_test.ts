import assert from "node:assert/strict";
import { inFolder } from "../../core/test_folder.ts";
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { type Files, tarFile, tarGzFile, writeFiles, zipFile } from "../test_files.ts";
import { openTree } from "./tree.ts";

const FILES: Files = { "a/x.txt": "hello", "a/b/y.bin": new Uint8Array(3000).fill(7), "z": "" };

async function contentOf(path: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for await (const file of (await openTree(path)).walk()) {
    const bytes = await file.bytes();
    assert.equal(bytes.length, file.size);
    content[file.path] = new TextDecoder().decode(bytes);
  }
  return content;
}

/** Writes one archive, walks it, and expects a refusal. */
async function refuses(name: string, bytes: Uint8Array, message: RegExp): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/${name}`, bytes);
    await assert.rejects(contentOf(`${folder}/${name}`), { name: "InputError", message });
  });
}

Deno.test("openTree() gives the same files from a folder and from every archive", async () => {
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/plain`, FILES);
    await Deno.writeFile(
      `${folder}/a.tar`,
      await tarFile(FILES, [{ name: "a/", type: "directory", size: 0 }]),
    );
    await Deno.writeFile(`${folder}/a.tar.gz`, await tarGzFile(FILES));
    await Deno.writeFile(`${folder}/a.zip`, zipFile(FILES));
    const wanted = Object.fromEntries(
      Object.entries(FILES).map((
        [path, content],
      ) => [path, typeof content === "string" ? content : "\x07".repeat(3000)]),
    );
    for (const name of ["plain", "plain/", "a.tar", "a.tar.gz", "a.zip"]) {
      assert.deepEqual(await contentOf(`${folder}/${name}`), wanted, name);
    }
  });
});

Deno.test("walk() can be repeated, left early, and need not read", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.tar.gz`, await tarGzFile(FILES));
    await Deno.writeFile(`${folder}/a.zip`, zipFile(FILES));
    for (const name of ["a.tar.gz", "a.zip"]) {
      const tree = await openTree(`${folder}/${name}`);
      for (let i = 0; i < 2; i++) {
        const paths: string[] = [];
        for await (const { path } of tree.walk()) paths.push(path);
        assert.deepEqual(paths.sort(), Object.keys(FILES).sort());
      }
      for await (const _ of tree.walk()) break;
    }
  });
});

Deno.test("hash() is that of an archive's bytes, or of a folder's names and contents", async () => {
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/one`, FILES);
    await writeFiles(`${folder}/two`, FILES);
    const hashOf = async (name: string) => await (await openTree(`${folder}/${name}`)).hash();
    const before = await hashOf("one");
    assert.equal(before, await hashOf("two"));
    await Deno.writeTextFile(`${folder}/two/a/x.txt`, "hellO");
    assert.notEqual(before, await hashOf("two"));
    await Deno.writeTextFile(`${folder}/two/a/x.txt`, "hello");
    await Deno.rename(`${folder}/two/z`, `${folder}/two/y`);
    assert.notEqual(before, await hashOf("two"));
    await Deno.writeFile(`${folder}/a.zip`, zipFile(FILES));
    assert.match(await hashOf("a.zip"), /^[0-9a-f]{64}$/);
  });
});

Deno.test("openTree() takes a folder of archives as the sum of their files", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/1.zip`, zipFile({ "a": "1" }));
    await Deno.writeFile(`${folder}/2.tar`, await tarFile({ "b": "2" }));
    await Deno.writeTextFile(`${folder}/.3.zip.part`, "still coming");
    assert.deepEqual(await contentOf(folder), { a: "1", b: "2" });
    const { hash } = await openTree(folder);
    assert.notEqual(await hash(), await (await openTree(`${folder}/1.zip`)).hash());
    await Deno.writeFile(`${folder}/3.zip`, zipFile({ "a": "3" }));
    await assert.rejects(contentOf(folder), {
      message: `Cannot read ${folder}: found a twice, wanted one file of a name`,
    });
  });
});

Deno.test("openTree() keeps the names of archives that are parts of a data set", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/train.zip`, zipFile({ "cat/1": "1" }));
    await Deno.writeFile(`${folder}/test.tar`, await tarFile({ "cat/1": "2" }));
    assert.deepEqual(await contentOf(folder), { "train/cat/1": "1", "test/cat/1": "2" });
  });
});

Deno.test("walk() leaves out hidden files and what macOS adds", async () => {
  await inFolder(async (folder) => {
    const files = { "a/x": "1", "a/.DS_Store": "2", "__MACOSX/a/._x": "3", ".git/y": "4" };
    await writeFiles(`${folder}/plain`, files);
    await Deno.writeFile(`${folder}/a.zip`, zipFile(files));
    for (const name of ["plain", "a.zip"]) {
      assert.deepEqual(await contentOf(`${folder}/${name}`), { "a/x": "1" });
    }
  });
});

Deno.test("walk() refuses names that lead out of an archive", async () => {
  for (const name of ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x"]) {
    await refuses(
      "a.tar",
      await tarFile({ [name]: "1" }),
      /found a file named .*, wanted a path inside the archive$/,
    );
    await refuses("a.zip", zipFile({ [name]: "1" }), /^Cannot read .*a\.zip: found a /);
  }
  await refuses("a.tar", await tarFile({ "a\nb": "1" }), /found a file named "a\\nb"/);
});

Deno.test("walk() refuses devices in archives, and links to images that are not there", async () => {
  for (const type of ["fifo", "character-device"] as const) {
    const tar = await tarFile({}, [{ name: "a", type, size: 0 }]);
    await refuses("a.tar", tar, /found a, an entry that is a device or of an unknown type, wanted files/);
  }
  for (const type of ["symlink", "link"] as const) {
    const header = (name: string) => ({ name, type, size: 0, linkname: "../../etc/passwd" });
    await refuses(
      "a.tar",
      await tarFile({}, [header("a.png")]),
      /found a.png, a link to ..\/..\/etc\/passwd, wanted a link to a file in the archive$/,
    );
    await inFolder(async (folder) => {
      await Deno.writeFile(`${folder}/a.tar`, await tarFile({ "b": "1" }, [header("LICENSE")]));
      assert.deepEqual(await contentOf(`${folder}/a.tar`), { b: "1" });
    });
  }
  await refuses(
    "a.zip",
    zipWithLink("x/a.png", "/etc/passwd"),
    /found x\/a.png, a link to \/etc\/passwd, wanted/,
  );
});

/** A zip archive with a symbolic link as Unix tools store it. */
function zipWithLink(name: string, target: string): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  return zipSync({ "real/1": text("one"), [name]: [text(target), { os: 3, attrs: 0o120777 << 16 }] });
}

Deno.test("walk() gives the content of links to files and folders of the same archive", async () => {
  const links = [
    { name: "hard", type: "link" as const, linkname: "./real/1", size: 0 },
    { name: "x/soft", type: "symlink" as const, linkname: "../real/2", size: 0 },
    { name: "folder", type: "symlink" as const, linkname: "real", size: 0 },
    { name: "again", type: "symlink" as const, linkname: "folder/1", size: 0 },
    { name: "real/own", type: "symlink" as const, linkname: "1", size: 0 },
  ];
  const wanted = {
    "real/1": "one",
    "real/2": "two",
    hard: "one",
    "x/soft": "two",
    "folder/1": "one",
    "folder/2": "two",
    again: "one",
    "real/own": "one",
    "folder/own": "one",
  };
  await inFolder(async (folder) => {
    const tar = await tarFile({ "real/1": "one", "real/2": "two" }, links);
    await Deno.writeFile(`${folder}/a.tar`, tar);
    await Deno.writeFile(`${folder}/a.tar.gz`, new Uint8Array(gzipSync(tar)));
    await Deno.writeFile(`${folder}/a.zip`, zipWithLink("x/soft", "../real/1"));
    for (const name of ["a.tar", "a.tar.gz"]) assert.deepEqual(await contentOf(`${folder}/${name}`), wanted);
    assert.deepEqual(await contentOf(`${folder}/a.zip`), { "real/1": "one", "x/soft": "one" });
  });
  const circle = [{ name: "x/up", type: "symlink" as const, linkname: "..", size: 0 }];
  await refuses("a.tar", await tarFile({ "x/1": "" }, circle), /found x\/up, a link in a circle, wanted/);
  const inside = [{ name: "d/x/up", type: "symlink" as const, linkname: "..", size: 0 }];
  await refuses(
    "a.tar",
    await tarFile({ "d/x/1": "" }, inside),
    /found d\/x\/up, a link in a circle, wanted/,
  );
});

Deno.test({
  name: "walk() follows links to files and folders in folders, but not in circles or to nothing",
  ignore: Deno.build.os === "windows",
  async fn() {
    await inFolder(async (folder) => {
      await writeFiles(folder, { "real/x": "1", "real/z": "3", "tree/y": "2" });
      await Deno.symlink(`${folder}/real/x`, `${folder}/tree/x`);
      await Deno.symlink("../real", `${folder}/tree/linked`);
      await Deno.symlink("gone", `${folder}/tree/LICENSE`);
      assert.deepEqual(await contentOf(`${folder}/tree`), {
        x: "1",
        y: "2",
        "linked/x": "1",
        "linked/z": "3",
      });
      await Deno.symlink(folder, `${folder}/tree/other`);
      await assert.rejects(contentOf(`${folder}/tree`), {
        name: "InputError",
        message: /other\/tree: found a link in a circle, wanted one to a folder elsewhere$/,
      });
      await Deno.remove(`${folder}/tree/other`);
      await Deno.symlink("gone", `${folder}/tree/a.png`);
      await assert.rejects(contentOf(`${folder}/tree`), {
        message: /a.png: found a link to nothing, wanted a link to a file or folder$/,
      });
    });
  },
});

Deno.test("walk() reads names with backslashes, and UTF-8 without its flag", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.zip`, zipFile({ "ds\\train\\a": "1", "ds\\b\\": "" }));
    assert.deepEqual(await contentOf(`${folder}/a.zip`), { "ds/train/a": "1" });
    const named = zipFile({ "caf\u00e9/\u732b": "1" });
    const view = new DataView(named.buffer);
    for (let at = 0; at + 10 < named.length; at++) {
      const mark = view.getUint32(at);
      if (mark === 0x504b0304) view.setUint16(at + 6, view.getUint16(at + 6, true) & ~0x800, true);
      if (mark === 0x504b0102) view.setUint16(at + 8, view.getUint16(at + 8, true) & ~0x800, true);
    }
    await Deno.writeFile(`${folder}/b.zip`, named);
    assert.deepEqual(await contentOf(`${folder}/b.zip`), { "caf\u00e9/\u732b": "1" });
    // Code page 437: 0x82 is an e with acute, and no UTF-8.
    const old = zipFile({ "cafX": "1" });
    old.forEach((byte, i) => {
      if (byte === 0x58) old[i] = 0x82;
    });
    await Deno.writeFile(`${folder}/c.zip`, old);
    assert.deepEqual(await contentOf(`${folder}/c.zip`), { "caf\u00e9": "1" });
  });
});

Deno.test("walk() reads every file of a zip whose count of 16 bits has wrapped, as Finder writes it", async () => {
  const names = Array.from({ length: 65_540 }, (_, i) => `${i}`);
  const zip = zipFile(Object.fromEntries(names.map((name) => [name, ""])));
  const end = zip.length - 22;
  new DataView(zip.buffer).setUint16(end + 8, 4, true);
  new DataView(zip.buffer).setUint16(end + 10, 4, true);
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.zip`, zip);
    let count = 0;
    for await (const _ of (await openTree(`${folder}/a.zip`)).walk()) count++;
    assert.equal(count, names.length);
  });
});

/** A tar archive of one file by the book, of a format without mark and with any time. */
function oldTar(name: string, content: string, time: readonly number[], mark: string): Uint8Array {
  const tar = new Uint8Array(2048);
  const put = (at: number, value: string) => tar.set(new TextEncoder().encode(value), at);
  put(0, name);
  put(124, content.length.toString(8).padStart(11, "0"));
  tar.set(time, 136);
  put(257, mark);
  put(148, " ".repeat(8));
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  put(512, content);
  return tar;
}

Deno.test("walk() reads tar archives of 1979 and of times before 1970", async () => {
  await inFolder(async (folder) => {
    const before = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0];
    await Deno.writeFile(`${folder}/v7.tar`, oldTar("a", "1", [], ""));
    await Deno.writeFile(`${folder}/gnu.tar`, oldTar("a", "1", before, "ustar  \0"));
    for (const name of ["v7.tar", "gnu.tar"]) {
      assert.deepEqual(await contentOf(`${folder}/${name}`), { a: "1" });
    }
  });
  await refuses("a.tar", oldTar("a", "1", [], "ustar  \0").fill(83, 156, 157).slice(), /checksum|no archive/);
});

Deno.test("walk() reads gzip of several members and with zeros after it", async () => {
  await inFolder(async (folder) => {
    const tar = await tarFile(FILES);
    const cuts = [0, 100, 700, tar.length];
    const members = cuts.slice(1).map((end, i) => gzipSync(tar.subarray(cuts[i], end)));
    await Deno.writeFile(`${folder}/many.tar.gz`, Buffer.concat(members));
    await Deno.writeFile(`${folder}/padded.tar.gz`, Buffer.concat([gzipSync(tar), new Uint8Array(1024)]));
    const wanted = await contentOf(`${folder}/many.tar.gz`);
    assert.deepEqual(Object.keys(wanted), Object.keys(FILES));
    assert.deepEqual(await contentOf(`${folder}/padded.tar.gz`), wanted);
  });
});

Deno.test("walk() refuses archives with two files of one name", async () => {
  const twice = await tarFile({ "a": "1" }, [{ name: "./a", size: 0 }]);
  await refuses("a.tar", twice, /found a twice, wanted one file of a name$/);
});

Deno.test("walk() refuses absurd sizes and bombs", async () => {
  const tar = await tarFile({ "a": "1" });
  // Size 8 GiB - 1 in the header, with the checksum mended.
  tar.set(new TextEncoder().encode("77777777777"), 124);
  tar.fill(32, 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  await refuses("a.tar", tar, /found a of 8589934591 bytes, wanted at most 1073741824$/);

  // 80 MB of zeros in one file pack to 80 kB.
  const zeros = new Uint8Array(80_000_000);
  await refuses(
    "a.tar.gz",
    new Uint8Array(gzipSync(await tarFile({ zeros }))),
    /^Cannot unpack .*: found \d+ bytes from the first \d+/,
  );

  const zip = zipFile({ "a": new Uint8Array(5000) });
  // The directory claims 500 MB.
  const directory = zip.findLastIndex((_, i) => zip[i] === 0x50 && zip[i + 1] === 0x4b && zip[i + 2] === 1);
  new DataView(zip.buffer).setUint32(directory + 24, 500_000_000, true);
  await refuses("a.zip", zip, /found a of 500000000 bytes packed into \d+, wanted at most/);
});

Deno.test("walk() refuses damaged archives", async () => {
  const tar = await tarFile(FILES);
  await refuses("a.tar", tar.subarray(0, 1500), /found a damaged tar archive/);
  await refuses("a.tar", tar.subarray(0, tar.length - 1024), /found a damaged tar archive/);
  await refuses(
    "a.tar.gz",
    (await tarGzFile(FILES)).subarray(0, 100),
    /found damaged or truncated gzip data/,
  );
  const zip = zipFile({ "a": "hello hello hello hello" });
  await refuses("a.zip", zip.subarray(0, zip.length - 30), /found a damaged zip archive/);
  const flipped = zip.slice();
  flipped[34]! ^= 4;
  await refuses("a.zip", flipped, /found a damaged zip archive/);
});

Deno.test("openTree() refuses what is no folder and no archive", async () => {
  await refuses(
    "a.txt",
    new TextEncoder().encode("hello"),
    /found a file that is no archive, wanted a folder, zip, tar or tar.gz$/,
  );
  await assert.rejects(openTree("/nowhere/at/all"), {
    message: "Cannot read /nowhere/at/all: it does not exist",
  });
});

/** Archives by other tools and what is in them; `fixtures/make/archives.py` made them. */
const archives: Readonly<
  Record<string, { readonly base64: string; readonly files: Readonly<Record<string, string>> }>
> = JSON.parse(await Deno.readTextFile(new URL("../../../fixtures/data/archives.json", import.meta.url)));

Deno.test("walk() gives what GNU tar, Python's tarfile and zipfile have packed", async () => {
  await inFolder(async (folder) => {
    for (const [name, { base64, files }] of Object.entries(archives)) {
      const packed = new Uint8Array(Buffer.from(base64, "base64"));
      await Deno.writeFile(`${folder}/${name}`, new Uint8Array(gunzipSync(packed)));
      assert.deepEqual(await contentOf(`${folder}/${name}`), files, name);
      if (!name.endsWith(".tar")) continue;
      await Deno.writeFile(`${folder}/packed.tar.gz`, packed);
      assert.deepEqual(await contentOf(`${folder}/packed.tar.gz`), files, name);
    }
  });
});
