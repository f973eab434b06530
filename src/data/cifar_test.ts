import assert from "node:assert/strict";
import { parseCifar10, parseCifar100 } from "./cifar.ts";

/** A record of `labels` whose image bytes all have the value `fill`. */
function record(labels: readonly number[], fill: number): Uint8Array {
  return Uint8Array.from({ length: labels.length + 3072 }, (_, i) => labels[i] ?? fill);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("parseCifar100() takes fine labels and planes", () => {
  const second = record([1, 7], 9);
  second.set([10, 20], 2 + 1024); // first two bytes of the green plane
  const dataset = parseCifar100(join(record([19, 99], 3), second), record([0, 0], 5));
  assert.deepEqual([...dataset.train.labels], [99, 7]);
  assert.deepEqual([...dataset.train.images.subarray(3072 + 1023, 3072 + 1027)], [9, 10, 20, 9]);
  assert.equal(dataset.test.count, 1);
  assert.equal(dataset.classNames.length, 100);
});

Deno.test("parseCifar100() takes coarse labels for families, where every class has one", () => {
  const all = Array.from({ length: 100 }, (_, fine) => record([fine % 20, fine], 0));
  const names = Array.from({ length: 20 }, (_, coarse) => `kind ${coarse}`);
  const dataset = parseCifar100(join(...all), record([3, 23], 0), undefined, names);
  assert.deepEqual([dataset.families![0], dataset.families![41]], ["kind 0", "kind 1"]);
  const without = [
    [join(...all), record([4, 23], 0)],
    [join(...all.slice(1)), record([3, 23], 0)],
    [join(...Array.from({ length: 100 }, (_, fine) => record([0, fine], 0))), record([0, 1], 0)],
  ] as const;
  for (const [train, test] of without) {
    assert.equal(parseCifar100(train, test, undefined, names).families, undefined);
  }
  assert.throws(() => parseCifar100(all[0]!, all[0]!, undefined, ["a"]), /found 1 names, wanted 20$/);
});

Deno.test("parseCifar100() says what is wrong with a file", () => {
  const good = record([0, 0], 0);
  const fails = (train: Uint8Array, test: Uint8Array, message: string) =>
    assert.throws(() => parseCifar100(train, test), { name: "InputError", message });
  fails(
    good.subarray(0, 3000),
    good,
    "Cannot read train.bin: found 3000 bytes, wanted a positive multiple of 3074",
  );
  fails(
    good,
    new Uint8Array(),
    "Cannot read test.bin: found 0 bytes, wanted a positive multiple of 3074",
  );
  fails(
    join(good, record([0, 100], 0)),
    good,
    "Cannot read train.bin: found fine label 100 in record 1, wanted 0 to 99",
  );
  fails(
    good,
    record([20, 1], 0),
    "Cannot read test.bin: found coarse label 20 in record 0, wanted 0 to 19",
  );
  assert.throws(() => parseCifar100(good, good, ["a", "b"]), {
    name: "InputError",
    message: "Cannot name the classes: found 2 names, wanted 100",
  });
});

Deno.test("parseCifar10() joins the training batches in order", () => {
  const dataset = parseCifar10([record([3], 1), join(record([9], 2), record([0], 3))], record([5], 4));
  assert.deepEqual([...dataset.train.labels], [3, 9, 0]);
  assert.deepEqual([0, 1, 2].map((i) => dataset.train.images[i * 3072 + 3071]), [1, 2, 3]);
  assert.equal(dataset.classNames[9], "truck");
  assert.throws(() => parseCifar10([record([3], 1), record([10], 1)], record([5], 4)), {
    message: "Cannot read data_batch_2.bin: found label 10 in record 0, wanted 0 to 9",
  });
});
