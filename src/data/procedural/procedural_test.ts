import assert from "node:assert/strict";
import { sha256 } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { FAMILIES } from "./families.ts";
import { COMPOSED_FAMILIES } from "./families/composed.ts";
import { capacity, className, drawClasses, type Family, geneValues, type ProceduralClass } from "./family.ts";
import { inFolder } from "../../core/test_folder.ts";
import { loadProcedural } from "./load.ts";
import { parseProceduralSpec, PROCEDURAL_DEFAULTS, proceduralDataset } from "./procedural.ts";
import { renderImage } from "./render.ts";

const SMALL = { seed: 5, classes: 24, trainPerClass: 2, testPerClass: 1 } as const;

function render(of: ProceduralClass, seed: number, size = 16): string {
  const image = new Uint8Array(3 * size * size);
  const hue = of.family.hue?.(geneValues(of)) ?? 0.4;
  renderImage(image, 0, size, of, { hue, seed, difficulty: 1 });
  return sha256(image);
}

Deno.test("proceduralDataset() images are pinned", () => {
  const dataset = proceduralDataset(SMALL);
  assert.deepEqual(dataset.classNames.slice(0, 3), [
    "polygon/2-2-1-0-1",
    "stripes/1-1-1-2-1",
    "glyph/8-4-0-1-6-1-0-2-0",
  ]);
  assert.deepEqual([...dataset.train.images.subarray(0, 6)], [17, 23, 9, 16, 3, 12]);
  assert.equal(dataset.fingerprint, "32c1b0139ab60c464fdac8c6eea5c2fd4e1e2e56b477316763981be4ac9fa8d2");
});

Deno.test("proceduralDataset() gives different images within a class and between the splits", () => {
  const { train, test } = proceduralDataset({ ...SMALL, trainPerClass: 3, testPerClass: 3 });
  const hashes = [train, test].flatMap(({ images, count }) =>
    Array.from({ length: count }, (_, i) => sha256(images.subarray(i * 3072, (i + 1) * 3072)))
  );
  assert.equal(new Set(hashes).size, 2 * 3 * 24);
});

Deno.test("proceduralDataset() keeps its classes and images when asked for more", () => {
  const few = proceduralDataset({ ...SMALL, classes: 13, trainPerClass: 1 });
  const more = proceduralDataset(SMALL);
  assert.deepEqual(few.classNames, more.classNames.slice(0, 13));
  assert.deepEqual(few.train.images, more.train.images.subarray(0, 13 * 3072));
  assert.deepEqual(few.test.images, more.test.images.subarray(0, 13 * 3072));
  assert.deepEqual([...more.train.labels.subarray(22, 26)], [22, 23, 0, 1]);
});

Deno.test("proceduralDataset() follows seed and size", () => {
  const base = proceduralDataset(SMALL);
  assert.notDeepEqual(proceduralDataset({ ...SMALL, seed: 6 }).classNames, base.classNames);
  const large = proceduralDataset({ ...SMALL, classes: 1, size: 48 });
  assert.equal(large.train.images.length, 2 * 3 * 48 * 48);
  assert.equal(large.classNames[0], base.classNames[0]);
});

Deno.test("drawClasses() benchmark and pretraining classes are distinct and disjoint whatever the seeds", () => {
  const draw = (part: "benchmark" | "pretrain", seed: number) =>
    drawClasses(FAMILIES, part, 3000, (family) => createRng(seed, family)).map(className);
  const benchmark = [draw("benchmark", 1), draw("benchmark", 2)];
  const pretrain = new Set([...draw("pretrain", 1), ...draw("pretrain", 3)]);
  for (const names of benchmark) {
    assert.equal(new Set(names).size, 3000);
    assert.ok(names.every((name) => !pretrain.has(name)));
  }
});

