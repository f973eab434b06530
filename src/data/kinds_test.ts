import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { gunzipSync, gzipSync } from "node:zlib";
import { encode } from "fast-png";
import type { Dataset, Split } from "./dataset.ts";
import { guessKind } from "./kinds.ts";
import { loadDataset } from "./load.ts";
import { type Files, jpegFile, plainPng, tarFile, tarGzFile, writeFiles, zipFile } from "./test_files.ts";

/** Label and first byte of every image. */
function firstBytes(split: Split): [number, number][] {
  const size = split.images.length / split.count;
  return [...split.labels].map((label, i) => [label, split.images[i * size]!]);
}

/** Writes files, loads them and expects the kind to be guessed. */
async function load(kind: string, files: Files, settings = ""): Promise<Dataset> {
  let dataset: Dataset | undefined;
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/set`, files);
    assert.equal(await guessKind(`${folder}/set`), kind);
    dataset = await loadDataset(`${kind}:${folder}/set${settings}`);
  });
  return dataset!;
}

async function refuses(kind: string, files: Files, message: RegExp): Promise<void> {
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/set`, { ...files, "other.md": "" });
    await assert.rejects(loadDataset(`${kind}:${folder}/set`), { name: "InputError", message });
  });
}

const red = plainPng(4, 4, [255, 0, 0]), green = plainPng(4, 4, [0, 255, 0]), gray = plainPng(4, 4, [9]);

Deno.test("tiny-imagenet takes classes, names and validation labels from the lists", async () => {
  const dataset = await load("tiny-imagenet", {
    "tiny/wnids.txt": "n2\nn1\n",
    "tiny/words.txt": "n1\tcat, true cat\nn2\tdog\nn3\tother\n",
    "tiny/train/n1/images/n1_0.JPEG": jpegFile("baseline"),
    "tiny/train/n2/images/n2_0.JPEG": jpegFile("progressive"),
    "tiny/val/val_annotations.txt": "v1.png\tn1\t0\t0\t1\t1\nv0.png\tn2\t0\t0\t1\t1\n",
    "tiny/val/images/v0.png": red,
    "tiny/val/images/v1.png": green,
    "tiny/test/images/t0.png": gray,
  }, ",size=4");
  assert.deepEqual(dataset.classNames, ["n2 dog", "n1 cat"]);
  assert.deepEqual([dataset.channels, dataset.height, dataset.width], [3, 4, 4]);
  assert.deepEqual([...dataset.train.labels], [0, 1]);
  assert.deepEqual(firstBytes(dataset.test), [[1, 0], [0, 255]]);
  await refuses("tiny-imagenet", {
    "wnids.txt": "n1",
    "val/val_annotations.txt": "v0.png\tn9",
    "val/images/v0.png": red,
  }, /found class "n9" in val\/val_annotations.txt, wanted one of wnids.txt$/);
  await refuses(
    "tiny-imagenet",
    { "wnids.txt": "n1", "val/val_annotations.txt": "v0.png\tn1" },
    /found no image val\/images\/v0.png/,
  );
  await refuses("tiny-imagenet", { "a.png": red }, /found no wnids.txt$/);
  const sorted = {
    "wnids.txt": "n2\nn1\n",
    "train/n1/images/n1_0.png": red,
    "train/n2/images/n2_0.png": green,
    "val/val_annotations.txt": "v1.png\tn1\t0\t0\t1\t1\nv0.png\tn2\t0\t0\t1\t1\n",
    "val/n2/v0.png": red,
    "val/n1/images/v1.png": green,
  };
  const listed = await load("tiny-imagenet", sorted);
  assert.deepEqual(firstBytes(listed.test), [[1, 0], [0, 255]]);
  await inFolder(async (folder) => {
    const { "val/val_annotations.txt": _, ...unlisted } = sorted;
    await writeFiles(`${folder}/set`, unlisted);
    const dataset = await loadDataset(`tiny-imagenet:${folder}/set`);
    assert.deepEqual(firstBytes(dataset.test), [[0, 255], [1, 0]]);
  });
  await refuses(
    "tiny-imagenet",
    { "wnids.txt": "n1", "train/n1/1.png": red },
    /found no val\/val_annotations.txt and/,
  );
});

