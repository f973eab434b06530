import assert from "node:assert/strict";
import { filesIn, inFolder } from "../core/test_folder.ts";
import { type Claimant, tryClaim } from "./claim.ts";

const short = { beat: 20, lease: 200 };
const here = (owner: string): Claimant => ({ machine: { id: "1", name: "here" }, owner, ...short });

const claimIn = (folder: string, claimant: Claimant) =>
  tryClaim(`${folder}/x.lock`, `${folder}/x.lease`, claimant);

Deno.test("tryClaim() gives a cell to one at a time, and leaves no file behind", () =>
  inFolder(async (folder) => {
    const first = await claimIn(folder, here("a"));
    assert.ok(first);
    assert.equal(await claimIn(folder, here("b")), undefined);
    await first.release();
    assert.deepEqual(await filesIn(folder), []);
    const second = await claimIn(folder, here("b"));
    assert.ok(second);
    await second.release();
  }));

Deno.test("tryClaim() gives a cell that many want at once to exactly one, again and again", () =>
  inFolder(async (folder) => {
    for (let round = 0; round < 20; round++) {
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, i) => claimIn(folder, here(`${i}`))),
      );
      const won = claims.filter((claim) => claim !== undefined);
      assert.equal(won.length, 1);
      await won[0]!.release();
    }
    assert.deepEqual(await filesIn(folder), []);
  }));

Deno.test("tryClaim() never gives a cell to two while others let go of it", () =>
  inFolder(async (folder) => {
    let holders = 0;
    let turns = 0;
    const work = async (owner: string) => {
      for (let done = 0; done < 10;) {
        const claim = await claimIn(folder, here(owner));
        if (!claim) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        assert.equal(++holders, 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        holders--;
        turns++;
        done++;
        await claim.release();
      }
    };
    await Promise.all(["a", "b", "c", "d"].map(work));
    assert.equal(turns, 40);
    assert.deepEqual(await filesIn(folder), []);
  }));

/** A process that claims, says so, and waits to be killed. */
function holder(folder: string) {
  const program = `
    import { tryClaim } from ${JSON.stringify(new URL("./claim.ts", import.meta.url).href)};
    const claim = await tryClaim(${JSON.stringify(`${folder}/x.lock`)}, ${
    JSON.stringify(`${folder}/x.lease`)
  }, { machine: { id: "1", name: "here" }, owner: "child", beat: 20, lease: 200 });
    console.log(claim ? "claimed" : "taken");
    setTimeout(() => {}, 60_000);
  `;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

Deno.test("tryClaim() gives the cell of a process killed with SIGKILL to the next at once", () =>
  inFolder(async (folder) => {
    const child = holder(folder);
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), "claimed\n");
    assert.equal(await claimIn(folder, here("b")), undefined);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const began = performance.now();
    const claim = await claimIn(folder, here("b"));
    assert.ok(claim);
    assert.ok(performance.now() - began < short.lease, "waited for the lease of a machine that shares locks");
    await claim.release();
    assert.deepEqual(await filesIn(folder), []);
  }));

/** What another machine, whose locks are not seen here, writes. */
const foreign = (beats: number) => JSON.stringify({ machine: { id: "1", name: "there" }, owner: "c", beats });

Deno.test("tryClaim() respects the lease of another machine as long as it changes", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/x.lease`, foreign(0));
    let beats = 0;
    const timer = setInterval(() => Deno.writeTextFileSync(`${folder}/x.lease`, foreign(++beats)), 20);
    try {
      assert.equal(await claimIn(folder, here("a")), undefined);
    } finally {
      clearInterval(timer);
    }
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${folder}/x.lease`)).owner, "c");
  }));

Deno.test("tryClaim() takes a lease of another machine over that has stopped, and keeps its own alive", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/x.lease`, foreign(7));
    const began = performance.now();
    const claim = await claimIn(folder, here("a"));
    assert.ok(claim);
    assert.ok(performance.now() - began > 0.9 * short.lease);
    const beatsNow = async () => JSON.parse(await Deno.readTextFile(`${folder}/x.lease`)).beats;
    const before = await beatsNow();
    await new Promise((resolve) => setTimeout(resolve, 5 * short.beat));
    assert.ok(await beatsNow() > before);
    await claim.release();
    assert.deepEqual(await filesIn(folder), []);
  }));

Deno.test("tryClaim() takes a damaged lease for one of another machine", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/x.lease`, "{");
    const claim = await claimIn(folder, here("a"));
    assert.ok(claim);
    await claim.release();
  }));

Deno.test("tryClaim() trusts the lock alone where machines differ in nothing that both know", () =>
  inFolder(async (folder) => {
    const lease = (machine: object) =>
      Deno.writeTextFile(`${folder}/x.lease`, JSON.stringify({ machine, owner: "c", beats: 1 }));
    let waits = 0;
    const claim = async (machine: object) => {
      const claimed = await claimIn(folder, { machine, owner: "a", ...short, onWait: () => waits++ });
      await claimed!.release();
    };
    for (
      const [theirs, ours] of [[{ id: "1" }, { id: "1", name: "here" }], [{}, { id: "1" }], [
        { name: "x" },
        {},
      ]]
    ) {
      await lease(theirs!);
      await claim(ours!);
    }
    assert.equal(waits, 0);
    await lease({ id: "2" });
    await claim({ id: "1", name: "here" });
    assert.equal(waits, 1);
  }));

/** Runs a test on a file system whose locks do what is said. */
async function withLocks(tryLock: () => Promise<boolean>, test: () => Promise<void>): Promise<void> {
  const { tryLock: real } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.tryLock = tryLock;
  try {
    await test();
  } finally {
    Deno.FsFile.prototype.tryLock = real;
  }
}

for (
  const [what, tryLock] of [
    ["locks stay on one machine", () => Promise.resolve(true)],
    ["there are no locks", () => Promise.reject(new Deno.errors.NotSupported())],
  ] as const
) {
  Deno.test(`tryClaim() gives a cell that many machines want at once to one of them where ${what}`, () =>
    withLocks(tryLock, () =>
      inFolder(async (folder) => {
        const on = (name: string): Claimant => ({
          machine: { id: name, name },
          owner: name,
          beat: 100,
          lease: 500,
        });
        const names = ["a", "b", "c", "d", "e", "f"];
        for (let round = 0; round < 5; round++) {
          const claims = await Promise.all(names.map((name) => claimIn(folder, on(name))));
          const won = claims.filter((claim) => claim !== undefined);
          assert.ok(won.length <= 1, `${won.length} have it`);
          // The one that has it keeps the others out, until it is killed.
          if (won.length === 1) assert.equal(await claimIn(folder, on("late")), undefined);
          await won[0]?.release();
          await Deno.remove(`${folder}/x.lease`).catch(() => {});
        }
        await Deno.writeTextFile(`${folder}/x.lease`, foreign(3));
        const heirs = await Promise.all(names.map((name) => claimIn(folder, on(name))));
        assert.equal(heirs.filter((claim) => claim !== undefined).length, 1);
        for (const heir of heirs) await heir?.release();
      })));
}
