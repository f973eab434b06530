import assert from "node:assert/strict";
import { add, mul } from "../graph/functions.ts";
import { type Program, trace } from "../graph/graph.ts";
import type { DeviceTensor, Executor } from "./executor.ts";
import { type CompiledProgram, ProgramCache } from "./program_cache.ts";
import { createReferenceExecutor } from "./reference/executor.ts";

interface Counts {
  compiled: number;
  disposed: number;
  /** Device tensors that are alive. */
  tensors: number;
}

/** The reference executor with its work counted; `compile` may be made to wait or to fail. */
function counting(compile: (nth: number) => Promise<void> = () => Promise.resolve()) {
  const inner = createReferenceExecutor();
  const counts: Counts = { compiled: 0, disposed: 0, tensors: 0 };
  const executor: Executor = {
    info: inner.info,
    tensor(options) {
      counts.tensors++;
      const tensor = inner.tensor(options);
      const dispose = tensor.dispose.bind(tensor);
      return Object.assign(tensor, { dispose: () => (counts.tensors--, dispose()) });
    },
    async compile(program, states) {
      await compile(counts.compiled++);
      const executable = await inner.compile(program, states);
      return {
        run: (inputs, read) => executable.run(inputs, read),
        dispose() {
          counts.disposed++;
          executable.dispose();
        },
      };
    },
    dispose: () => inner.dispose(),
  };
  return { executor, counts };
}

/** y = factor · x. */
function product(factor: number): Program {
  return trace((graph) => graph.output("y", mul(graph.input("x", [1]), factor)));
}

/** Adds x to the state `total`. */
function counter(): Program {
  return trace((graph) => graph.update("total", add(graph.state("total", [1]), graph.input("x", [1]))));
}

const times = async ({ executable }: CompiledProgram, x: number): Promise<number> =>
  (await executable.run({ x: Float32Array.of(x) }, ["y"]))["y"]![0]!;

Deno.test("ProgramCache compiles equal traces once, and tells others apart", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  for (const x of [1, 2]) assert.equal(await cache.use(product(3), (program) => times(program, x)), 3 * x);
  assert.equal(counts.compiled, 1);
  assert.equal(await cache.use(product(5), (program) => times(program, 2)), 10);
  assert.deepEqual([counts.compiled, cache.size], [2, 2]);
});

Deno.test("ProgramCache compiles once for users that come together", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  const found = await Promise.all(
    [1, 2, 3].map((x) => cache.use(product(2), (program) => times(program, x))),
  );
  assert.deepEqual(found, [2, 4, 6]);
  assert.equal(counts.compiled, 1);
});

Deno.test("ProgramCache drops what was not used for longest", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 2);
  const use = (factor: number) => cache.use(product(factor), (program) => times(program, 1));
  await use(1);
  await use(2);
  await use(1);
  await use(3); // 2 goes
  assert.deepEqual([counts.compiled, counts.disposed, cache.size], [3, 1, 2]);
  await use(1);
  await use(3);
  assert.equal(counts.compiled, 3);
  await use(2); // 1 goes
  assert.deepEqual([counts.compiled, counts.disposed], [4, 2]);
  await use(3);
  assert.equal(counts.compiled, 4);
  await use(1);
  assert.equal(counts.compiled, 5);
});

Deno.test("ProgramCache never drops what is in use, and drops it afterwards", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 1);
  const disposedWithin = await cache.use(product(1), async (program) => {
    await cache.use(product(2), () => Promise.resolve());
    await cache.use(product(3), () => Promise.resolve());
    // Of three only this one was busy.
    const disposed = counts.disposed;
    assert.equal(await times(program, 7), 7);
    return disposed;
  });
  assert.equal(disposedWithin, 2);
  assert.deepEqual([counts.compiled, counts.disposed, cache.size], [3, 2, 1]);

  const all = [4, 5, 6].map((factor) => cache.use(product(factor), (program) => times(program, 1)));
  assert.deepEqual(await Promise.all(all), [4, 5, 6]);
  assert.equal(cache.size, 1);
  assert.equal(counts.disposed, counts.compiled - 1);
});

Deno.test("ProgramCache hands a program to one user at a time, in order, past one that fails", async () => {
  const { executor } = counting();
  const cache = new ProgramCache(executor, 4);
  const log: string[] = [];
  const user = (name: string, fails = false) =>
    cache.use(product(1), async (program) => {
      log.push(`${name} in`);
      for (let i = 0; i < 3; i++) await times(program, i);
      log.push(`${name} out`);
      if (fails) throw new Error(`${name} failed`);
      return name;
    });
  const results = await Promise.allSettled([user("a"), user("b", true), user("c")]);
  assert.deepEqual(log, ["a in", "a out", "b in", "b out", "c in", "c out"]);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.match(String((results[1] as PromiseRejectedResult).reason), /b failed/);
  // A failing user is no reason to compile again.
  assert.equal(cache.size, 1);
});

Deno.test("ProgramCache lets users of different programs work at the same time", async () => {
  const { executor } = counting();
  const cache = new ProgramCache(executor, 4);
  let free = () => {};
  const waiting = new Promise<void>((resolve) => free = resolve);
  const first = cache.use(product(1), () => waiting);
  await cache.use(product(2), () => Promise.resolve(free()));
  await first;
});

