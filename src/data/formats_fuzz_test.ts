/**
 * Readers of containers and images under damage: a result or an `InputError`, and never more memory asked for than the
 * file can account for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { fuzz, mutate } from "../core/test_fuzz.ts";
import type { Rng } from "../core/rng.ts";
import { pickledRecords } from "./cifar_python.ts";
import { readTar } from "./files/tar.ts";
import { readZip } from "./files/zip.ts";
import { unpackIdx } from "./idx.ts";
import { createImageCodec } from "./images/codec.ts";
import { listLayout } from "./images/list.ts";
import { openParquet } from "./parquet/parquet.ts";
import { allocated } from "./test_allocation.ts";
import { tarFile } from "./test_files.ts";

const fixtures = new URL("../../fixtures/data/", import.meta.url);
const decodeText = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const images: Record<string, { base64: string }> = JSON.parse(
  await Deno.readTextFile(new URL("images.json", fixtures)),
);
const parquet: Record<string, string> = JSON.parse(
  await Deno.readTextFile(new URL("parquet.json", fixtures)),
);
const pickles: Record<string, Record<string, string>> = JSON.parse(
  new TextDecoder().decode(gunzipSync(await Deno.readFile(new URL("cifar_python.json.gz", fixtures)))),
);

/** Memory beyond what the process had that damaged files may leave behind. */
const MAX_GROWTH = 2 ** 29;

/** Fuzzes a reader with its allocations as the bytes that are limited. */
async function fuzzReader(
  name: string,
  limitOf: (size: number) => number,
  damage: (rng: Rng) => Uint8Array,
  read: (bytes: Uint8Array) => unknown,
): Promise<void> {
  const before = Deno.memoryUsage().rss;
  let largest = 0;
  await fuzz(name, 1, async (rng) => {
    const damaged = damage(rng);
    const { bytes, error } = await allocated(() => read(damaged));
    const share = bytes / limitOf(damaged.length);
    largest = Math.max(largest, share);
    assert.ok(share <= 1, `${bytes} bytes for ${damaged.length}`);
    if (error) throw error;
    return share;
  });
  assert.ok(largest > 0, "nothing was counted");
  const growth = Deno.memoryUsage().rss - before;
  assert.ok(growth < MAX_GROWTH, `the process grew by ${growth} bytes`);
}

function pickFrom<T>(items: readonly T[], rng: Rng): T {
  return items[rng.integer(items.length)]!;
}

const codec = await createImageCodec();
// Small files may be large blank images: header.ts allows 2 ** 20 pixels, or 512 a byte. A pixel takes 4 bytes, and up to
// 20 more while planes, indices and masks are held.
const imageLimit = (size: number) => 24 * Math.max(2 ** 20, 512 * size);

for (
  const [format, pattern] of [
    ["WebP", /^webp/],
    ["GIF", /^gif/],
    ["BMP", /^bmp/],
    ["TIFF", /^tiff/],
    ["PNM", /^p[pgb]m/],
    ["CMYK JPEG", /^jpeg (cmyk|ycck)/],
    ["interlaced PNG", /^png/],
  ] as const
) {
  const files = Object.entries(images).filter(([name]) => pattern.test(name)).map(([, file]) =>
    decodeText(file.base64)
  );
  Deno.test(`decode() reads or refuses 10,000 damaged ${format} files`, async () => {
    await fuzzReader(
      format,
      imageLimit,
      (rng) => mutate(pickFrom(files, rng), rng, 80),
      (bytes) => codec.decode("x", bytes),
    );
  });
}

Deno.test("openParquet() reads or refuses 10,000 damaged files", async () => {
  const files = ["snappy", "gzip", "zstd", "lz4", "none", "pages of version 2", "row groups", "no dictionary"]
    .map((name) => decodeText(parquet[name]!));
  await fuzzReader("parquet", (size) => 2 ** 22 + 2064 * size, (rng) => {
    const file = pickFrom(files, rng);
    // The footer says where everything is, so it is hit as often as the rest.
    if (rng.integer(2)) return mutate(file, rng, 1000);
    const reversed = mutate(Uint8Array.from(file).reverse(), rng, 1000);
    return reversed.reverse();
  }, async (bytes) => {
    for await (const row of openParquet("x", bytes).rows()) {
      assert.ok(row.bytes.length <= bytes.length * 2064);
    }
  });
});

