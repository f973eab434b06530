import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { guessKind } from "./kinds.ts";
import { loadDataset } from "./load.ts";
import { plainPng, tarFile, tarGzFile, writeFiles } from "./test_files.ts";

const image = (value: number) => plainPng(2, 2, [value]);

Deno.test("webdataset reads shards whose names or folders tell the part", async () => {
  await inFolder(async (folder) => {
    await writeFiles(folder, {
      "flat/x-train-000000.tar": await tarFile({
        "0.png": image(1),
        "0.cls": "10",
        "1.cls": "9\n",
        "1.png": image(2),
      }),
      "flat/x-train-000001.tar.gz": await tarGzFile({ "2.png": image(3), "2.json": '{"label": 10}' }),
      "flat/x-val-000000.tar": await tarFile({ "0.png": image(4), "0.cls": "9", "0.txt": "a caption" }),
    });
    await writeFiles(folder, {
      "deep/train/0.tar": await Deno.readFile(`${folder}/flat/x-train-000000.tar`),
      "deep/train/1.tar.gz": await Deno.readFile(`${folder}/flat/x-train-000001.tar.gz`),
      "deep/test/0.tar": await Deno.readFile(`${folder}/flat/x-val-000000.tar`),
    });
    for (const name of ["flat", "deep"]) {
      const { classNames, train, test } = await loadDataset(`webdataset:${folder}/${name}`);
      assert.deepEqual(classNames, ["9", "10"]);
      assert.deepEqual([...train.labels, ...test.labels], [1, 0, 1, 0]);
      assert.deepEqual([...train.images, ...test.images].filter((_, i) => i % 4 === 0), [1, 2, 3, 4]);
    }
    assert.equal(await guessKind(`${folder}/deep`), "webdataset");
    const shard = `${folder}/flat/x-train-000000.tar`;
    assert.equal(await guessKind(shard), "webdataset");
    const notices: string[] = [];
    const one = await loadDataset(`webdataset:${shard}`, { onNotice: (text) => void notices.push(text) });
    assert.deepEqual([one.train.count, one.test.count], [2, 0]);
    assert.match(notices.join(), /split 80 to 20 by a seed/);
  });
});

Deno.test("webdataset says what it cannot read", async () => {
  await inFolder(async (folder) => {
    for (
      const [files, message] of [
        [{ "0.png": image(1) }, /found no label of 0.png, wanted 0.cls or 0.json/],
        [
          { "0.left.png": image(1), "0.right.png": image(1) },
          /found 0.left.png and 0.right.png, wanted one image/,
        ],
        [{ "0.cls": "1" }, /found no images with labels/],
      ] as const
    ) {
      await Deno.writeFile(`${folder}/a.tar`, await tarFile(files));
      await assert.rejects(loadDataset(`webdataset:${folder}/a.tar`), { name: "InputError", message });
    }
    await writeFiles(`${folder}/empty`, { "x.txt": "" });
    await assert.rejects(loadDataset(`webdataset:${folder}/empty`), { message: /found no shards/ });
  });
});
