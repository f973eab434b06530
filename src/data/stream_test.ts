import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { numpyPermutation } from "./class_order.ts";
import { createDataset, type Dataset } from "./dataset.ts";
import { classesReturn, createStream, type StreamOptions } from "./stream.ts";

/** Class-interleaved images of one byte. */
function interleaved(classes: number, train: number, test: number): Dataset {
  const split = (perClass: number) => {
    const count = classes * perClass;
    return {
      images: Uint8Array.from({ length: count }, (_, i) => i),
      labels: Int32Array.from({ length: count }, (_, i) => i % classes),
      count,
    };
  };
  return createDataset({
    name: "toy",
    channels: 1,
    height: 1,
    width: 1,
    classNames: Array.from({ length: classes }, (_, c) => `class ${c}`),
    train: split(train),
    test: split(test),
  });
}

Deno.test("createStream() order and hash are pinned (hash computed in Python)", () => {
  const stream = createStream(interleaved(10, 3, 2), { tasks: 3, orderSeed: 7 });
  assert.deepEqual(stream.classOrder, [4, 8, 0, 9, 6, 7, 5, 1, 2, 3]);
  assert.equal(stream.hash, "02d236200745874499d72f775dc9162d9d40c9fb6f0b86291c86fc865e65f18c");
});