Deno.test("pickledRecords() reads or refuses 10,000 damaged files", async () => {
  const files = ["cifar10 python2", "cifar10 protocol 2", "cifar10 protocol 3", "cifar10 protocol 5"]
    .map((version) => decodeText(pickles[version]!.data_batch_1!));
  await fuzzReader(
    "pickle",
    (size) => 2 ** 16 + 64 * size,
    (rng) => mutate(pickFrom(files, rng), rng, 400),
    (bytes) => pickledRecords("x", bytes, ["labels"]),
  );
});

Deno.test("listLayout() reads or refuses 10,000 damaged lists", async () => {
  const lists = {
    "metadata.csv": 'file_name,label,split\n1.png,cat,train\n"2.png",dog,train\n3.png,cat,test\n',
    "metadata.jsonl": '{"file_name":"1.png","label":1}\n{"file_name":"2.png","label":0}\n',
    "train.tsv": "1.png\tcat\n2.png\tdog\n",
    "train.txt": "1.png cat\n2.png dog\n",
  };
  const names = Object.keys(lists) as (keyof typeof lists)[];
  let name = names[0]!;
  await fuzzReader("lists", (size) => 2 ** 16 + 256 * size, (rng) => {
    name = pickFrom(names, rng);
    return mutate(new TextEncoder().encode(lists[name]), rng, 40);
  }, (bytes) => {
    const text = new TextDecoder().decode(bytes);
    const index = {
      source: "x",
      images: ["1.png", "2.png", "3.png"],
      others: [],
      rest: [],
      texts: [name],
      hasText: () => true,
      text: () => text,
    };
    return listLayout({ seed: 0 }).plan(index);
  });
});

Deno.test("readTar() reads or refuses 10,000 damaged archives with links, PAX headers and gzip members", async () => {
  const tar = await tarFile({ [`${"long/".repeat(40)}a.txt`]: "text", "b/c": new Uint8Array(600) }, [
    { name: "hard", type: "link", linkname: "b/c", size: 0 },
    { name: "soft", type: "symlink", linkname: "b", size: 0 },
    { name: "b/again", type: "symlink", linkname: "c", size: 0 },
  ]);
  const packed = new Uint8Array(
    Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700)), new Uint8Array(64)]),
  );
  let isPacked = false;
  await fuzzReader("tar links", (size) => 2 ** 20 + 1100 * size, (rng) => {
    isPacked = rng.integer(4) === 0;
    return mutate(isPacked ? packed : tar, rng, 3000);
  }, async (bytes) => {
    for await (const file of readTar("x", () => new Blob([Uint8Array.from(bytes)]).stream(), isPacked)) {
      if (file.size < 2 ** 20) await file.bytes();
    }
  });
});

Deno.test("readZip() reads or refuses 10,000 damaged archives with links and plain names", async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const zip = zipSync({
    "a/caf\u00e9.txt": [new Uint8Array(3000), { level: 9 }],
    "a\\b": [text("stored"), { level: 0 }],
    "link": [text("a/b"), { os: 3, attrs: 0o120777 << 16 }],
    "folder": [text("a"), { os: 3, attrs: 0o120777 << 16 }],
  });
  await fuzzReader("zip links", (size) => 2 ** 20 + 2064 * size, (rng) => {
    // The directory at the end says where everything is.
    const reversed = mutate(Uint8Array.from(zip).reverse(), rng, 400);
    return rng.integer(2) ? reversed.reverse() : mutate(zip, rng, 200);
  }, async (bytes) => {
    const content = {
      size: bytes.length,
      // As from a disk: what is asked for is allocated, whether it is there or not.
      read(at: number, length: number) {
        const part = bytes.subarray(at, at + length), buffer = new Uint8Array(length);
        buffer.set(part);
        return Promise.resolve(buffer.subarray(0, part.length));
      },
    };
    for await (const file of readZip("x", content)) await file.bytes();
  });
});

Deno.test("unpackIdx() reads or refuses 10,000 damaged gzip files of several members", async () => {
  const idx = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 10, ...new Uint8Array(900));
  const packed = new Uint8Array(
    Buffer.concat([gzipSync(idx.subarray(0, 300)), gzipSync(idx.subarray(300)), new Uint8Array(32)]),
  );
  await fuzzReader(
    "gzip members",
    (size) => 2 ** 18 + 2064 * size,
    (rng) => mutate(packed, rng, 60),
    (bytes) => unpackIdx("x", bytes),
  );
});
