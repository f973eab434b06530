import assert from "node:assert/strict";
import { createDataset, type Dataset } from "./dataset.ts";
import { createStream, type StreamOptions } from "./stream.ts";
import { arrange, type Block } from "./structure.ts";

/** Blocks a, b, … of so many classes, numbered one after another. */
function blocksOf(...sizes: readonly number[]): Block[] {
  let start = 0;
  return sizes.map((size, i) => ({
    families: ["abcdefgh"[i]!],
    classes: Array.from({ length: size }, () => start++),
  }));
}

/** Such as `a:0,1 b:2`. */
function shown(tasks: readonly Block[]): string {
  return tasks.map(({ families, classes }) => `${families.join("+")}:${classes}`).join(" ");
}

const cut = (
  kind: Parameters<typeof arrange>[0],
  blocks: readonly Block[],
  tasks: number,
  classesPerTask?: number,
) => shown(arrange(kind, blocks, { name: "toy", tasks, ...(classesPerTask && { classesPerTask }) }));

Deno.test("arrange() families: one task a family, large families split first, small ones joined whole", () => {
  const blocks = blocksOf(2, 5, 3);
  assert.equal(cut("families", blocks, 3), "a:0,1 b:2,3,4,5,6 c:7,8,9");
  assert.equal(cut("families", blocks, 4), "a:0,1 b:2,3,4 b:5,6 c:7,8,9");
  assert.equal(cut("families", blocks, 5), "a:0,1 b:2,3,4 b:5,6 c:7,8 c:9");
  // The largest is alone, the two others are joined and take turns.
  assert.equal(cut("families", blocks, 2), "a+c:0,7,1,8,9 b:2,3,4,5,6");
  assert.equal(cut("families", blocksOf(1, 1, 1, 1), 3), "a+d:0,3 b:1 c:2");
});

Deno.test("arrange() families with a number of classes a task leaves small families out", () => {
  const blocks = blocksOf(2, 5, 7);
  assert.equal(cut("families", blocks, 2, 3), "b:2,3,4 c:7,8,9");
  assert.equal(cut("families", blocks, 3, 3), "b:2,3,4 c:7,8,9 c:10,11,12");
  assert.throws(() => cut("families", blocks, 4, 3), /found classes for 3 tasks, wanted 4 tasks$/);
  assert.throws(
    () => cut("families", blocks, 2, 6),
    /found one of the families with 6 classes, wanted at least two/,
  );
});

Deno.test("arrange() recurring: families take turns until they have no classes left", () => {
  assert.equal(cut("recurring", blocksOf(2, 4), 4), "a:0 b:2,3 a:1 b:4,5");
  assert.equal(cut("recurring", blocksOf(2, 4), 5), "a:0 b:2,3 a:1 b:4 b:5");
  assert.equal(cut("recurring", blocksOf(4, 4), 5), "a:0,1 b:4,5 a:2 b:6,7 a:3");
  // Too few tasks for three families to come twice.
  assert.equal(cut("recurring", blocksOf(2, 2, 2), 4), "a+c:0,4 b:2 a+c:1,5 b:3");
  const grown = blocksOf(6, 1, 6, 6);
  assert.equal(cut("recurring", grown, 6, 2), "a:0,1 c:7,8 d:13,14 a:2,3 c:9,10 d:15,16");
  assert.ok(cut("recurring", grown, 8, 2).startsWith(cut("recurring", grown, 6, 2)));
  assert.throws(() => cut("recurring", blocksOf(4, 4), 3), /found 3 tasks, wanted at least 4/);
  assert.throws(() => cut("recurring", blocksOf(4, 1), 4), /found fewer than two families/);
});