Deno.test("createStream() task sizes differ by at most one and cover every class once", () => {
  for (let tasks = 1; tasks <= 11; tasks++) {
    const stream = createStream(interleaved(11, 2, 1), { tasks, orderSeed: tasks });
    const sizes = stream.tasks.map((task) => task.classes.length);
    assert.equal(sizes.length, tasks);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes}`);
    assert.deepEqual(stream.tasks.flatMap((task) => task.classes), stream.classOrder);
    assert.deepEqual([...stream.classOrder].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }
});

Deno.test("createStream() with a number of classes per task lets streams of all lengths begin alike", () => {
  const dataset = interleaved(11, 3, 2);
  const stream = (tasks: number) => createStream(dataset, { tasks, orderSeed: 3, classesPerTask: 2 });
  const [long, short] = [stream(5), stream(2)];
  assert.deepEqual(long.tasks.slice(0, 2), short.tasks);
  assert.deepEqual(long.tasks.map(({ classes }) => classes.length), [2, 2, 2, 2, 2]);
  assert.equal(new Set(long.classOrder).size, 10);
  assert.deepEqual(
    long.classOrder,
    createStream(dataset, { tasks: 1, orderSeed: 3 }).classOrder.slice(0, 10),
  );
  assert.deepEqual(long.cut, { classesPerTask: 2 });
  assert.notEqual(long.hash, short.hash);
  assert.throws(
    () => stream(6),
    (error) => error instanceof InputError && /found 11 classes, wanted 12$/.test(error.message),
  );
  for (const classesPerTask of [0, 1.5]) {
    assert.throws(() => createStream(dataset, { tasks: 2, orderSeed: 0, classesPerTask }), InputError);
  }
});

Deno.test("createStream() tasks partition both splits and hold only their own classes", () => {
  const dataset = interleaved(10, 3, 2);
  const { tasks } = createStream(dataset, { tasks: 4, orderSeed: 1 });
  for (const part of ["train", "test"] as const) {
    const all = tasks.flatMap((task) => [...task[part]]);
    assert.deepEqual(all.sort((a, b) => a - b), Array.from({ length: dataset[part].count }, (_, i) => i));
    for (const task of tasks) {
      assert.deepEqual(task[part], task[part].toSorted());
      for (const i of task[part]) assert.ok(task.classes.includes(dataset[part].labels[i]!));
    }
  }
});

Deno.test("createStream() hash follows seed, number of tasks and data", () => {
  const dataset = interleaved(10, 3, 2);
  const hash = (of: Dataset, tasks: number, orderSeed: number) => createStream(of, { tasks, orderSeed }).hash;
  const hashes = [
    hash(dataset, 2, 1),
    hash(dataset, 2, 2),
    hash(dataset, 5, 1),
    hash(interleaved(10, 3, 3), 2, 1),
  ];
  assert.equal(new Set(hashes).size, hashes.length);
  assert.equal(hash(interleaved(10, 3, 2), 2, 1), hashes[0]);
});

Deno.test("createStream() refuses a number of tasks outside 1 to the classes", () => {
  for (const tasks of [0, -1, 11, 2.5, NaN]) {
    assert.throws(() => createStream(interleaved(10, 1, 1), { tasks, orderSeed: 0 }), {
      name: "InputError",
      message: `Cannot cut toy into tasks: found ${tasks} tasks, wanted an integer from 1 to its 10 classes`,
    });
  }
  assert.throws(() => createStream(interleaved(10, 1, 1), { tasks: 2, orderSeed: 0.5 }), InputError);
});

Deno.test("createStream() refuses a class without test images", () => {
  const dataset = interleaved(3, 2, 2);
  const test = { images: new Uint8Array(2), labels: Int32Array.of(0, 2), count: 2 };
  assert.throws(() => createStream(createDataset({ ...dataset, test }), { tasks: 1, orderSeed: 0 }), {
    message: "Cannot make a stream of toy: found no test image of class 1 (class 1), wanted at least one",
  });
});

const sizes = (...args: Parameters<typeof createStream>) =>
  createStream(...args).tasks.map(({ classes }) => classes.length);

Deno.test("createStream() with a first task of its own shares the rest, or goes on in equal tasks", () => {
  const dataset = interleaved(11, 2, 1);
  const base = { orderSeed: 3, firstTask: 5 };
  assert.deepEqual(sizes(dataset, { ...base, tasks: 3 }), [5, 3, 3]);
  assert.deepEqual(sizes(dataset, { ...base, tasks: 5 }), [5, 2, 2, 1, 1]);
  assert.deepEqual(sizes(dataset, { ...base, tasks: 3, classesPerTask: 2 }), [5, 2, 2]);
  assert.deepEqual(sizes(dataset, { ...base, tasks: 1, classesPerTask: 2 }), [5]);
  // B50-inc5 of 100 classes.
  const b50 = createStream(interleaved(100, 1, 1), {
    tasks: 11,
    orderSeed: 0,
    firstTask: 50,
    classesPerTask: 5,
  });
  assert.deepEqual(b50.tasks.map(({ classes }) => classes.length), [50, ...Array(10).fill(5)]);
  assert.deepEqual(b50.cut, { classesPerTask: 5, firstTask: 50 });
  const refused = (options: object, message: RegExp) =>
    assert.throws(() => createStream(dataset, { tasks: 2, ...base, ...options }), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, message);
      return true;
    });
  refused({ tasks: 1 }, /found 1 tasks with 5 classes in the first, wanted at least one further task/);
  refused({ tasks: 8 }, /found 8 tasks with 5 classes in the first/);
  refused({ firstTask: 11 }, /found 2 tasks with 11 classes in the first/);
  refused({ firstTask: 0 }, /found 0 classes in the first task, wanted a positive integer$/);
  refused({ tasks: 4, classesPerTask: 3 }, /found 11 classes, wanted 14$/);
});

Deno.test("createStream() takes the sizes of all tasks", () => {
  const dataset = interleaved(11, 2, 1);
  const stream = createStream(dataset, { tasks: 3, orderSeed: 3, taskSizes: [6, 1, 3] });
  assert.deepEqual(stream.tasks.map(({ classes }) => classes.length), [6, 1, 3]);
  assert.deepEqual(
    stream.classOrder,
    createStream(dataset, { tasks: 1, orderSeed: 3 }).classOrder.slice(0, 10),
  );
  assert.deepEqual(stream.cut, { taskSizes: [6, 1, 3] });
  const refused = (options: object, message: RegExp) =>
    assert.throws(
      () => createStream(dataset, { tasks: 2, orderSeed: 0, taskSizes: [5, 5], ...options }),
      message,
    );
  refused({ tasks: 3 }, /found 2 sizes, wanted one for each of 3 tasks$/);
  refused({ taskSizes: [5, 0] }, /found 0 classes in task 1, wanted a positive integer$/);
  refused({ taskSizes: [10, 2] }, /tasks of 10, 2 classes: found 11 classes, wanted 12$/);
  refused({ classesPerTask: 2 }, /found sizes of all tasks and further sizes, wanted either/);
  refused({ firstTask: 2 }, /found sizes of all tasks and further sizes, wanted either/);
});

Deno.test("createStream() takes NumPy's order of a seed, or a given one", () => {
  const dataset = interleaved(12, 2, 1);
  const numpy = createStream(dataset, { tasks: 4, orderSeed: 1993, order: "numpy" });
  assert.deepEqual(numpy.classOrder, numpyPermutation(12, 1993));
  assert.deepEqual([numpy.orderSeed, numpy.cut], [1993, { classOrder: "numpy" }]);
  const order = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
  const given = createStream(dataset, { tasks: 2, orderSeed: 5, order });
  assert.deepEqual(given.classOrder, order);
  assert.equal(given.orderSeed, 0);
  assert.match(given.cut.classOrder!, /^given:[0-9a-f]{8}$/);
  assert.equal(given.hash, createStream(dataset, { tasks: 2, orderSeed: 6, order }).hash);
  assert.throws(() => createStream(dataset, { tasks: 2, orderSeed: 0, order: [1, 1] }), /class 1 .* twice/);
  assert.throws(() => createStream(dataset, { tasks: 2, orderSeed: 0, order: [12] }), /found "12"/);
});

Deno.test("createStream() of domains gives every task all classes under a condition of its own", () => {
  const dataset = interleaved(4, 7, 2);
  for (const tasks of [1, 2, 5, 7]) {
    const stream = createStream(dataset, { tasks, orderSeed: 3, stream: "domains" });
    assert.deepEqual(stream.cut, { stream: "domains" });
    assert.equal(new Set(stream.tasks.map(({ condition }) => condition)).size, tasks);
    assert.deepEqual([...stream.classOrder].sort(), [0, 1, 2, 3]);
    assert.equal(classesReturn(stream), tasks > 1);
    for (const { classes, test, families } of stream.tasks) {
      assert.deepEqual(classes, stream.classOrder);
      assert.deepEqual([...test], [0, 1, 2, 3, 4, 5, 6, 7]);
      assert.equal(families!.length, 1);
    }
    // Every training image once, and of every class as many in each task as can be.
    const images = stream.tasks.flatMap(({ train }) => [...train]);
    assert.deepEqual(images.sort((a, b) => a - b), Array.from({ length: 28 }, (_, i) => i));
    for (const { train } of stream.tasks) {
      for (let label = 0; label < 4; label++) {
        const own = [...train].filter((i) => dataset.train.labels[i] === label).length;
        assert.ok(own === Math.floor(7 / tasks) || own === Math.ceil(7 / tasks), `${tasks}: ${own}`);
      }
    }
  }
});

Deno.test("createStream() of domains uses images again where a class has fewer than there are tasks", () => {
  const dataset = interleaved(3, 2, 1);
  const { tasks } = createStream(dataset, { tasks: 5, orderSeed: 0, stream: "domains" });
  for (const { train } of tasks) {
    assert.deepEqual([...train].map((i) => dataset.train.labels[i]).sort(), [0, 1, 2]);
  }
  // Two images in five tasks: by turns.
  for (let label = 0; label < 3; label++) {
    const own = tasks.map(({ train }) => [...train].find((i) => dataset.train.labels[i] === label)!);
    const counts = [...Map.groupBy(own, (i) => i).values()].map(({ length }) => length).sort();
    assert.deepEqual(counts, [2, 3]);
  }
});

Deno.test("createStream() of domains follows from its seed, and long streams begin with the conditions of short ones", () => {
  const dataset = interleaved(4, 7, 2);
  const stream = (tasks: number, orderSeed: number) =>
    createStream(dataset, { tasks, orderSeed, stream: "domains" });
  const names = (tasks: number, seed: number) => stream(tasks, seed).tasks.map(({ condition }) => condition);
  assert.deepEqual(names(200, 1).slice(0, 6), names(6, 1));
  assert.notDeepEqual(names(6, 2), names(6, 1));
  assert.equal(stream(6, 1).hash, stream(6, 1).hash);
  assert.equal(stream(3, 7).hash, "dbe2c482c464719312a53a69331d32b2f043f3b0fe4a7ef389324cd4421f3718");
  // The condition is in the hash: the same images under others are another stream.
  assert.notEqual(stream(6, 1).hash, stream(6, 2).hash);
});

Deno.test("createStream() of domains refuses what gives tasks classes of their own, and too many tasks", () => {
  const cut = (options: Partial<StreamOptions>) => () =>
    createStream(interleaved(4, 7, 2), { tasks: 2, orderSeed: 0, stream: "domains", ...options });
  const wrong: readonly (readonly [Partial<StreamOptions>, RegExp])[] = [
    [{ classesPerTask: 2 }, /found 2 classes per task, wanted none, since every task has all classes$/],
    [{ firstTask: 2 }, /found sizes of single tasks, wanted none/],
    [{ taskSizes: [2, 2] }, /found sizes of single tasks, wanted none/],
    [{ order: "numpy" }, /found an order of the classes, wanted none/],
    [{ order: [0, 1, 2, 3] }, /found an order of the classes, wanted none/],
    [{ tasks: 0 }, /found 0 tasks, wanted an integer from 1 to the 259 conditions/],
    [{ tasks: 260 }, /found 260 tasks, wanted an integer from 1 to the 259 conditions/],
    [{ tasks: 1.5 }, /found 1.5 tasks/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(cut(options), (error) => error instanceof InputError && message.test(error.message));
  }
});
