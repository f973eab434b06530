import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { gzipSync } from "node:zlib";
import { imageSize } from "./dataset.ts";
import { loadDataset } from "./load.ts";

const SHARED = new URL("../../../shared/data/", import.meta.url);

/** A test on real images beside the repository; reported as ignored where they are missing. */
function realDataTest(folder: string, name: string, run: (path: string) => Promise<void>): void {
  const path = new URL(folder, SHARED).pathname;
  let present = true;
  try {
    Deno.statSync(path);
  } catch {
    present = false;
  }
  Deno.test({
    name: present ? name : `${name} (skipped: no ../shared/data/${folder})`,
    ignore: !present,
    fn: () => run(path),
  });
}

function perClass(labels: Int32Array, classes: number): Set<number> {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  return new Set(counts);
}

realDataTest("cifar-100-binary", "loadDataset() reads CIFAR-100", async (path) => {
  const { train, test, classNames, families } = await loadDataset(`cifar100:${path}`);
  const members = Map.groupBy(classNames, (_, label) => families![label]!);
  assert.deepEqual([members.size, ...new Set([...members.values()].map(({ length }) => length))], [20, 5]);
  assert.deepEqual(members.get("fish"), ["aquarium_fish", "flatfish", "ray", "shark", "trout"]);
  assert.equal(train.count, 15_000);
  assert.equal(test.count, 10_000);
  assert.deepEqual(perClass(train.labels, 100), new Set([150]));
  assert.deepEqual(perClass(test.labels, 100), new Set([100]));
  assert.deepEqual(classNames.slice(0, 3), ["apple", "aquarium_fish", "baby"]);
  assert.deepEqual([...test.labels.subarray(0, 2)], [0, 1]);
  assert.deepEqual([...test.images.subarray(0, 4)], [182, 178, 182, 173]);
  assert.deepEqual([...test.images.subarray(3072 + 1024, 3072 + 1026)], [132, 88]);
});

realDataTest("omniglot", "loadDataset() reads Omniglot's 1,623 classes", async (path) => {
  const { train, test, classNames, name } = await loadDataset(`idx:${path}`);
  assert.equal(name, "omniglot");
  assert.equal(classNames.length, 1623);
  assert.equal(classNames[1], "Alphabet_of_the_Magi/character02");
  const { families } = await loadDataset(`omniglot:${path}`);
  assert.equal(new Set(families).size, 50);
  assert.equal(families![1], "Alphabet_of_the_Magi");
  assert.deepEqual(perClass(train.labels, 1623), new Set([15]));
  assert.deepEqual(perClass(test.labels, 1623), new Set([5]));
  assert.equal(train.images.subarray(0, 1024).reduce((sum, ink) => sum + ink, 0), 17_340);
});