Deno.test("cub200 joins its four lists", async () => {
  const files = {
    "CUB_200_2011/images.txt": "1 001.A/a.png\n2 001.A/b.png\n3 002.B/c.png\n",
    "CUB_200_2011/classes.txt": "1 001.A\n2 002.B\n",
    "CUB_200_2011/image_class_labels.txt": "1 1\n2 1\n3 2\n",
    "CUB_200_2011/train_test_split.txt": "1 1\n2 0\n3 1\n",
    "CUB_200_2011/images/001.A/a.png": red,
    "CUB_200_2011/images/001.A/b.png": green,
    "CUB_200_2011/images/002.B/c.png": red,
    "attributes.txt": "1 has_bill_shape::curved",
  };
  const dataset = await load("cub200", files);
  assert.deepEqual(dataset.classNames, ["001.A", "002.B"]);
  assert.deepEqual(firstBytes(dataset.train), [[0, 255], [1, 255]]);
  assert.deepEqual(firstBytes(dataset.test), [[0, 0]]);
  await refuses(
    "cub200",
    { ...files, "CUB_200_2011/train_test_split.txt": "1 1\n2 5\n3 1\n" },
    /found image 2 of class 1 in split 5/,
  );
  await refuses(
    "cub200",
    { ...files, "CUB_200_2011/classes.txt": "one\n" },
    /found "one" in classes.txt, wanted two words$/,
  );
});

/** Images of one class, told apart by their red. */
function classImages(path: string, count: number): Files {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${path}/${i}.png`, plainPng(2, 2, [i, 0, 0])]),
  );
}

Deno.test("imagenet-r splits each class 80 to 20 by the seed and names classes by its README", async () => {
  const files = {
    "imagenet-r/README.txt": "ImageNet-R\n\nn01443537 goldfish\nn01484850 great white shark\n",
    ...classImages("imagenet-r/n01443537", 10),
    ...classImages("imagenet-r/n01484850", 5),
  };
  const dataset = await load("imagenet-r", files);
  assert.deepEqual(dataset.classNames, ["n01443537 goldfish", "n01484850 great white shark"]);
  const [train, test] = [firstBytes(dataset.train), firstBytes(dataset.test)];
  assert.deepEqual(train.map(([label]) => label), [...Array(8).fill(0), ...Array(4).fill(1)]);
  const all = [...train, ...test].map(([label, value]) => `${label}/${value}`);
  assert.equal(new Set(all).size, 15);
  assert.equal((await load("imagenet-r", files, ",seed=0")).fingerprint, dataset.fingerprint);
  assert.notEqual((await load("imagenet-r", files, ",seed=1")).fingerprint, dataset.fingerprint);
});

Deno.test("omniglot joins both parts of the PNG tree, splits by drawer and makes ink white", async () => {
  const ink = encode({ width: 3, height: 3, channels: 1, depth: 8, data: new Uint8Array(9).fill(0) });
  const paper = encode({ width: 3, height: 3, channels: 1, depth: 8, data: new Uint8Array(9).fill(255) });
  const background = {
    "images_background/Latin/character02/0001_15.png": ink,
    "images_background/Latin/character02/0001_16.png": paper,
  };
  const evaluation = {
    "images_evaluation/Angelic/character01/0965_01.png": paper,
    "images_evaluation/Angelic/character01/0965_20.png": ink,
  };
  const dataset = await load("omniglot", { ...background, ...evaluation });
  assert.deepEqual(dataset.classNames, ["Angelic/character01", "Latin/character02"]);
  assert.equal(dataset.channels, 1);
  assert.deepEqual(firstBytes(dataset.train), [[1, 255], [0, 0]]);
  assert.deepEqual(firstBytes(dataset.test), [[1, 0], [0, 255]]);
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/images_background.zip`, zipFile(background));
    await Deno.writeFile(`${folder}/images_evaluation.zip`, zipFile(evaluation));
    assert.equal((await loadDataset(`omniglot:${folder}`)).fingerprint, dataset.fingerprint);
    await Deno.remove(`${folder}/images_evaluation.zip`);
    assert.deepEqual((await loadDataset(`omniglot:${folder}`)).classNames, ["Latin/character02"]);
  });
  await refuses("omniglot", { "a/b.png": ink }, /found no images_background/);
});