Deno.test("arrange() mixed: each data set's tasks follow one another, as many of one as of the other", () => {
  assert.equal(cut("mixed", blocksOf(2, 6), 4), "a:0 a:1 b:2,3,4 b:5,6,7");
  assert.equal(cut("mixed", blocksOf(2, 6), 3, 2), "a:0,1 b:2,3 b:4,5");
  assert.throws(
    () => cut("mixed", blocksOf(2, 6), 1),
    /found 1 tasks, wanted at least one for each of 2 data sets$/,
  );
  assert.throws(
    () => cut("mixed", blocksOf(2), 2),
    /found one of the data sets, wanted at least two data sets$/,
  );
});

/** Four families of three classes and one of a single class; two images a class. */
function toy(change: Partial<Dataset> = {}): Dataset {
  const families = [..."aaabbbcccddde"];
  const split = {
    images: new Uint8Array(26),
    labels: Int32Array.from({ length: 26 }, (_, i) => i % 13),
    count: 26,
  };
  return createDataset({
    name: "toy",
    channels: 1,
    height: 1,
    width: 1,
    classNames: families.map((family, i) => `${family}/${i}`),
    families,
    train: split,
    test: split,
    ...change,
  });
}

Deno.test("createStream() families: tasks hold the classes of their families, and every class once", () => {
  const dataset = toy();
  for (
    const [stream, tasks] of [["families", 2], ["families", 5], ["families", 9], ["recurring", 8]] as const
  ) {
    for (const orderSeed of [0, 1]) {
      const made = createStream(dataset, { stream, tasks, orderSeed });
      assert.equal(made.tasks.length, tasks);
      assert.deepEqual([...made.classOrder].sort((a, b) => a - b), [...dataset.classNames.keys()]);
      for (const { classes, families, train } of made.tasks) {
        assert.ok(
          classes.every((label) => families!.includes(dataset.families![label]!)),
          `${families}: ${classes}`,
        );
        assert.deepEqual([...train].map((i) => i % 13).sort(), [...classes, ...classes].sort());
      }
      assert.deepEqual(made.cut, { stream });
    }
  }
});

Deno.test("createStream() with structure is pinned, and follows the seed", () => {
  const of = (options: Partial<StreamOptions>) => {
    const { tasks } = createStream(toy(), { stream: "recurring", tasks: 6, orderSeed: 3, ...options });
    return tasks.map(({ families, classes }) => `${families!.join("+")}:${classes}`).join(" ");
  };
  assert.equal(of({}), "a+d:1,9,0 b+e:4,12 c:6,8 a+d:11,2,10 b+e:3,5 c:7");
  assert.notEqual(of({ orderSeed: 4 }), of({}));
  const order = [12, 3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8];
  assert.equal(of({ stream: "families", tasks: 5, order }), "e:12 b:3,4,5 a:0,1,2 d:9,10,11 c:6,7,8");
});

Deno.test("createStream() at random is what it was, whatever is known of families", () => {
  const { families: _, ...bare } = toy();
  const plain = createStream(bare, { tasks: 4, orderSeed: 7 });
  const named = createStream(toy(), { tasks: 4, orderSeed: 7, stream: "classes" });
  assert.deepEqual([named.hash, named.cut, named.tasks], [plain.hash, {}, plain.tasks]);
});

Deno.test("createStream() says what a structure lacks", () => {
  const fails = (options: Partial<StreamOptions>, message: RegExp, dataset = toy()) =>
    assert.throws(
      () => createStream(dataset, { stream: "families", tasks: 2, orderSeed: 0, ...options }),
      message,
    );
  const { families: _, ...bare } = toy();
  fails({}, /stream "families": found no families of its classes, wanted data that tell them$/, bare);
  fails({ stream: "mixed" }, /found one data set, wanted several, such as --data/);
  fails({ firstTask: 3 }, /found sizes of single tasks, wanted none/);
  fails({ taskSizes: [3, 3] }, /found sizes of single tasks, wanted none/);
  fails({ tasks: 0 }, /found 0 tasks, wanted a positive integer$/);
  fails({ tasks: 14 }, /found classes for 13 tasks, wanted 14 tasks$/);
  fails({ classesPerTask: 1.5 }, /found 1.5 classes per task, wanted a positive integer$/);
});
