import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { inFolder } from "../core/test_folder.ts";
import { guessKind } from "./kinds.ts";
import { loadDataset } from "./load.ts";
import { parsePickle } from "./pickle.ts";
import { tarGzFile, writeFiles } from "./test_files.ts";

/** Files by version; `fixtures/make/cifar_python.py` made them, and the same content in the binary version. */
const packed = await Deno.readFile(new URL("../../fixtures/data/cifar_python.json.gz", import.meta.url));
const versions: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(
  new TextDecoder().decode(gunzipSync(packed)),
);

function filesOf(version: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(versions[version]!).map((
      [name, text],
    ) => [name, new Uint8Array(Buffer.from(text, "base64"))]),
  );
}

Deno.test("cifar10 and cifar100 read the Python version of every protocol as the binary one", async () => {
  await inFolder(async (folder) => {
    for (const version of Object.keys(versions)) await writeFiles(`${folder}/${version}`, filesOf(version));
    const load = async (version: string) => {
      const kind = version.split(" ")[0]!;
      assert.equal(await guessKind(`${folder}/${version}`), kind);
      return await loadDataset(`${kind}:${folder}/${version}`);
    };
    const ten = await load("cifar10 binary"), hundred = await load("cifar100 binary");
    assert.deepEqual([...ten.train.labels, ...ten.test.labels], [3, 0, 9, 1, 1, 2, 5, 6, 7]);
    for (const version of Object.keys(versions).filter((name) => !name.endsWith("binary"))) {
      const dataset = await load(version), wanted = version.startsWith("cifar100") ? hundred : ten;
      assert.deepEqual(dataset.train, wanted.train, version);
      assert.deepEqual(dataset.test, wanted.test, version);
      assert.equal(dataset.classNames[2], wanted === ten ? "bird" : "fine 2");
    }
    const archive = await tarGzFile(
      Object.fromEntries(
        Object.entries(filesOf("cifar10 python2")).map((
          [name, bytes],
        ) => [`cifar-10-batches-py/${name}`, bytes]),
      ),
    );
    await Deno.writeFile(`${folder}/cifar-10-python.tar.gz`, archive);
    const fromArchive = await loadDataset(`cifar10:${folder}/cifar-10-python.tar.gz`);
    assert.equal(fromArchive.fingerprint, (await load("cifar10 protocol 4")).fingerprint);
  });
});

Deno.test("parsePickle() never runs anything and says what it found", () => {
  const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  for (
    const [pickle, found] of [
      ["cos\nsystem\n(S'true'\ntR.", /the function or type "os.system", wanted a pickle of plain values/],
      ["\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", /the function or type "builtins.eval"/],
      ["cnumpy\ndtype\n(S'f4'\ntRK\x01R.", /a call of what is no function/],
      ["K", /a cut-off value/],
      ["(K\x01", /a cut-off value/],
      ["\x81.", /instruction 0x81 at byte 0/],
      ["h\x07.", /a reference to value 7, which is none/],
      ["T\xff\xff\xff\x7fabc.", /a cut-off value/],
      ["]K\x01K\x02e.", /a missing mark/],
      [`${"]".repeat(70_000)}.`, /more than 65536 lists/],
    ] as const
  ) {
    assert.throws(() => parsePickle("x", bytes(pickle)), { name: "InputError", message: found });
  }
  assert.deepEqual(parsePickle("x", bytes("(K\x01I-5\nI01\nL7L\n\x8a\x01\xffNG\x3f\xf8\0\0\0\0\0\0l.")), [
    1,
    -5,
    true,
    7,
    -1,
    null,
    1.5,
  ]);
});