Deno.test("ProgramCache does not keep a program that did not compile", async () => {
  const { executor, counts } = counting((nth) =>
    nth === 0 ? Promise.reject(new Error("no luck")) : Promise.resolve()
  );
  const cache = new ProgramCache(executor, 4);
  const add = (x: number) =>
    cache.use(counter(), async ({ executable, own }) => {
      await executable.run({ x: Float32Array.of(x) });
      return (await own["total"]!.read())[0];
    });
  const together = await Promise.allSettled([add(1), add(2)]);
  for (const result of together) {
    assert.equal(result.status, "rejected");
    assert.match(String((result as PromiseRejectedResult).reason), /no luck/);
  }
  assert.deepEqual([counts.compiled, cache.size, counts.tensors], [1, 0, 0]);
  assert.equal(await add(3), 3);
  assert.deepEqual([counts.compiled, cache.size, counts.tensors], [2, 1, 1]);
});

Deno.test("ProgramCache keeps a program that compiled anew while users of a failed one still end", async () => {
  let fail = () => {};
  const late = new Promise<void>((_, reject) => fail = () => reject(new Error("too late")));
  const { executor, counts } = counting((nth) => nth === 0 ? late : Promise.resolve());
  const cache = new ProgramCache(executor, 4);
  const use = () => cache.use(product(2), (program) => times(program, 1));
  // The first to learn of the failure tries again at once, while the second has not yet heard of it.
  const first = use().catch(use);
  const second = use().catch(() => "failed");
  fail();
  assert.deepEqual(await Promise.all([first, second]), [2, "failed"]);
  assert.equal(cache.size, 1);
  await use();
  assert.equal(counts.compiled, 2);
});

Deno.test("ProgramCache gives states of their own to programs, which keep what the last user left", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  const add = (x: number) =>
    cache.use(counter(), async ({ executable, own }) => {
      await executable.run({ x: Float32Array.of(x) });
      return [Object.keys(own), (await own["total"]!.read())[0]];
    });
  assert.deepEqual(await add(2), [["total"], 2]);
  assert.deepEqual(await add(3), [["total"], 5]);
  assert.equal(counts.tensors, 1);
});

Deno.test("ProgramCache binds shared tensors, by the key of the bindings", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  const shared = executor.tensor({ shape: [1], values: Float32Array.of(10) });
  const other = executor.tensor({ shape: [1], values: Float32Array.of(100) });
  const add = (key: string, total: DeviceTensor, x: number) =>
    cache.use(counter(), async ({ executable, own }) => {
      assert.deepEqual(own, {});
      await executable.run({ x: Float32Array.of(x) });
    }, { bindings: { key, states: { total, "not read": other } } });
  await add("shared", shared, 1);
  await add("shared", shared, 2);
  await add("other", other, 3);
  assert.deepEqual([(await shared.read())[0], (await other.read())[0]], [13, 103]);
  assert.equal(counts.compiled, 2);
  await cache.dispose();
  // They belong to someone else.
  assert.equal(counts.tensors, 2);
  assert.equal((await shared.read())[0], 13);
});

Deno.test("ProgramCache tells the cost of one run", async () => {
  const cache = new ProgramCache(counting().executor, 4);
  const program = trace((graph) => graph.output("y", mul(graph.input("x", [1]), graph.input("z", [1]))));
  // One product; two numbers read, one written.
  assert.deepEqual(await cache.use(program, ({ cost }) => Promise.resolve(cost)), { flop: 1, bytes: 12 });
});

Deno.test("ProgramCache with keep: false forgets a program after its last user", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  const use = (keep: boolean) => cache.use(product(2), (program) => times(program, 1), { keep });
  await use(false);
  assert.deepEqual([counts.compiled, counts.disposed, cache.size], [1, 1, 0]);
  // Users that come together share it all the same.
  assert.deepEqual(await Promise.all([use(false), use(false), use(false)]), [2, 2, 2]);
  assert.deepEqual([counts.compiled, counts.disposed, cache.size], [2, 2, 0]);
  // Someone else wants it kept.
  await Promise.all([use(false), use(true)]);
  assert.equal(cache.size, 1);
  await assert.rejects(
    cache.use(product(9), () => Promise.reject(new Error("failed")), { keep: false }),
    /failed/,
  );
  assert.deepEqual([cache.size, counts.compiled - counts.disposed], [1, 1]);
});

Deno.test("ProgramCache.dispose() releases programs and their tensors, and the cache can be used on", async () => {
  const { executor, counts } = counting();
  const cache = new ProgramCache(executor, 4);
  const run = () =>
    cache.use(counter(), async ({ executable, own }) => {
      await executable.run({ x: Float32Array.of(1) });
      return (await own["total"]!.read())[0];
    });
  await run();
  await cache.use(product(2), (program) => times(program, 1));
  assert.equal(counts.tensors, 1);
  await cache.dispose();
  assert.deepEqual([cache.size, counts.tensors, counts.disposed], [0, 0, 2]);
  await cache.dispose();
  assert.equal(counts.disposed, 2);
  assert.equal(await run(), 1);
});