realDataTest("mnist", "loadDataset() splits MNIST's one pair of files 80/20", async (path) => {
  const dataset = await loadDataset(`idx:${path}`);
  assert.equal(dataset.train.count, 7997);
  assert.equal(dataset.test.count, 2003);
  assert.deepEqual([...dataset.train.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
  assert.equal(
    dataset.train.images.subarray(0, imageSize(dataset)).reduce((sum, ink) => sum + ink, 0),
    18_454,
  );
  assert.deepEqual(dataset.classNames, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

for (
  const [folder, kind, fingerprint] of [
    ["cifar-100-binary", "cifar100", "df0071e632fe0e5efdd81d08bbea9958b409b0c025d90498471ac5a16fc2c3b4"],
    ["mnist", "mnist", "92598d1065417ac98bbcb59d764855c2285e9abb83e59964e2f3ead9e7a69fd7"],
    ["notmnist", "idx", "2cb9f0b1833d19a3611bd1ae9a45dcf5bc0d0bd4649d37dbcef565d61c68d5d1"],
    ["omniglot", "omniglot", "1f24894028a45db2e50550f1f23c4850ac3011c5a2199c773cd1fc8b1f1e7511"],
  ] as const
) {
  realDataTest(folder, `loadDataset() reads ${folder} as it always has`, async (path) => {
    assert.equal((await loadDataset(`${kind}:${path}`)).fingerprint, fingerprint);
  });
}

Deno.test("loadDataset() makes procedural data from settings", async () => {
  const dataset = await loadDataset("procedural:classes=3,trainPerClass=2,testPerClass=1,size=8");
  assert.equal(dataset.train.count, 6);
  assert.equal(dataset.width, 8);
});

Deno.test("loadDataset() lists the kinds when it does not know one", async () => {
  for (const kind of ["imagenet", "constructor", ""]) {
    await assert.rejects(loadDataset(`${kind}:x`), {
      name: "InputError",
      message:
        `Cannot load data set "${kind}:x": found kind "${kind}", wanted one of procedural, cifar100, ` +
        "cifar10, tiny-imagenet, cub200, imagenet-r, omniglot, mnist, fashion-mnist, kmnist, emnist, idx, list, parquet, webdataset, folder",
    });
  }
  await assert.rejects(loadDataset("cifar100"), {
    message: `Cannot load data set "cifar100": found no path, wanted cifar100:PATH`,
  });
});

Deno.test("loadDataset() names what is missing on the disk", async () => {
  await inFolder(async (folder) => {
    const fails = (spec: string, message: string) =>
      assert.rejects(loadDataset(spec), { name: "InputError", message });
    await fails(`cifar100:${folder}/none`, `Cannot read ${folder}/none: it does not exist`);
    await fails(
      `cifar100:${folder}`,
      `Cannot read ${folder}: found no train.bin, wanted CIFAR's binary or Python version`,
    );
    await fails(
      `cifar10:${folder}`,
      `Cannot read ${folder}: found no data_batch_1.bin, wanted CIFAR's binary or Python version`,
    );
    await fails(
      `idx:${folder}/`,
      `Cannot read ${folder}: found no IDX files, wanted names such as train-images-idx3-ubyte.gz`,
    );
    await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte`, new Uint8Array(3));
    await fails(
      `idx:${folder}`,
      `Cannot read ${folder}: found t10k-images-idx3-ubyte alone, wanted images and labels`,
    );
    await fails(
      `idx:${folder}/t10k-images-idx3-ubyte`,
      `Cannot read ${folder}/t10k-images-idx3-ubyte: found a file that is no archive, ` +
        "wanted a folder, zip, tar or tar.gz",
    );
    await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte.gz`, new Uint8Array(4));
    await fails(
      `idx:${folder}`,
      `Cannot read ${folder}: found both t10k-images-idx3-ubyte and t10k-images-idx3-ubyte.gz ` +
        "of different content, wanted one file of test images",
    );
  });
});

Deno.test("loadDataset() names a pointer of Git LFS or a web page that stands in for a file", async () => {
  await inFolder(async (folder) => {
    const pointer = `version https${"://"}git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n`;
    for (
      const [kind, name] of [
        ["cifar100", "train.bin"],
        ["cifar10", "data_batch_1"],
        ["idx", "train-images-idx3-ubyte.gz"],
        ["parquet", "x.parquet"],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/${name}`, pointer);
      const message =
        /found a Git LFS pointer \(git lfs pull fetches the file itself\), wanted the file itself$/;
      await assert.rejects(loadDataset(`${kind}:${folder}`), { name: "InputError", message });
      await Deno.remove(`${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/a.zip`, "<!DOCTYPE html><html>");
    await assert.rejects(loadDataset(`folder:${folder}/a.zip`), {
      message:
        /a.zip: found an HTML page \(a download that was answered by a web page\), wanted the file itself$/,
    });
  });
});

Deno.test({
  name: "loadDataset() says what the disk refuses without the system's codes",
  ignore: Deno.build.os === "windows",
  async fn() {
    await inFolder(async (folder) => {
      await Deno.symlink("loop", `${folder}/loop`);
      for (const path of [`${folder}/loop`, `${folder}/${"x".repeat(300)}`, `${folder}/loop/x`, folder]) {
        await assert.rejects(loadDataset(`folder:${path}`), (error: Error) => {
          assert.equal(error.name, "InputError");
          assert.doesNotMatch(error.message, /os error/);
          return true;
        });
      }
    });
  },
});

Deno.test({
  name: "loadDataset() turns a refused permission into an InputError",
  permissions: { read: false },
  async fn() {
    await assert.rejects(loadDataset("cifar100:anywhere"), {
      name: "InputError",
      message: /^Cannot read anywhere: no permission \(.*read access/,
    });
  },
});

Deno.test("loadDataset() reads IDX names, plain and gzipped files, and class names", async () => {
  await inFolder(async (folder) => {
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 42);
    const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 1);
    await Deno.writeFile(`${folder}/train-images.idx3-ubyte`, images);
    await Deno.writeFile(`${folder}/train-labels-idx1-ubyte.gz`, gzipSync(labels));
    await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte.gz`, gzipSync(images));
    await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, labels);
    await Deno.writeTextFile(`${folder}/classes.txt`, "first\r\nsecond\r\n");
    const dataset = await loadDataset(`idx:${folder}/`);
    assert.deepEqual(dataset.classNames, ["first", "second"]);
    assert.deepEqual([...dataset.test.images, ...dataset.test.labels], [42, 1]);
  });
});
