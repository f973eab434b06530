import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inFolder } from "../../core/test_folder.ts";
import { guessKind } from "../kinds.ts";
import { loadDataset } from "../load.ts";
import { writeFiles } from "../test_files.ts";

/** Files of 6 images; `fixtures/make/parquet.py` made them. */
const files: Readonly<Record<string, string>> = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/data/parquet.json", import.meta.url)),
);
const REFUSED = ["path only", "other columns", "delta"];

function fileOf(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(files[name]!, "base64"));
}

Deno.test("parquet reads images and labels of every packing", async () => {
  await inFolder(async (folder) => {
    for (const name of Object.keys(files).filter((name) => !REFUSED.includes(name))) {
      const set = `${folder}/${name}`;
      await writeFiles(set, {
        "data/train-00000-of-00001.parquet": fileOf(name),
        "data/test-00000-of-00001.parquet": fileOf(name),
        "README.md": "",
      });
      assert.equal(await guessKind(set), "parquet");
      const { classNames, train, test } = await loadDataset(`parquet:${set}`);
      assert.deepEqual(classNames, name === "names as text" ? ["a", "b", "c"] : ["ant", "bee", "cow"], name);
      assert.deepEqual([...train.labels], [0, 1, 2, 0, 1, 2]);
      assert.deepEqual([...train.images].filter((_, i) => i % 4 === 0), [0, 10, 20, 30, 40, 50]);
      assert.deepEqual(test, train);
    }
  });
});

Deno.test("parquet joins parts, takes a column by name, and splits one file by the seed", async () => {
  await inFolder(async (folder) => {
    await writeFiles(folder, {
      "set/train/0000.parquet": fileOf("snappy"),
      "set/train/0001.parquet": fileOf("zstd"),
      "set/validation/0000.parquet": fileOf("none"),
      "one.parquet": fileOf("snappy"),
    });
    const notices: string[] = [];
    const onNotice = (text: string) => void notices.push(text);
    const dataset = await loadDataset(`parquet:${folder}/set`, { onNotice });
    assert.deepEqual([dataset.train.count, dataset.test.count], [12, 6]);
    assert.deepEqual(notices, ["the validation images are the test split"]);
    const coarse = await loadDataset(`parquet:${folder}/set,label=coarse_label`);
    assert.deepEqual(coarse.classNames, ["x"]);
    const one = await loadDataset(`parquet:${folder}/one.parquet`, { onNotice });
    assert.deepEqual([one.train.count, one.test.count], [3, 3]);
    assert.match(notices[1]!, /split 80 to 20 by a seed/);
  });
});

Deno.test("parquet says what it cannot read", async () => {
  const cut = fileOf("snappy");
  await inFolder(async (folder) => {
    for (
      const [bytes, message] of [
        [fileOf("path only"), /found no bytes of the image in row 0, wanted an image file in each row/],
        [fileOf("other columns"), /found the columns text, score, wanted one of images such as image or img/],
        [fileOf("delta"), /one that is not read \(a column has encoding 7\)/],
        [cut.subarray(0, cut.length - 9), /\(it has no footer\)/],
        [new Uint8Array(), /\(it has no footer\)/],
      ] as const
    ) {
      await Deno.writeFile(`${folder}/x.parquet`, bytes);
      await assert.rejects(loadDataset(`parquet:${folder}/x.parquet`), { name: "InputError", message });
    }
    await Deno.writeFile(`${folder}/x.parquet`, cut);
    await assert.rejects(loadDataset(`parquet:${folder}/x.parquet,label=moon`), {
      message: /found the columns coarse_label, image, fine_label, wanted moon; choose with label=$/,
    });
    await writeFiles(`${folder}/two`, { "a/train-0.parquet": cut, "b/train-0.parquet": cut });
    await assert.rejects(loadDataset(`parquet:${folder}/two`), {
      message: /found Parquet files in a and b, wanted one data set/,
    });
  });
});
