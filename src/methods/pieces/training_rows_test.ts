import assert from "node:assert/strict";
import { classifiers } from "../../classifiers/mod.ts";
import type { StateValue } from "../../core/state.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, runMethod, testTask } from "../test_kit.ts";
import { trainingRows, withoutTrainingRows, withTrainingRows } from "./training_rows.ts";

Deno.test("policies that keep the rows that trained are left as they are", () => {
  for (const name of ["linear", "cosine", "alignment"] as const) {
    assert.equal(withTrainingRows(classifiers[name]), classifiers[name]);
  }
});

Deno.test("rows of training go on from task to task beside class means, which score", async () => {
  const method = createMethod("er");
  const options = { tasks: 2, train: "really", classifier: classifiers.ncm } as const;
  const { states, predictor } = await runMethod(method, options);
  const stateOf = (i: number) =>
    (states[i] as { readonly base: { readonly classifier: Record<string, StateValue> } }).base
      .classifier as never as Parameters<typeof trainingRows>[0];
  const starts: Record<string, { readonly data: Float32Array }>[] = [];
  for (const index of [0, 1]) {
    const kit = createTestKit({ task: index, classifier: classifiers.ncm });
    await method.learn(states[index]!, testTask(index), {
      ...kit,
      fit: (spec) => kit.fit((starts.push(spec.start), spec)),
    });
  }
  // The first task starts where naive does, the second with what the first trained.
  const fresh = createTestKit({ classifier: classifiers.ncm }).freshClassifier()["head.weight"]!;
  assert.deepEqual(starts[0]!["head.training.weight"], fresh);
  const rows = trainingRows(stateOf(1))["head.weight"]!;
  assert.deepEqual(starts[1]!["head.training.weight"], rows);
  assert.notDeepEqual(rows, fresh);
  assert.ok(!("head.weight" in starts[1]!));
  // Scores are of the means.
  const means = withoutTrainingRows(stateOf(2));
  assert.deepEqual(Object.keys(means).sort(), ["head.bias", "head.weight"]);
  assert.deepEqual(predictor.fixed, classifiers.ncm.scorer(means).fixed);
});
