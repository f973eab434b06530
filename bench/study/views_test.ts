import assert from "node:assert/strict";
import { InputError } from "../../src/core/mod.ts";
import { parseStudy, type Study } from "./definition.ts";
import type { PartRecord } from "./records.ts";
import { testSources, testStudy } from "./test_study.ts";
import { methodNamed, viewsOf } from "./views.ts";

const study = testStudy();

function refuses(work: () => unknown, message: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof InputError, `${error}`);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("a view of records that share no table says what would choose among them", async () => {
  const { views } = await testSources();
  refuses(
    () => views("both"),
    /Cannot make view both of the study: found 2 kinds .*wanted "where" .*onnx-node.* AND .*onnx-web/,
  );
  refuses(() => views("none"), /found view none, wanted one of cpu, /);
  refuses(() => views("toString"), /found view toString/);
});

/** Records of which those of a seed have another option, so that ham has two variants. */
async function twoVariants(keep: readonly [number, number]) {
  const sources = await testSources();
  const changed = (one: PartRecord): PartRecord => {
    const { record } = one;
    const { cell } = record.start;
    if (cell.method !== "ham") return one;
    const options = { ...cell.options, keep: keep[cell.orderSeed === 2 ? 1 : 0]! };
    return { ...one, record: { ...record, start: { ...record.start, cell: { ...cell, options } } } };
  };
  return sources.parts.get("smoke")!.map(changed);
}

Deno.test("of several variants of a method, that with the defaults or the study's options is meant", async () => {
  const view = (records: readonly PartRecord[]) => viewsOf(study, new Map([["smoke", records]]))("cpu");
  const one = view((await testSources()).parts.get("smoke")!);
  assert.equal(methodNamed(study, one, "ham")?.label, "ham");
  assert.equal(methodNamed(study, one, "ham-halves")?.label, "ham");
  assert.equal(methodNamed(study, one, "ham-plus"), undefined);
  const other = view(await twoVariants([0.75, 0.25]));
  const two = view(await twoVariants([0.5, 0.25]));
  assert.deepEqual(
    two.found!.section.methods.map(({ label }) => label).filter((label) => /^ham/.test(label)).sort(),
    [
      "ham",
      "ham(keep=0.25)",
    ],
  );
  assert.equal(methodNamed(study, two, "ham")?.options["keep"], 0.5);
  const quarter = {
    ...study,
    methods: { ...study.methods, quarter: { method: "ham", options: { keep: 0.25 } } },
  };
  const named = viewsOf(quarter, new Map([["smoke", await twoVariants([0.5, 0.25])]]))("cpu");
  assert.equal(methodNamed(quarter, named, "quarter")?.label, "quarter");
  const { runs, verdict } = named.found!.section;
  assert.ok(runs.some(({ method }) => method === "quarter"));
  assert.ok(verdict.some((sentence) => sentence.includes("quarter")), verdict.join("\n"));
  assert.ok(!verdict.some((sentence) => sentence.includes("keep=")));
  refuses(
    () => methodNamed(study, other, "ham"),
    /Cannot find method ham of the study in view cpu: found ham\(keep=0\.25\) and ham\(keep=0\.75\), wanted options/,
  );
  refuses(() => methodNamed(study, one, "hamm"), /found method hamm/);
});

Deno.test("a study that names what it does not declare, or is none, is refused", () => {
  const text = (change: (study: Record<string, unknown>) => void) => {
    const copy = structuredClone(study) as unknown as Record<string, unknown>;
    change(copy);
    return JSON.stringify(copy);
  };
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["{", /Cannot read study x\.json: /],
    ["[]", /Cannot read study x\.json: /],
    [text((study) => study["more"] = 1), /Unrecognized key/],
    [text((study) => study["views"] = {}), /found view cpu, wanted one of none/],
    [
      text((study) => study["parts"] = { other: { title: "x", tasks: [1] } }),
      /found part smoke, wanted one of other/,
    ],
    [text((study) => study["methods"] = { ham: {} }), /found method .*, wanted one of ham/],
    [text((study) => study["claims"] = {}), /found claim accuracy/],
    [text((study) => study["parts"] = { "../x": { title: "x", tasks: [1] } }), /parts: \.\.\/x: Invalid key/],
    [
      text((study) => study["readme"] = [{ table: "growth", view: "cpu", figures: ["speed"] }]),
      /found figure speed, wanted one of pooled/,
    ],
    [
      text((study) => (study["claims"] as Study["claims"])["growth"]!.figure = "speed"),
      /found figure speed, wanted one of pooled/,
    ],
    [text((study) => study["readme"] = [{ table: "pie", view: "cpu" }]), /readme/],
  ];
  for (const [content, message] of wrong) refuses(() => parseStudy(content, "x.json"), message);
});
