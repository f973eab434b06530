import assert from "node:assert/strict";
import { dataCommand, getFiles } from "./data.ts";
import { dataSources } from "./data_sources.ts";
import { callCommand, inFolder } from "../test_kit.ts";

const call = (...args: string[]) => callCommand(dataCommand, args);

/** An IDX pair of gray images of one byte. */
async function writeIdx(folder: string, part: string, images: readonly number[], labels: readonly number[]) {
  const count = images.length;
  await Deno.writeFile(
    `${folder}/${part}-images-idx3-ubyte`,
    Uint8Array.of(0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 1, ...images),
  );
  await Deno.writeFile(
    `${folder}/${part}-labels-idx1-ubyte`,
    Uint8Array.of(0, 0, 8, 1, 0, 0, 0, count, ...labels),
  );
}

Deno.test("data list names every kind and what can be downloaded", async () => {
  const { code, out } = await call("list");
  assert.equal(code, 0);
  assert.match(out, /cifar100:PATH +\| 169 MB/);
  const rows = JSON.parse((await call("list", "--json")).out) as { id: string; bytes: number | null }[];
  assert.deepEqual(
    rows.filter(({ bytes }) => bytes).map(({ id }) => id).sort(),
    Object.keys(dataSources).sort(),
  );
});

Deno.test("data check guesses the kind and names oddities", async () => {
  await inFolder(async (folder) => {
    await writeIdx(folder, "train", [1, 2, 3, 3], [0, 1, 0, 1]);
    await writeIdx(folder, "t10k", [9, 2], [0, 0]);
    const { code, out } = await call("check", folder);
    assert.equal(code, 0);
    const shown = out.replace(/[0-9a-f]{64}/, "HASH").split("\n").slice(1);
    assert.deepEqual(shown, [
      "classes      2: 0, 1",
      "train        4 images, 2 a class",
      "test         2 images, 0 to 2 a class",
      "shape        1 x 1 x 1",
      "fingerprint  HASH",
      "oddities",
      "  1 test images equal to a training image",
      "    test 1 (0) = train 1 (1)",
      "  1 of them under another label",
      "    test 1 (0) = train 1 (1)",
      "  1 training images equal to another of another label",
      "    train 3 (1) = train 2 (0)",
      "  6 images of one value throughout",
      ...["train 0 (0)", "train 1 (1)", "train 2 (0)", "train 3 (1)", "test 0 (0)"].map((place) =>
        `    ${place}`
      ),
      "    and 1 more",
      "  1 classes without test images",
      "    1",
      "",
    ]);
    const json = JSON.parse((await call("check", `idx:${folder}`, "--json")).out);
    assert.equal(json.oddities.length, 5);
    assert.equal(json.train.images, 4);
  });
});

Deno.test("data check says none where nothing is odd", async () => {
  const { out } = await call("check", "procedural:classes=2,trainPerClass=2,testPerClass=1,size=8");
  assert.ok(out.endsWith("\noddities     none found\n"), out);
});

Deno.test("data answers wrong usage with code 2", async () => {
  for (
    const [args, message] of [
      [["frob"], /Cannot do "frob": wanted list, get or check/],
      [["get"], /Cannot get: found nothing to get, wanted an id/],
      [["get", "folder"], /Cannot get "folder": found no address, wanted one of cifar100, /],
      [["check", "/nowhere"], /Cannot read \/nowhere: it does not exist/],
    ] as const
  ) {
    const { code, err } = await call(...args);
    assert.equal(code, 2);
    assert.match(err, message);
  }
});

Deno.test("data sources have whole checksums and names that the readers know", () => {
  for (const [id, source] of Object.entries(dataSources)) {
    for (const { url, size, digest } of source.files) {
      assert.ok(size > 1000, id);
      assert.match(digest.hex, digest.algorithm === "md5" ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{64}$/, url);
      assert.match(new URL(url).pathname, /\/[\w.-]+(\.zip|\.tar|\.tgz|\.tar\.gz|-ubyte\.gz)$/);
    }
  }
});

Deno.test({
  name: "getFiles() downloads into a folder that it creates, and is quick the second time",
  permissions: { net: ["127.0.0.1"], read: true, write: true },
  async fn() {
    await inFolder(async (folder) => {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response("hello"),
      );
      try {
        const hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        const url = `http://127.0.0.1:${server.addr.port}/x.tar`;
        const err: string[] = [];
        const output = { out() {}, err: (text: string) => err.push(text) };
        for (let i = 0; i < 2; i++) {
          await getFiles([{ url, size: 5, digest: { algorithm: "sha256", hex } }], `${folder}/a/b`, output);
        }
        assert.equal(await Deno.readTextFile(`${folder}/a/b/x.tar`), "hello");
        assert.deepEqual(err, [
          "x.tar: downloaded, sha256 is right\n",
          "x.tar: was here already, sha256 is right\n",
        ]);
      } finally {
        await server.shutdown();
      }
    });
  },
});

Deno.test({
  name: "data get asks for its hosts and no others",
  permissions: { net: false, read: true, write: false, env: true },
  async fn() {
    const { code, err } = await call("get", "cifar100", "--out", "nowhere");
    assert.equal(code, 2);
    assert.match(
      err,
      /no permission; allow it with --allow-net=www\.cs\.toronto\.edu,cave\.cs\.toronto\.edu\.\n$/,
    );
  },
});

Deno.test("the data task may reach the hosts of the data sources and no others", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const allowed = /--allow-net=(\S+)/.exec(tasks.data.command)?.[1]?.split(",");
  const files = Object.values(dataSources).flatMap((source) => source.files);
  const hosts = new Set(files.flatMap(({ url, redirects }) => [new URL(url).host, ...redirects ?? []]));
  assert.deepEqual(allowed?.toSorted(), [...hosts].toSorted());
});