Deno.test("folder reads train and test, from a folder and from every archive alike", async () => {
  const files = {
    "signs/README.txt": "43 classes",
    "signs/train/b/1.png": green,
    "signs/train/a/1.png": red,
    "signs/train/a/deep/2.png": red,
    "signs/test/a/1.png": red,
    "signs/test/b/1.png": green,
    "signs/val/a/1.png": green,
  };
  const dataset = await load("folder", files);
  assert.deepEqual(dataset.classNames, ["a", "b"]);
  assert.deepEqual(firstBytes(dataset.train), [[0, 255], [0, 255], [1, 0]]);
  assert.deepEqual(firstBytes(dataset.test), [[0, 255], [1, 0]]);
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/s.tar`, await tarFile(files));
    await Deno.writeFile(`${folder}/s.tar.gz`, await tarGzFile(files));
    await Deno.writeFile(`${folder}/s.zip`, zipFile(files));
    for (const name of ["s.tar", "s.tar.gz", "s.zip"]) {
      const packed = await loadDataset(`folder:${folder}/${name}`);
      assert.equal(packed.fingerprint, dataset.fingerprint, name);
      assert.equal(packed.name, "s");
    }
  });
});

Deno.test("folder knows its splits under other names, and splits the training images where tests have no labels", async () => {
  const train = { ...classImages("set/Train/cat", 5), ...classImages("set/Train/dog", 5) };
  const both = await load("folder", { ...train, ...classImages("set/Test/dog", 3), "set/Train.csv": "" });
  assert.deepEqual([both.classNames, both.train.count, both.test.count], [["cat", "dog"], 10, 3]);
  const validated = await load("folder", {
    ...train,
    "set/test/1.png": red,
    ...classImages("set/Validation/cat", 2),
  });
  assert.deepEqual([validated.train.count, validated.test.count], [10, 2]);
  const notices: string[] = [];
  await inFolder(async (folder) => {
    await writeFiles(folder, { ...train, "set/Test/1.png": red, "set/Test/2.png": red });
    const onNotice = (text: string) => void notices.push(text);
    const own = await loadDataset(`folder:${folder}`, { onNotice });
    assert.deepEqual([own.classNames, own.train.count, own.test.count], [["cat", "dog"], 8, 2]);
  });
  assert.match(notices.join(), /no test images in folders of their class/);
  // A class may be called like a split.
  const vehicles = await load("folder", { ...classImages("bus", 5), ...classImages("train", 5) });
  assert.deepEqual([vehicles.classNames, vehicles.train.count], [["bus", "train"], 8]);
});

Deno.test("folder splits by the seed where there are no splits, keeping an image of each class for both", async () => {
  const dataset = await load("folder", {
    ...classImages("x/cat", 2),
    ...classImages("x/dog", 10),
    ...classImages("x/emu", 1),
  });
  assert.deepEqual(dataset.classNames, ["cat", "dog", "emu"]);
  const counts = (split: Split) =>
    [0, 1, 2].map((label) => split.labels.filter((other) => other === label).length);
  assert.deepEqual([counts(dataset.train), counts(dataset.test)], [[1, 8, 1], [1, 2, 0]]);
});

Deno.test("folder refuses images outside of class folders and trees without images", async () => {
  await refuses(
    "folder",
    { "a/1.png": red, "2.png": red },
    /found 2.png, wanted images in a folder of their class$/,
  );
  await refuses("folder", { "a/1.txt": "x" }, /found no images$/);
  await refuses(
    "folder",
    { "a/1.png": red, "b/2.png": new Uint8Array(50) },
    /set: b\/2.png: found zeros, wanted a JPEG, .*; undecodable=skip leaves such images out$/,
  );
});

Deno.test("folder counts images of formats that are not read, and those that it was told to skip", async () => {
  const files = {
    ...classImages("s/train/a", 2),
    ...classImages("s/test/a", 1),
    "s/train/a/broken.jpg": new Uint8Array(9),
    "s/train/a/x.HEIC": "?",
    "s/train/cow/x.avif": "?",
    "s/train/cow/y.avif": "?",
    "s/docs/logo.svg": "?",
    "s/train/dog/0001": plainPng(2, 2, [1]),
  };
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/set`, files);
    const notices: string[] = [];
    const options = { cache: `${folder}/cache`, onNotice: (text: string) => void notices.push(text) };
    const skipped = await loadDataset(`folder:${folder}/set,undecodable=skip`, options);
    assert.deepEqual([skipped.classNames, skipped.train.count, skipped.test.count], [["a"], 2, 1]);
    assert.deepEqual(skipped.leftOut, { heic: 1, avif: 2, undecodable: 1 });
    const notice = "4 image files are left out: heic 1, avif 2, undecodable 1; no others in s/train/cow/";
    const bare = "no images by their names in s/train/dog/; left out";
    assert.deepEqual(notices, [bare, notice]);
    // The cache says it again.
    const again = await loadDataset(`folder:${folder}/set,undecodable=skip`, options);
    assert.deepEqual([again.leftOut, again.fingerprint], [skipped.leftOut, skipped.fingerprint]);
    assert.deepEqual(notices, [bare, notice, bare, notice]);
    await assert.rejects(loadDataset(`folder:${folder}/set`, options), {
      message: /train\/a\/broken.jpg: found zeros, .*; undecodable=skip leaves such images out$/,
    });
    await writeFiles(`${folder}/clean`, { ...classImages("s/train/a", 2), ...classImages("s/test/a", 1) });
    const clean = await loadDataset(`folder:${folder}/clean`);
    assert.equal(clean.leftOut, undefined);
    assert.notEqual(clean.fingerprint, skipped.fingerprint);
    await assert.rejects(loadDataset(`folder:${folder}/clean,undecodable=1`), {
      message: "Cannot use setting undecodable=1: wanted refuse or skip",
    });
  });
});

