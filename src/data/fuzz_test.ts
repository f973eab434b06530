/**
 * Readers of data sets under damage.
 *
 * @module
 */
import { crc32, gzipSync } from "node:zlib";
import { fuzz, mutate } from "../core/test_fuzz.ts";
import { parseCifar100 } from "./cifar.ts";
import { readTar } from "./files/tar.ts";
import type { FileTree } from "./files/tree.ts";
import type { TreeFile } from "./files/tree_file.ts";
import { readZip } from "./files/zip.ts";
import { parseIdxDataset } from "./idx.ts";
import { createImageCodec } from "./images/codec.ts";
import { cubLayout } from "./images/cub.ts";
import { folderLayout } from "./images/folder.ts";
import { loadImageSet } from "./images/image_set.ts";
import { tinyImagenetLayout } from "./images/tiny_imagenet.ts";
import { type Files, jpegFile, plainPng, tarFile, zipFile } from "./test_files.ts";

const CIFAR = Uint8Array.from({ length: 2 * 3074 }, (_, i) => i % 3074 < 2 ? i % 7 : i * 31);
const IMAGES = Uint8Array.from([
  ...[0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 2],
  ...Array.from({ length: 24 }, (_, i) => i),
]);
const LABELS = Uint8Array.of(0, 0, 11, 1, 0, 0, 0, 6, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 2);
const PACKED = new Uint8Array(gzipSync(IMAGES));

Deno.test("parseCifar100() reads or refuses 10,000 damaged files", async () => {
  await fuzz(
    "cifar",
    10 * CIFAR.length,
    (rng) => parseCifar100(mutate(CIFAR, rng), CIFAR).train.images.length,
  );
});

Deno.test("parseIdxDataset() reads or refuses 10,000 damaged files", async () => {
  await fuzz("idx", 1000, async (rng) => {
    const images = rng.integer(2) ? IMAGES : mutate(IMAGES, rng);
    const labels = rng.integer(2) ? LABELS : mutate(LABELS, rng);
    return (await parseIdxDataset("fuzz", { train: { images, labels } })).train.images.length;
  });
});

Deno.test("parseIdxDataset() reads or refuses 10,000 damaged gzip files", async () => {
  await fuzz("gzip", 1000, async (rng) => {
    const images = rng.integer(3) ? mutate(PACKED, rng) : gzipSync(mutate(IMAGES, rng));
    return (await parseIdxDataset("fuzz", { train: { images, labels: LABELS } })).train.images.length;
  });
});

/** Reads all files and sums their sizes. */
async function sizeOfAll(files: AsyncIterable<TreeFile>): Promise<number> {
  let total = 0;
  for await (const file of files) total += (await file.bytes()).length;
  return total;
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([Uint8Array.from(bytes)]).stream();
}

/** Makes the checksums of all headers right again, so that damage gets past them. */
function mendTar(tar: Uint8Array): void {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (String.fromCharCode(...tar.subarray(at + 257, at + 262)) !== "ustar") continue;
    tar.fill(32, at + 148, at + 156);
    const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    tar.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), at + 148);
  }
}

/** The same for the chunks of a PNG file. */
function mendPng(png: Uint8Array): void {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  for (let at = 8; at + 12 <= png.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > png.length) return;
    view.setUint32(end, crc32(png.subarray(at + 4, end)));
    at = end + 4;
  }
}

const FILES: Files = {
  "a/b.txt": "some text, some text, some text",
  "c": new Uint8Array(700).fill(3),
  "d/e": "x",
};

Deno.test("readTar() reads or refuses 10,000 damaged archives", async () => {
  const tar = await tarFile(FILES);
  const packed = new Uint8Array(gzipSync(tar));
  await fuzz("tar", 10 * tar.length, async (rng) => {
    const isPacked = rng.integer(4) === 0;
    const damaged = mutate(isPacked ? packed : tar, rng, 600);
    if (!isPacked && rng.integer(2)) mendTar(damaged);
    return await sizeOfAll(readTar("x", () => streamOf(damaged), isPacked));
  });
});

Deno.test("readZip() reads or refuses 10,000 damaged archives", async () => {
  const zip = zipFile(FILES);
  await fuzz("zip", 10 * 1032 * zip.length, async (rng) => {
    const bytes = mutate(zip, rng);
    return await sizeOfAll(readZip("x", {
      size: bytes.length,
      read: (at, length) => Promise.resolve(bytes.slice(at, at + length)),
    }));
  });
});

const codec = await createImageCodec();

Deno.test("decode() reads or refuses 10,000 damaged JPEG files", async () => {
  const files = [jpegFile("baseline"), jpegFile("progressive"), jpegFile("gray")] as const;
  await fuzz("jpeg", 4 * 2 ** 20, async (rng) => {
    const bytes = mutate(files[rng.integer(3)]!, rng, 300);
    return (await codec.decode("x", bytes)).data.length;
  });
});

Deno.test("decode() reads or refuses 10,000 damaged PNG files", async () => {
  const files = [plainPng(9, 7, [1, 2, 3]), plainPng(9, 7, [5])] as const;
  await fuzz("png", 4 * 2 ** 20, async (rng) => {
    const bytes = mutate(files[rng.integer(2)]!, rng, 60);
    if (rng.integer(2)) mendPng(bytes);
    return (await codec.decode("x", bytes)).data.length;
  });
});

/** A tree in memory. */
function treeOf(files: Readonly<Record<string, Uint8Array>>): FileTree {
  return {
    source: "x",
    hash: () => Promise.resolve(""),
    async *walk() {
      for (const [path, bytes] of Object.entries(files)) {
        yield { path, size: bytes.length, bytes: () => Promise.resolve(bytes) };
      }
    },
  };
}

Deno.test("loadImageSet() reads or refuses 10,000 damaged image folders", async () => {
  const text = (lines: string) => new TextEncoder().encode(lines);
  const image = plainPng(3, 3, [1, 2, 3]);
  const sets = [
    [folderLayout(0), { "train/a/1.png": image, "train/b/2.png": image, "test/a/3.png": image }],
    [tinyImagenetLayout, {
      "wnids.txt": text("n1\nn2\n"),
      "words.txt": text("n1\tcat\n"),
      "train/n1/images/1.png": image,
      "val/val_annotations.txt": text("v0.png\tn2\t0\t0\t1\t1\n"),
      "val/images/v0.png": image,
    }],
    [cubLayout, {
      "images.txt": text("1 a/1.png\n2 b/2.png\n"),
      "classes.txt": text("1 a\n2 b\n"),
      "image_class_labels.txt": text("1 1\n2 2\n"),
      "train_test_split.txt": text("1 1\n2 0\n"),
      "images/a/1.png": image,
      "images/b/2.png": image,
    }],
  ] as const;
  await fuzz("folder", 2 ** 22, async (rng) => {
    const [layout, files] = sets[rng.integer(sets.length)]!;
    const entries = Object.entries<Uint8Array>(files);
    const victim = rng.integer(entries.length);
    const damaged = entries.flatMap(([path, bytes], i): [string, Uint8Array][] => {
      if (i !== victim) return [[path, bytes]];
      const way = rng.integer(8);
      if (way === 0) return [];
      if (way === 1) return [[new TextDecoder().decode(mutate(text(path), rng)), bytes]];
      return [[path, mutate(bytes, rng, 60)]];
    });
    const dataset = await loadImageSet("x", treeOf(Object.fromEntries(damaged)), layout, { codec });
    return dataset.train.images.length + dataset.test.images.length;
  });
});
