import assert from "node:assert/strict";
import { folderLayout } from "./folder.ts";
import type { LabelledPath } from "./image_set.ts";

/** So many images in a folder. */
function images(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${folder}/${i}.jpg`);
}

function plan(...paths: readonly (string | readonly string[])[]) {
  const { families: _, ...found } = planOf(1, paths);
  return found;
}

function planOf(depth: 1 | 2, paths: readonly (string | readonly string[])[]) {
  const index = {
    source: "x",
    images: paths.flat().sort(),
    others: [],
    rest: [],
    texts: [],
    hasText: () => false,
    text: () => "",
  };
  const { classNames, families, train, test, notices = [] } = folderLayout(0, depth).plan(index);
  const counts = (split: readonly LabelledPath[]) =>
    classNames.map((_, label) => split.filter((image) => image.label === label).length);
  return { classNames, families, train: counts(train), test: counts(test), notices: notices.join("; ") };
}

/** Class folders `a` and `b` of a part. */
function classes(part: string, count: number): string[] {
  return [...images(`${part}/a`, count), ...images(`${part}/b`, count)];
}

const OFFICIAL = { classNames: ["a", "b"], train: [4, 4], test: [2, 2] };

Deno.test("folder knows an official split by the names and contents of folders", () => {
  for (
    const [train, test] of [
      ["train", "test"],
      ["TRAIN", "TEST"],
      ["Training", "Testing"],
      ["x/y/train", "x/y/val"],
      ["training_set", "test_set"],
      ["training_set/training_set", "test_set/test_set"],
      ["seg_train/seg_train", "seg_test/seg_test"],
      ["d/trainset", "d/testset"],
      ["d/TrainData", "d/TestData"],
      ["d/train2017", "d/val2017"],
      ["flowers-train", "flowers-dev"],
      ["train/images", "test/images"],
      ["d/train", "d/evaluation"],
    ] as const
  ) {
    const { notices: _, ...found } = plan(classes(train, 4), classes(test, 2));
    assert.deepEqual(found, OFFICIAL, `${train} and ${test}`);
  }
});

Deno.test("folder reads class folders that hold their own splits", () => {
  const { notices, ...found } = plan(
    images("s/a/train", 4),
    images("s/a/test", 2),
    images("s/b/train", 4),
    images("s/b/test", 2),
  );
  assert.deepEqual(found, OFFICIAL);
  assert.match(notices, /the classes are the outer folders/);
});

Deno.test("folder leaves images and folders beside the data out, with a notice", () => {
  const official = [...classes("ds/train", 4), ...classes("ds/test", 2)];
  for (
    const [stray, message] of [
      ["ds/preview.png", /1 image outside of class folders is left out: ds\/preview.png/],
      ["logo.png", /outside of class folders is left out: logo.png/],
      ["assets/logo.png", /outside of class folders is left out: assets\/logo.png/],
      ["ds/assets/logo.png", /ds\/assets\/ beside ds\/train\/: no part of the data set/],
      ["ds/train/cover.png", /left out: ds\/train\/cover.png/],
    ] as const
  ) {
    const { notices, ...found } = plan(official, stray);
    assert.deepEqual(found, OFFICIAL, stray);
    assert.match(notices, message);
  }
  for (const stray of ["pets/cover.png", "cover.png", "assets/logo.png", "docs/a/logo.png"]) {
    const { notices, ...found } = plan(classes("pets", 5), stray);
    assert.deepEqual(found.classNames, ["a", "b"], stray);
    assert.match(notices, /left out/, stray);
  }
  const beside = plan(classes("pets", 5), "assets/logo.png");
  assert.deepEqual([beside.train, beside.test], [[4, 4], [1, 1]]);
});

Deno.test("folder leaves parts without labels and further parts out, with a notice", () => {
  const official = [...classes("train", 4), ...classes("val", 2)];
  const unlabelled = plan(official, images("test/images", 9));
  assert.deepEqual([unlabelled.classNames, unlabelled.test], [["a", "b"], [2, 2]]);
  assert.match(unlabelled.notices, /no class of train\/ in test\/.*9 images.*val\/ is the test split/);
  const flat = plan(official, images("test", 9));
  assert.deepEqual([flat.classNames, flat.test], [["a", "b"], [2, 2]]);
  const third = plan(official, classes("test", 3));
  assert.deepEqual(third.test, [3, 3]);
  assert.match(third.notices, /val\/ of 4 images is left out; test\/ is the test split/);
  const seeded = plan(classes("train", 5), images("test/images", 9));
  assert.deepEqual([seeded.train, seeded.test], [[4, 4], [1, 1]]);
  assert.match(seeded.notices, /split 80 to 20 by a seed/);
  const pred = plan(classes("seg_train", 4), classes("seg_test", 2), images("seg_pred/seg_pred", 90));
  assert.deepEqual(pred.test, [2, 2]);
  assert.match(pred.notices, /seg_pred\/ beside seg_train\//);
  const alone = plan(classes("d/train", 5));
  assert.match(alone.notices, /split 80 to 20 by a seed/);
  assert.match(plan(classes("val", 5)).notices, /val\/ alone; its images are split 80 to 20/);
});

Deno.test("folder takes names in two forms of Unicode for one class", () => {
  const found = plan(
    images("train/caf\u00e9", 3),
    images("train/bee", 3),
    images("test/cafe\u0301", 2),
    images("test/bee", 1),
  );
  assert.deepEqual(found.classNames, ["bee", "caf\u00e9"]);
  assert.deepEqual([found.train, found.test], [[3, 3], [1, 2]]);
  assert.match(found.notices, /two forms of Unicode/);
});

Deno.test("folder takes folders for classes where only their names recall a split", () => {
  for (
    const paths of [
      [images("bus", 5), images("train", 5)],
      [images("bullet_train", 5), images("test tube", 5), images("bus", 5)],
      [images("bus/images", 5), images("train/images", 5)],
      [images("goldfish/images", 5), images("bullet_train/images", 5)],
      [
        images("cat/front", 3),
        images("cat/side", 3),
        images("dog/front", 3),
        images("dog/side", 3),
        images("emu/front", 3),
        images("emu/side", 3),
      ],
    ]
  ) {
    const found = plan(...paths);
    assert.equal(found.classNames.length, new Set(paths.flat().map((path) => path.split("/")[0])).size);
  }
});

Deno.test("folder refuses what it could only guess", () => {
  for (
    const [paths, message] of [
      [
        [images("train", 9), images("test", 5)],
        /found train\/ with no folders of classes in it, wanted train\/<class>.*list:PATH$/,
      ],
      [[images("d/train", 9)], /found d\/train\/ with no folders of classes/],
      [
        [images("train_images", 9), images("test_images", 5)],
        /found train_images\/ with no folders of classes/,
      ],
      [[images("train/images", 9), images("valid/images", 5)], /found train\/ with no folders of classes/],
      [[classes("val", 2), classes("test", 2)], /found .*, and no training images/],
      [[classes("fold1", 4), classes("fold2", 2)], /fold1\/ and fold2\/, which hold the same folders \(a, b/],
      [
        [classes("x/train", 4), classes("x/test", 2), classes("y/train", 4), classes("y/test", 2)],
        /found x\/train\/ and y\/train\/, wanted one data set/,
      ],
      [
        [classes("x/train", 4), classes("x/test", 2), images("bird", 50)],
        /found 50 images outside of x\/ such as bird\/0.jpg/,
      ],
      [
        [images("a", 9), images(".", 9).map((path) => path.slice(2))],
        /found 0.jpg, wanted images in a folder of their class/,
      ],
      [[images("d/images", 9)], /found d\/images\/ with no folders of classes in it.*list:PATH$/],
      [[], /found no images/],
    ] as const
  ) {
    assert.throws(() => plan(...paths), { name: "InputError", message });
  }
});

Deno.test("folder with depth=2 takes the outer folder for a family, with splits or without", () => {
  const within = (part: string, count: number) => [
    ...images(`${part}cat/lion`, count),
    ...images(`${part}cat/tiger`, count),
    ...images(`${part}dog/poodle`, count),
  ];
  const wanted = { classNames: ["cat/lion", "cat/tiger", "dog/poodle"], families: ["cat", "cat", "dog"] };
  const { notices: _, ...split } = planOf(2, [within("train/", 4), within("test/", 2)]);
  assert.deepEqual(split, { ...wanted, train: [4, 4, 4], test: [2, 2, 2] });
  const { notices: __, ...whole } = planOf(2, [within("", 5), ["cat/stray.jpg"]]);
  assert.deepEqual(whole, { ...wanted, train: [4, 4, 4], test: [1, 1, 1] });
  assert.deepEqual(planOf(1, [within("", 5)]).classNames, ["cat", "dog"]);
  assert.throws(() => planOf(2, [images("a/train", 4), images("a/test", 4)]), /wanted <family>\/<class>/);
});
