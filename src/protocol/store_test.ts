import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { filesIn, inFolder } from "../core/test_folder.ts";
import { createFileStore, createMemoryStore, prepareFolder } from "./store.ts";

for (const kind of ["memory", "file"] as const) {
  Deno.test(`CellStore (${kind}) gives back what was written`, () =>
    inFolder(async (folder) => {
      const store = kind === "memory" ? createMemoryStore() : await createFileStore(folder, "cell");
      assert.equal(await store.readRecord(), undefined);
      assert.equal(await store.readSnapshot(), undefined);
      await store.removeSnapshot();
      await store.writeRecord("a\n");
      await store.appendRecord("b\n");
      assert.equal(await store.readRecord(), "a\nb\n");
      await store.writeRecord("c\n");
      assert.equal(await store.readRecord(), "c\n");
      await store.writeSnapshot(Uint8Array.of(1, 2));
      await store.writeSnapshot(Uint8Array.of(3));
      assert.deepEqual(await store.readSnapshot(), Uint8Array.of(3));
      await store.removeSnapshot();
      assert.equal(await store.readSnapshot(), undefined);
      await store.writeSnapshot(Uint8Array.of(3));
      const names = [await store.setAside("record"), await store.setAside("snapshot")];
      assert.deepEqual([await store.readRecord(), await store.readSnapshot()], [undefined, undefined]);
      await store.writeRecord("d\n");
      names.push(await store.setAside("record"));
      assert.equal(new Set(names).size, 3);
      if (kind === "file") {
        assert.deepEqual(await filesIn(folder), [
          "records/cell.jsonl.damaged-1",
          "records/cell.jsonl.damaged-2",
          "snapshots/cell.state.damaged-1",
        ]);
        assert.equal(await Deno.readTextFile(names[0]!), "c\n");
        assert.equal(await Deno.readTextFile(names[2]!), "d\n");
      }
    }));
}

Deno.test("createFileStore() keeps records and snapshots of cells apart, and leaves no other file", () =>
  inFolder(async (folder) => {
    const [a, b] = [await createFileStore(folder, "a"), await createFileStore(folder, "b")];
    await a.writeRecord("a\n");
    await b.writeRecord("b\n");
    await b.writeSnapshot(Uint8Array.of(1));
    assert.deepEqual(await filesIn(folder), ["records/a.jsonl", "records/b.jsonl", "snapshots/b.state"]);
    assert.equal(await (await createFileStore(folder, "a")).readRecord(), "a\n");
  }));

Deno.test("prepareFolder() refuses a folder that cannot be written, and leaves no probe in one that can", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assert.rejects(prepareFolder(`${folder}/file/out`), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(
        error.message,
        /^Cannot write results to .*\/file\/out: .*, wanted a folder that can be written$/,
      );
      return true;
    });
    await prepareFolder(`${folder}/out/deep`);
    await prepareFolder(`${folder}/out/deep`);
    assert.deepEqual(await filesIn(folder), ["file"]);
  }));