Deno.test("folder keeps gray images gray, and makes all RGB where one is", async () => {
  const one = await load("folder", { "a/1.png": gray, "a/2.png": gray });
  assert.equal(one.channels, 1);
  assert.equal(one.train.images.length, 16);
  const mixed = await load("folder", { "a/1.png": gray, "a/2.png": red });
  assert.equal(mixed.channels, 3);
  assert.ok([one.train, one.test].every(({ images }) => images.every((value) => value === 9)));
});

Deno.test("folder resizes to the most common size, to 64 if that is larger, or to the size asked for", async () => {
  const sizesOf = async (files: Files, settings = "") => {
    const notices: string[] = [];
    let shape: number[] = [];
    await inFolder(async (folder) => {
      await writeFiles(folder, files);
      const { height, width } = await loadDataset(`folder:${folder}${settings}`, {
        onNotice: (text) => notices.push(text),
      });
      shape = [height, width];
    });
    return { shape, notices };
  };
  const small = plainPng(4, 6, [1]), other = plainPng(8, 8, [1]), large = plainPng(100, 80, [1]);
  assert.deepEqual(await sizesOf({ "a/1.png": small, "b/2.png": small }), { shape: [6, 4], notices: [] });
  assert.deepEqual(await sizesOf({ "a/1.png": small, "a/2.png": small, "b/3.png": other }), {
    shape: [6, 4],
    notices: ["found images of 2 sizes, most often 4x6; resizing to 4x6 (choose with size=)"],
  });
  assert.deepEqual(await sizesOf({ "a/1.png": large, "b/2.png": large }), {
    shape: [64, 64],
    notices: ["found images of 1 sizes, most often 100x80; resizing to 64x64 (choose with size=)"],
  });
  assert.deepEqual(await sizesOf({ "a/1.png": large, "b/2.png": other }, ",size=5"), {
    shape: [5, 5],
    notices: [],
  });
});

