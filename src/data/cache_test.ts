import assert from "node:assert/strict";
import { inFolder } from "../core/test_folder.ts";
import { cached } from "./cache.ts";
import { createDataset, type Dataset } from "./dataset.ts";
import { loadDataset } from "./load.ts";
import { plainPng, writeFiles } from "./test_files.ts";

function toy(value = 1): Dataset {
  return createDataset({
    name: "toy",
    channels: 1,
    height: 2,
    width: 3,
    classNames: ["é", "b"],
    train: { images: new Uint8Array(18).fill(value), labels: Int32Array.of(0, 1, 1), count: 3 },
    test: { images: new Uint8Array(6).fill(2), labels: Int32Array.of(1), count: 1 },
  });
}

/** Asks for the toy set and says whether it had to be made, and what was noticed. */
async function ask(cache: string, identity = { kind: "toy" }) {
  let isMade = false;
  const notices: string[] = [];
  const dataset = await cached(identity, { cache, onNotice: (text) => notices.push(text) }, () => {
    isMade = true;
    return Promise.resolve(toy());
  });
  assert.deepEqual(dataset, toy());
  return { isMade, notices };
}

/** The one file in a folder. */
function entryIn(folder: string): string {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  assert.equal(names.length, 1);
  return `${folder}/${names[0]}`;
}

Deno.test("cached() makes a data set once for each identity", async () => {
  await inFolder(async (folder) => {
    const cache = `${folder}/a/b`;
    assert.deepEqual(await ask(cache), { isMade: true, notices: [] });
    assert.deepEqual(await ask(cache), { isMade: false, notices: [] });
    assert.equal((await ask(cache, { kind: "other" })).isMade, true);
  });
});

Deno.test("cached() keeps nothing without a folder", async () => {
  assert.deepEqual(await cached({}, {}, () => Promise.resolve(toy())), toy());
});

Deno.test("cached() notices every damaged byte and every cut, and makes the entry again", async () => {
  await inFolder(async (folder) => {
    await ask(folder);
    const path = entryIn(folder);
    const whole = await Deno.readFile(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at]! ^= 0x10;
      await Deno.writeFile(path, damaged);
      const { isMade, notices } = await ask(folder);
      assert.ok(isMade, `byte ${at} of ${whole.length}`);
      assert.match(notices[0]!, /\.dataset is damaged and will be made again: /);
    }
    for (const length of [0, 3, 4, 50, whole.length - 1]) {
      await Deno.writeFile(path, whole.subarray(0, length));
      assert.ok((await ask(folder)).isMade);
    }
    assert.deepEqual(await Deno.readFile(path), whole);
  });
});

Deno.test("cached() goes on where it may not write", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const { isMade, notices } = await ask(`${folder}/file`);
    assert.ok(isMade);
    assert.match(notices[0]!, /^decoded data cannot be kept in .*file: /);
  });
});

Deno.test("loadDataset() finds decoded images again, but not those of other files, sizes or seeds", async () => {
  await inFolder(async (folder) => {
    const cache = `${folder}/cache`, path = `${folder}/set`;
    await writeFiles(path, {
      "a/1.png": plainPng(8, 8, [1]),
      "a/2.png": plainPng(8, 8, [2]),
      "b/3.png": plainPng(8, 8, [3]),
    });
    const load = async (settings = "") => {
      let decoded = 0;
      const dataset = await loadDataset(`folder:${path}${settings}`, { cache, onProgress: () => decoded++ });
      return { decoded, fingerprint: dataset.fingerprint };
    };
    const first = await load();
    assert.equal(first.decoded, 3);
    assert.deepEqual(await load(), { ...first, decoded: 0 });
    assert.equal((await load(",size=4")).decoded, 3);
    assert.equal((await load(",seed=1")).decoded, 3);
    await Deno.writeFile(`${path}/b/3.png`, plainPng(8, 8, [4]));
    const changed = await load();
    assert.equal(changed.decoded, 3);
    assert.notEqual(changed.fingerprint, first.fingerprint);
  });
});
