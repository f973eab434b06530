import assert from "node:assert/strict";
import { createMethod, methods as allMethods } from "../../src/methods/mod.ts";
import { createStream, type Dataset, type Split } from "../../src/data/mod.ts";
import { InputError } from "../../src/core/mod.ts";
import { resolveSettings } from "../../src/protocol/mod.ts";
import { namedSuites, resolveSuite, resolveSuites, splitMethods, type SuiteFlags } from "./suite.ts";
import { inFolder, writeSuite } from "../test_kit.ts";

Deno.test("splitMethods() cuts at commas, except within a method's options", () => {
  assert.deepEqual(splitMethods("ham,naive"), ["ham", "naive"]);
  assert.deepEqual(splitMethods("ham:keep=0.5,groupRank=16,naive, ewc:lambda=1"), [
    "ham:keep=0.5,groupRank=16",
    "naive",
    "ewc:lambda=1",
  ]);
});

Deno.test("resolveSuite() lets flags replace parts, and settings come on top of the suite's", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { settings: { rank: 2, epochs: 3 } });
    const flags: SuiteFlags = {
      suite,
      methods: "ham,naive,ham",
      tasks: "5,10,5",
      seeds: "1",
      epochs: "7",
      set: ["head=linear,targets=q+fc1", "learningRate=1e-3"],
    };
    const { methods, tasks, seeds, settings, backend } = await resolveSuite(flags);
    assert.deepEqual({ methods, tasks, seeds, backend }, {
      methods: ["ham", "naive"],
      tasks: [5, 10],
      seeds: [1],
      backend: "reference",
    });
    assert.deepEqual(settings, {
      rank: 2,
      epochs: 7,
      head: "linear",
      targets: ["q", "fc1"],
      learningRate: 1e-3,
    });
    assert.equal((await resolveSuite({ suite })).settings.epochs, 3);
  }));

Deno.test("resolveSuite() knows all methods", async () => {
  const { methods } = await resolveSuite({ suite: "smoke", methods: "ham,all" });
  assert.deepEqual(methods, ["ham", ...Object.keys(allMethods).filter((name) => name !== "ham")]);
});

Deno.test("resolveSuite() lets --set win over --epochs, as the more exact word", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    assert.equal((await resolveSuite({ suite, epochs: "7", set: ["epochs=2"] })).settings.epochs, 2);
  }));

Deno.test("resolveSuite() fills in what a suite leaves out", () =>
  inFolder(async (folder) => {
    const path = `${folder}/least.json`;
    await Deno.writeTextFile(path, JSON.stringify({ methods: ["ham"], tasks: [5], seeds: [0] }));
    const { data, backbone, backend, settings } = await resolveSuite({ suite: path });
    assert.deepEqual({ data, backbone, backend, settings }, {
      data: "procedural",
      backbone: "nano",
      backend: "auto",
      settings: {},
    });
    await Deno.writeTextFile(path, JSON.stringify({ methods: ["ham"] }));
    await assert.rejects(resolveSuite({ suite: path }), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, /^Cannot use suite ".*": tasks: .*; seeds: /);
      return true;
    });
  }));

Deno.test("resolveSuite() lays facts about the backbone over the suite's, unless the backbone is another", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { backboneFacts: { heads: 4, norm: "pre" } });
    const { backboneFacts } = await resolveSuite({ suite, heads: 2, mean: [0.5] });
    assert.deepEqual(backboneFacts, { heads: 2, norm: "pre", mean: [0.5] });
    assert.deepEqual((await resolveSuite({ suite, backbone: "nano", image: 16 })).backboneFacts, {
      image: 16,
    });
    const wrong = await writeSuite(folder, { backboneFacts: { head: 4 } });
    await assert.rejects(resolveSuite({ suite: wrong }), /backboneFacts.*head/);
  }));

Deno.test("every named suite has methods and settings that there are", async () => {
  for (const name of namedSuites) {
    for (const part of await resolveSuites({ suite: name })) {
      assert.ok(part.methods.includes("ham"), name);
      for (const spec of part.methods) createMethod(spec);
      resolveSettings(part.settings);
    }
  }
});