Deno.test("capacity() counts the genotypes of a part", () => {
  const family = (...sizes: number[]): Family => ({
    name: "toy",
    placement: { turn: 0, shift: 0, zoom: [1, 1] },
    genes: Object.fromEntries(sizes.map((size, i) => [`gene${i}`, new Array<number>(size).fill(0)])),
    paint: () => () => 0,
  });
  assert.equal(capacity(family(3, 3), "benchmark"), 5); // of 9, the sums 0, 2, 4: 1 + 3 + 1
  assert.equal(capacity(family(3, 3), "pretrain"), 4);
  assert.equal(capacity(family(3, 4), "benchmark"), 6);
  const all = drawClasses([family(3, 3)], "benchmark", 5, () => createRng(1, "toy"));
  assert.equal(new Set(all.map(className)).size, 5);
  assert.throws(() => drawClasses([family(3, 3)], "pretrain", 5, () => createRng(1, "toy")), {
    name: "InputError",
    message: "Cannot draw procedural classes: found 5 classes, wanted an integer from 1 to 4",
  });
  for (const part of ["benchmark", "pretrain"] as const) {
    const counts = FAMILIES.map((each) => capacity(each, part));
    assert.ok(Math.min(...counts) >= 900, `${counts}`);
  }
});

Deno.test("renderImage() shows every gene: another level gives another image", () => {
  for (const family of [...FAMILIES, ...COMPOSED_FAMILIES]) {
    const sizes = Object.values(family.genes).map((values) => values.length);
    const rng = createRng(1, family.name);
    for (let trial = 0; trial < 3; trial++) {
      const levels = sizes.map((size) => rng.integer(size));
      const base = render({ family, levels }, trial, 24);
      sizes.forEach((size, gene) => {
        const other = levels.with(gene, (levels[gene]! + 1 + rng.integer(size - 1)) % size);
        const changed = { family, levels: other };
        assert.notEqual(render(changed, trial, 24), base, `${className({ family, levels })} gene ${gene}`);
      });
    }
  }
});

Deno.test("parseProceduralSpec() reads settings over the defaults", () => {
  assert.deepEqual(parseProceduralSpec(""), PROCEDURAL_DEFAULTS);
  assert.deepEqual(parseProceduralSpec("classes=30,seed=-4,part=pretrain"), {
    ...PROCEDURAL_DEFAULTS,
    classes: 30,
    seed: -4,
    part: "pretrain",
  });
  const keys =
    "wanted KEY=VALUE, each key once, with the keys seed, classes, trainPerClass, testPerClass, size, part, scheme, difficulty";
  const fails = (settings: string, message: string) =>
    assert.throws(() => parseProceduralSpec(settings), { name: "InputError", message });
  fails("classes=3,colour=1", `Cannot read the setting "colour=1": ${keys}`);
  fails("classes", `Cannot read the setting "classes": ${keys}`);
  fails("toString=1", `Cannot read the setting "toString=1": ${keys}`);
  fails("seed=1,seed=2", `Cannot read the setting "seed=2": ${keys}`);
  fails("classes=1e3", `Cannot read the setting classes: found "1e3", wanted an integer`);
  fails("part=both", `Cannot read the setting part: found "both", wanted benchmark or pretrain`);
});

Deno.test("proceduralDataset() refuses sizes out of range", () => {
  const fails = (change: object, message: string) =>
    assert.throws(() => proceduralDataset({ ...SMALL, ...change }), { name: "InputError", message });
  fails({ classes: 0 }, "Cannot draw procedural classes: found 0 classes, wanted an integer from 1 to 11340");
  fails(
    { classes: 11341 },
    "Cannot draw procedural classes: found 11341 classes, wanted an integer from 1 to 11340",
  );
  fails({ testPerClass: 0 }, "Cannot make images: found testPerClass 0, wanted a positive integer");
  fails({ size: 1.5 }, "Cannot make images: found size 1.5, wanted a positive integer");
  fails({ seed: 0.5 }, "Cannot make images: found seed 0.5, wanted an integer");
  fails({ size: 9999 }, "Cannot make images: found a split of 14397120144 bytes, wanted at most 2147483647");
});

