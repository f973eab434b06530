import assert from "node:assert/strict";
import { sha256 } from "../core/json.ts";
import { overlapOf } from "./overlap.ts";

const trainedOn = [{
  name: "tiny-imagenet",
  fingerprint: sha256("tiny"),
  wordnet: ["n01443537", "n01629819", "n01641577"],
}];

function of(
  classNames: readonly string[],
  rest: { name?: string; fingerprint?: string; origins?: readonly string[] },
) {
  return overlapOf({ trainedOn }, { name: "other", fingerprint: sha256("other"), classNames, ...rest });
}

Deno.test("overlapOf() knows data by their content, their name and WordNet's numbers of their classes", () => {
  const found = (by: string, classes: number) => [{ trainedOn: "tiny-imagenet", by, classes }];
  assert.deepEqual(of(["a", "b"], { fingerprint: sha256("tiny") }), found("content", 2));
  assert.deepEqual(of(["a", "b"], { name: "tiny-imagenet" }), found("name", 2));
  assert.deepEqual(of(["n01443537 goldfish", "n02084071 dog"], {}), found("classes", 1));
  assert.deepEqual(of(["n01443537", "x/n01641577 frog", "n014435370"], {}), found("classes", 2));
  assert.deepEqual(
    of(["a", "b", "c"], { origins: ["m", "tiny-imagenet", "tiny-imagenet 2"] }),
    found("name", 2),
  );
});

Deno.test("overlapOf() finds nothing where there is nothing, or no card", () => {
  assert.deepEqual(of(["goldfish", "n00000000 x"], {}), []);
  assert.deepEqual(
    overlapOf({}, { name: "tiny-imagenet", fingerprint: sha256("tiny"), classNames: ["a"] }),
    [],
  );
});