Deno.test("suite families: every family comes in several tasks of equal sizes, so that groups can find it", async () => {
  // Classes of each family: CIFAR-100's superclasses, Omniglot's alphabets, and the families of procedural images in turn.
  const alphabets = [
    [14, 14, 16, 17, 20, 20, 22, 22, 23, 23, 24, 24, 25, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 28],
    [29, 30, 33, 33, 34, 40, 40, 40, 40, 41, 41, 41, 42, 42, 43, 45, 45, 45, 46, 46, 47, 47, 48, 52, 55],
  ].flat();
  const familySizes: Record<string, readonly number[]> = {
    cifar100: Array.from({ length: 20 }, () => 5),
    omniglot: alphabets,
    procedural: Array.from({ length: 12 }, () => 20),
  };
  const parts = await resolveSuites({ suite: "families" });
  assert.deepEqual(new Set(parts.map(({ data }) => data.split(":")[0])), new Set(Object.keys(familySizes)));
  for (const { data, stream, tasks, classesPerTask, evaluate } of parts) {
    // What related and unrelated tasks do to earlier ones takes a score after each.
    assert.equal(evaluate, undefined);
    const kind = data.split(":")[0]!;
    if (kind === "procedural") assert.match(data, /classes=240\b/);
    const families = familySizes[kind]!.flatMap((size, i) => Array<string>(size).fill(`${i}`));
    const split = { count: families.length, labels: Int32Array.from(families.keys()) } as unknown as Split;
    const dataset: Dataset = {
      name: kind,
      channels: 1,
      height: 1,
      width: 1,
      classNames: families,
      families,
      train: split,
      test: split,
      fingerprint: "",
    };
    for (const count of tasks) {
      for (const orderSeed of [0, 1, 2]) {
        const options = {
          tasks: count,
          orderSeed,
          stream: stream!,
          ...(classesPerTask && { classesPerTask }),
        };
        const stretch = createStream(dataset, options).tasks;
        const where = `${data} ${stream} T=${count} seed ${orderSeed}`;
        for (const own of Map.groupBy(stretch, ({ families }) => families!.join()).values()) {
          assert.ok(own.length >= 2, where);
        }
        assert.equal(new Set(stretch.map(({ classes }) => classes.length)).size, 1, where);
      }
    }
  }
});

Deno.test("resolveSuites() lays each part over what parts have in common, and flags over each", () =>
  inFolder(async (folder) => {
    const path = `${folder}/parts.json`;
    const text = {
      methods: ["ham"],
      tasks: [5],
      seeds: [0],
      settings: { rank: 4 },
      parts: [{}, { data: "mnist:x", tasks: [2], settings: { head: "lda" } }],
    };
    await Deno.writeTextFile(path, JSON.stringify(text));
    const parts = await resolveSuites({ suite: path, seeds: "7", set: ["epochs=2"] });
    assert.deepEqual(parts.map(({ data, tasks, seeds }) => [data, tasks, seeds]), [
      ["procedural", [5], [7]],
      ["mnist:x", [2], [7]],
    ]);
    assert.deepEqual(parts.map(({ settings }) => settings), [
      { rank: 4, epochs: 2 },
      { rank: 4, head: "lda", epochs: 2 },
    ]);
    await assert.rejects(resolveSuite({ suite: path }), /found 2 parts, wanted one/);
    await Deno.writeTextFile(path, JSON.stringify({ ...text, parts: [{}, { dta: "x" }] }));
    await assert.rejects(resolveSuites({ suite: path }), /part 2: .*dta/);
    await Deno.writeTextFile(path, JSON.stringify({ ...text, parts: [] }));
    await assert.rejects(resolveSuites({ suite: path }), InputError);
  }));
Deno.test("resolveSuite() takes the kinds of streams that there are", async () => {
  assert.equal((await resolveSuite({ suite: "smoke", stream: "recurring" })).stream, "recurring");
  await assert.rejects(
    resolveSuite({ suite: "smoke", stream: "kinds" }),
    /Cannot use --stream kinds: wanted one of classes, families, recurring, mixed, domains$/,
  );
});
