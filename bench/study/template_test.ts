import assert from "node:assert/strict";
import { InputError } from "../../src/core/mod.ts";
import { resolveText } from "./template.ts";
import { testSources } from "./test_study.ts";

const sources = await testSources();
const resolved = (text: string) => resolveText(text, sources);

Deno.test("templates become numbers of records", () => {
  // By hand from fixtures/study.json: 0.69444 ± 0.01203; 3.3333; −0.00926 [−0.0889, 0.0704].
  assert.equal(resolved("{{pooled ham cpu T=4}}"), "69.4 ± 1.2 %");
  assert.equal(resolved("It has {{ groups ham cpu T=4 }} groups."), "It has 3.3 ± 0.6 groups.");
  assert.equal(
    resolved("{{difference ham ewc cpu T=4 forgetting}}"),
    "−0.9 points [−8.9, +7.0]",
  );
  assert.equal(resolved("{{kept ewc cpu T=2}}"), "129 KiB");
  assert.equal(resolved("{{seeds cpu T=2}} seeds, {{records smoke}} records"), "3 seeds, 84 records");
  assert.equal(resolved("{{best cpu T=4}}"), "ewc");
  assert.match(
    resolved("{{lead ham cpu T=4}}"),
    /^\+0\.7 points \[−2\.3, \+3\.7\] to ewc and concat-pruned$/,
  );
  assert.match(resolved("{{ratio ewc ham cpu T=4 learning-seconds}}"), /^\d\.\d\d × \[\d\.\d\d, \d\.\d\d\]$/);
  assert.equal(resolved("{{room cpu T=2}}"), "+0.7 points [−7.2, +8.6]");
  assert.equal(resolved("{{verdict inference cpu}}"), "found");
  assert.equal(resolved("{{measured inference cpu}}"), "flop-test to simplecil: T=2 equal; T=4 equal");
});

Deno.test("what was not run says so, wherever it is named", () => {
  for (
    const template of [
      "pooled ham-plus cpu T=4",
      "pooled ham cpu T=8",
      "pooled ham later T=50",
      "difference ham ham-plus cpu T=4",
      "lead ham-plus cpu T=4",
      "best later T=50",
      "room later T=50",
      "seeds later T=50",
      "ari ham cpu T=4",
    ]
  ) assert.equal(resolved(`{{seeds cpu T=4}} {{${template}}}`), "3 (not run)", template);
  assert.equal(resolved("{{verdict accuracy later}}"), "not run");
  assert.equal(resolved("Of {{pooled ham later T=50}} and {{best later T=50}} nothing is said."), "");
});

Deno.test("templates that name something unknown are named, with what there is", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["{{accuracy ham cpu T=4}}", /\{\{accuracy ham cpu T=4\}\} .*wanted one of difference, .*pooled/],
    ["{{pooled hamm cpu T=4}}", /found method hamm, wanted one of ham, ham-plus, /],
    ["{{pooled ham gpu T=4}}", /found view gpu, wanted one of cpu, loops/],
    ["{{pooled ham cpu T=5}}", /wanted T=n with n one of 2, 4, 8 where it has T=5/],
    ["{{pooled ham cpu 4}}", /wanted T=n/],
    ["{{pooled ham cpu}}", /wanted pooled METHOD VIEW T=n/],
    ["{{pooled ham cpu T=4 T=2}}", /wanted pooled METHOD VIEW T=n/],
    ["{{difference ham ewc cpu T=4 speed}}", /found figure speed, wanted one of pooled/],
    ["{{ratio ham ewc cpu T=4}}", /wanted ratio METHOD OTHER VIEW T=n FIGURE/],
    ["{{records all}}", /found part all, wanted one of smoke, later/],
    ["{{verdict speed cpu}}", /found claim speed/],
    ["{{verdict accuracy loops}}", /wanted one of the claim's views, cpu, later/],
    ["{{constructor}}", /\{\{constructor\}\}/],
    ["{{}}", /\{\{\}\}/],
    ["{{pooled ham cpu T=4", /without its end/],
    ["}} {{pooled ham cpu T=4}}", /without its end/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(() => resolved(text), (error) => {
      assert.ok(error instanceof InputError, `${text}: ${error}`);
      assert.match(error.message, message, text);
      return true;
    });
  }
});

Deno.test("text with a number that is typed by hand is refused; names and T are none", () => {
  for (
    const text of [
      "ham has 25.9 % at the end",
      "ham is 3 points ahead",
      "with p<0.05",
      "(−2.8 points)",
      "T = 50 and 100",
      "at T=1.5",
      "three times, 2x",
      "{{pooled ham cpu T=4}} against 69.4",
    ]
  ) assert.throws(() => resolved(text), /found the typed number/, text);
  for (
    const text of [
      "On CIFAR-100 and ViT-B/16, at T = 50 and T=100 (arXiv 2509.13211), B50-inc5",
      "with `keep=0.5` in code",
      "no number",
    ]
  ) assert.equal(resolved(text), text);
});