Deno.test("proceduralDataset() of compositions is pinned, has a family for each shape, and a thousand classes", () => {
  const made = proceduralDataset({ ...SMALL, scheme: "composed" });
  assert.equal(made.name, "procedural-composed");
  assert.deepEqual(made.classNames.slice(0, 3), ["disc/1-1", "square/5-3", "triangle/11-7"]);
  assert.deepEqual(new Set(made.families).size, 16);
  assert.equal(made.fingerprint, "4f8a33b41766c93441b1912e6a3bcc012c3a272c0f9710b602b1dd85329ac214");
  const names = (part: "benchmark" | "pretrain") =>
    drawClasses(COMPOSED_FAMILIES, part, 1152, (family) => createRng(1, family)).map(className);
  assert.equal(new Set([...names("benchmark"), ...names("pretrain")]).size, 2 * 1152);
});

Deno.test("proceduralDataset() images of a class differ the more the higher the difficulty", () => {
  /** Mean size of the correlation of images of one class, in gray. */
  const likeness = (difficulty: number, scheme: "families" | "composed") => {
    const options = { ...SMALL, classes: 48, trainPerClass: 3, size: 16, scheme, difficulty };
    const { train: { images, labels, count } } = proceduralDataset(options);
    const grays = Array.from({ length: count }, (_, i) => {
      const plane = (c: number) => images.subarray((3 * i + c) * 256, (3 * i + c + 1) * 256);
      const gray = Array.from(plane(0), (red, p) => red + plane(1)[p]! + plane(2)[p]!);
      const mean = gray.reduce((sum, value) => sum + value, 0) / 256;
      return gray.map((value) => value - mean);
    });
    const product = (a: number, b: number) =>
      grays[a]!.reduce((sum, value, p) => sum + value * grays[b]![p]!, 0);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const other = (i + 48) % count;
      assert.equal(labels[i], labels[other]);
      total += Math.abs(product(i, other)) / Math.sqrt(product(i, i) * product(other, other));
    }
    return total / count;
  };
  for (const scheme of ["families", "composed"] as const) {
    const [none, half, usual, twice] = [0, 0.5, 1, 2].map((difficulty) => likeness(difficulty, scheme));
    assert.ok(none! > half! && half! > usual! && usual! > twice!, `${[none, half, usual, twice]}`);
  }
  assert.throws(
    () => proceduralDataset({ ...SMALL, difficulty: 3.5 }),
    /found difficulty 3.5, wanted a number from 0 to 3$/,
  );
  assert.equal(parseProceduralSpec("scheme=composed,difficulty=0.5").difficulty, 0.5);
  assert.throws(() => parseProceduralSpec("difficulty=-1"), /found "-1", wanted a number from 0 to 3$/);
  assert.throws(() => parseProceduralSpec("scheme=all"), /found "all", wanted families or composed$/);
});

Deno.test("loadProcedural() keeps many images, and gives the same from the cache", () =>
  inFolder(async (cache) => {
    const settings = "classes=32,trainPerClass=156,testPerClass=1,size=4";
    const files = async () => (await Array.fromAsync(Deno.readDir(cache))).map(({ name }) => name);
    const few = await loadProcedural("classes=2,trainPerClass=1,testPerClass=1,size=4", { cache });
    assert.equal(few.train.count, 2);
    assert.deepEqual(await files(), []);
    const made = await loadProcedural(settings, { cache });
    assert.equal((await files()).length, 1);
    const kept = await loadProcedural(settings, { cache });
    assert.deepEqual(kept, made);
    assert.equal(made.fingerprint, proceduralDataset(parseProceduralSpec(settings)).fingerprint);
    await loadProcedural(`${settings},difficulty=0.5`, { cache });
    assert.equal((await files()).length, 2);
  }));
