import assert from "node:assert/strict";
import { inFolder } from "../../core/test_folder.ts";
import { guessKind } from "../kinds.ts";
import { loadDataset } from "../load.ts";
import { type Files, plainPng, writeFiles } from "../test_files.ts";

/** Gray images told apart by their value. */
function images(folder: string, ...values: readonly number[]): Files {
  return Object.fromEntries(values.map((value) => [`${folder}${value}.png`, plainPng(2, 2, [value])]));
}

/** Loads a list and gives class and value of every image of both splits. */
async function load(files: Files, rest = "", guessed = "list") {
  const notices: string[] = [];
  let found;
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/set`, files);
    if (guessed !== "") assert.equal(await guessKind(`${folder}/set`), guessed);
    const onNotice = (text: string) => void notices.push(text);
    const { classNames, train, test } = await loadDataset(`list:${folder}/set${rest}`, { onNotice });
    const show = ({ labels, images }: typeof train) =>
      [...labels].map((label, i) => `${classNames[label]} ${images[4 * i]}`).join(", ");
    found = { train: show(train), test: show(test) };
  });
  return { ...found!, notices: notices.join("; ") };
}

const OFFICIAL = { train: "cat 1, dog 2, cat 3", test: "dog 4", notices: "" };

Deno.test("list reads official splits from every kind of list", async () => {
  const parts = { ...images("train/", 1, 2, 3), ...images("test/", 4) };
  const lists: readonly Files[] = [
    {
      "train/metadata.csv": "file_name,label\n1.png,cat\n2.png,dog\n3.png,cat\n",
      "test/metadata.csv": "file_name,label\n4.png,dog\n",
    },
    {
      "metadata.jsonl":
        '{"file_name":"train/1.png","label":"cat"}\n{"file_name":"train/2.png","label":"dog"}\n{"file_name":"train/3.png","label":"cat"}\n{"file_name":"test/4.png","label":"dog"}\n',
    },
    { "train.csv": "id;label\n1;cat\n2;dog\n3;cat\n", "test.csv": "id;label\n4;dog\n" },
    { "train.tsv": "1.png\tcat\n2.png\tdog\n3.png\tcat\n", "test.tsv": "4.png\tdog\n" },
    {
      "labels.csv":
        '\ufeffpath,class,split\r\n"/kaggle/input/x/train/1.png",cat,train\r\ntrain/2.png,dog,Training\r\n.\\train\\3.png,cat,train\r\ntest/4.png,dog,test\r\n',
    },
  ];
  for (const list of lists) {
    assert.deepEqual(await load({ ...parts, ...list }), OFFICIAL, `${Object.keys(list)[0]}`);
  }
  const texts = {
    ...parts,
    "train.txt": "train/1.png cat\ntrain/2.png dog\n\ntrain/3.png\tcat\n",
    "val.txt": "test/4.png,dog",
    "readme.txt": "about",
  };
  const validation = await load(texts);
  assert.deepEqual([validation.train, validation.test], [OFFICIAL.train, OFFICIAL.test]);
  assert.match(validation.notices, /validation images are the test split/);
});

Deno.test("list orders numbers as numbers, names them by classes.txt, and splits one part by the seed", async () => {
  const files = {
    ...images("images/", ...Array.from({ length: 12 }, (_, i) => i)),
    "labels.csv": `image,target\n${
      Array.from({ length: 10 }, (_, i) => `${i}.png,${i % 2 ? 10 : 9}`).join("\n")
    }\n`,
  };
  const { train, test, notices } = await load(files);
  assert.equal(train.split(", ").length + test.split(", ").length, 10);
  assert.match(train, /^9 /);
  assert.match(notices, /2 images are on no list and are left out; found one part with labels.*by a seed/);
  const names = "a\nb\nc\nd\ne\nf\ng\nh\ni\nnine\nten\n";
  assert.match((await load({ ...files, "classes.txt": names })).train, /^nine /);
});

Deno.test("list takes columns by name, leaves a part without labels out, and says what it cannot read", async () => {
  const files = images("", 1, 2);
  const table = { ...files, "labels.csv": "x,kind\n1,a\n2,b\n" };
  assert.match((await load(table, ",file=x,label=kind", "list")).train, /a 1/);
  const flat = {
    ...images("train/", 1, 2),
    ...images("test/", 3),
    "train.csv": "id,label\n1,a\n2,b\n",
    "test.csv": "id\n3\n",
  };
  assert.match((await load(flat)).notices, /test.csv has no labels; its 1 images are left out/);
  for (
    const [list, message] of [
      [
        { "labels.csv": "x,kind\n1,a\n" },
        /found the columns x, kind, wanted one of file names such as file_name/,
      ],
      [{ "labels.csv": "id,label\n7,a\n" }, /found no image 7, which labels.csv names/],
      [{ "labels.csv": "id,label\n1,a\n1,b\n" }, /found 1.png as a and as b in labels.csv, wanted one label/],
      [{ "labels.csv": "id,label\n1,a\n2\n" }, /labels.csv: found a damaged table \(Invalid Record Length/],
      [{ "labels.csv": "id,label\n1,a\n2,\n" }, /found no label of 2 in labels.csv/],
      [{ "labels.csv": "id,label,split\n1,a,moon\n" }, /found 1 of split "moon" in labels.csv, wanted train/],
      [{ "metadata.jsonl": "[1]\n" }, /found no object in line 1/],
      [{ "metadata.jsonl": '{"file_name":"1.png","label":[1]}\n' }, /found a value \[1\] in line 1/],
      [{ "train.txt": "what\n" }, /found the line "what", wanted a path and a label/],
      [
        { "a.csv": "", "b.csv": "" },
        /found the lists a.csv, b.csv, wanted metadata.csv, .*name one as the path/,
      ],
      [
        { "x/1.png": plainPng(2, 2, [5]), "train.csv": "id,label\ny/1,a\n" },
        /found 1.png and x\/1.png for y\/1/,
      ],
    ] as const
  ) {
    await assert.rejects(load({ ...files, ...list }, "", ""), { name: "InputError", message });
  }
});