Deno.test("cifar100 and cifar10 read the official layout from a folder and from an archive", async () => {
  const record = (...labels: number[]) =>
    Uint8Array.of(...labels, ...new Uint8Array(3072).fill(labels.at(-1)!));
  const hundred = { "cifar-100-binary/train.bin": record(3, 42), "cifar-100-binary/test.bin": record(3, 7) };
  const ten = {
    "cifar-10-batches-bin/data_batch_1.bin": record(1),
    "cifar-10-batches-bin/data_batch_2.bin": record(2),
    "cifar-10-batches-bin/test_batch.bin": record(3),
    "cifar-10-batches-bin/batches.meta.txt": "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n",
  };
  assert.deepEqual([...(await load("cifar100", hundred)).train.labels], [42]);
  const dataset = await load("cifar10", ten);
  assert.deepEqual([...dataset.train.labels], [1, 2]);
  assert.equal(dataset.classNames[9], "j");
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/cifar-10-binary.tar.gz`, await tarGzFile(ten));
    assert.equal(await guessKind(folder), "cifar10");
    assert.equal((await loadDataset(`cifar10:${folder}`)).fingerprint, dataset.fingerprint);
  });
});

/** IDX files of 2x3 images numbered from 1, with labels. */
function idxPair(prefix: string, ...labels: readonly number[]): Files {
  const count = labels.length;
  const images = Uint8Array.of(
    0,
    0,
    8,
    3,
    0,
    0,
    0,
    count,
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    3,
    ...Array.from({ length: 6 * count }, (_, i) => i + 1),
  );
  return {
    [`${prefix}-images-idx3-ubyte.gz`]: new Uint8Array(gzipSync(images)),
    [`${prefix}-labels-idx1-ubyte.gz`]: new Uint8Array(
      gzipSync(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, count, ...labels)),
    ),
  };
}

Deno.test("fashion-mnist and kmnist name the classes of IDX files", async () => {
  await inFolder(async (folder) => {
    await writeFiles(`${folder}/x`, { ...idxPair("train", 0, 9), ...idxPair("t10k", 1) });
    assert.equal(await guessKind(`${folder}/x`), "idx");
    assert.equal((await loadDataset(`fashion-mnist:${folder}/x`)).classNames[9], "Ankle boot");
    assert.equal((await loadDataset(`kmnist:${folder}/x`)).classNames[9], "wo");
    assert.equal((await loadDataset(`mnist:${folder}/x`)).name, "mnist");
  });
});

Deno.test("mnist takes the same file, packed and unpacked or in two folders, for one", async () => {
  const packed = { ...idxPair("MNIST/raw/train", 0, 1), ...idxPair("MNIST/raw/t10k", 1) };
  const unpacked = Object.fromEntries(
    Object.entries(packed).map(([name, bytes]) => [name.replace(".gz", ""), gunzipSync(bytes as Uint8Array)]),
  );
  const kaggle = Object.fromEntries(
    Object.entries(unpacked).flatMap(([name, bytes]) => [
      [name.replace("-idx", ".idx"), bytes],
      [`${name}/${name.split("/").at(-1)}`, bytes],
    ]),
  );
  const { fingerprint } = await load("idx", packed);
  assert.equal((await load("idx", { ...packed, ...unpacked })).fingerprint, fingerprint);
  assert.equal((await load("idx", kaggle)).fingerprint, fingerprint);
  const other = { ...unpacked, "MNIST/raw/t10k-labels-idx1-ubyte": Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 0) };
  await refuses(
    "mnist",
    { ...packed, ...other },
    /found both MNIST\/raw\/t10k-labels-idx1-ubyte and .*\.gz of different content, wanted one file of test labels/,
  );
});

Deno.test("emnist knows its classes without a mapping, and says which sets there are", async () => {
  const files = { ...idxPair("raw/emnist-letters-train", 1, 26), ...idxPair("raw/emnist-letters-test", 2) };
  const letters = await load("emnist", files, ",set=letters");
  assert.deepEqual([letters.classNames.length, letters.classNames[0], letters.classNames[25]], [
    26,
    "A",
    "Z",
  ]);
  assert.deepEqual([...letters.train.labels, ...letters.test.labels], [0, 25, 1]);
  await refuses("emnist", files, /found EMNIST's letters, not balanced; choose with set=$/);
  const balanced = { ...idxPair("emnist-balanced-train", 0, 46), ...idxPair("emnist-balanced-test", 36) };
  const { classNames } = await load("emnist", balanced);
  assert.deepEqual([classNames.length, classNames[9], classNames[36], classNames[46]], [47, "9", "a", "t"]);
});

Deno.test("emnist picks a set, turns images upright and counts labels by its mapping", async () => {
  const files = {
    ...idxPair("gzip/emnist-letters-train", 1, 2),
    ...idxPair("gzip/emnist-letters-test", 2),
    ...idxPair("gzip/emnist-balanced-train", 0),
    ...idxPair("gzip/emnist-balanced-test", 1),
    "gzip/emnist-letters-mapping.txt": "1 65 97\n2 66 98\n",
    "gzip/emnist-balanced-mapping.txt": "0 48\n1 49\n",
  };
  const letters = await load("emnist", files, ",set=letters");
  assert.deepEqual(letters.classNames, ["A", "B"]);
  assert.deepEqual([...letters.train.labels, ...letters.test.labels], [0, 1, 1]);
  assert.deepEqual([letters.height, letters.width], [3, 2]);
  // Stored 1 2 3 / 4 5 6, column by column.
  assert.deepEqual([...letters.train.images.subarray(0, 6)], [1, 4, 2, 5, 3, 6]);
  assert.equal((await load("emnist", files)).name, "emnist-balanced");
  await assert.rejects(load("emnist", files, ",set=greek"), {
    message: /found set=greek, wanted one of balanced, /,
  });
  await refuses(
    "emnist",
    { ...files, "gzip/emnist-balanced-mapping.txt": "0 48\n" },
    /found label 1, wanted one of 0$/,
  );
});

Deno.test("loadDataset() refuses settings that a kind does not have, or wrong values", async () => {
  for (
    const [spec, message] of [
      ["cifar100:x,size=3", "Cannot use setting size= of a data set: wanted no settings for this kind"],
      ["tiny-imagenet:x,seed=3", "Cannot use setting seed= of a data set: wanted size, undecodable"],
      ["folder:x,size=0", "Cannot use setting size=0: wanted an integer from 1 to 1024"],
      ["folder:x,seed=1.5", "Cannot use setting seed=1.5: wanted an integer from 0 to 4294967295"],
      ["folder:x,size=", "Cannot use setting size=: wanted an integer from 1 to 1024"],
    ] as const
  ) {
    await assert.rejects(loadDataset(spec), { name: "InputError", message });
  }
  await assert.rejects(loadDataset("folder:a,b=c/d"), {
    message: "Cannot use setting b= of a data set: wanted size, undecodable, seed, depth",
  });
});

Deno.test("folder and guessKind() say that links became texts", async () => {
  await inFolder(async (folder) => {
    await writeFiles(folder, { "train/ant": "../../full/train/ant", "train/bee": "../../full/train/bee" });
    const message =
      /found train\/ant, a text with the path ..\/..\/full\/train\/ant, which was a link once; wanted links/;
    await assert.rejects(loadDataset(`folder:${folder}`), { name: "InputError", message });
    await assert.rejects(guessKind(folder), { name: "InputError", message });
  });
});

Deno.test("guessKind() says when it does not know", async () => {
  await inFolder(async (folder) => {
    await writeFiles(folder, { "notes.txt": "x" });
    await assert.rejects(guessKind(folder), {
      name: "InputError",
      message: /^Cannot tell what .* is: found no files of a known/,
    });
  });
});
