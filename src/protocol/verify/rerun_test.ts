import assert from "node:assert/strict";
import { recordOf } from "../records/test_records.ts";
import {
  describeDifference,
  environmentsOf,
  exactDifference,
  isSameKind,
  nearDifference,
  TOLERANCE,
} from "./rerun.ts";
import { edited } from "./test_edit.ts";

const record = recordOf({ method: "ham", matrix: [[0.9], [0.5, 0.6]] });

function inTask(index: number, change: (task: never) => void) {
  return edited(record, (event) => {
    if (event["index"] === index) change(event as never);
  });
}

const exact = (other: typeof record) => {
  const difference = exactDifference(record, other);
  return difference && describeDifference(difference);
};
const near = (other: typeof record) => {
  const difference = nearDifference(record, other);
  return difference && describeDifference(difference);
};

Deno.test("exactDifference() is the first thing that must repeat and does not", () => {
  assert.equal(exact(record), undefined);
  const elsewhere = edited(record, (event) => {
    if ("seconds" in event) event["seconds"] = { train: 9, method: 9, evaluate: 9 };
    if ("details" in event) event["details"] = {};
    if ("environment" in event) event["environment"] = { device: "another" };
  });
  assert.equal(exact(elsewhere), undefined);
  assert.equal(
    exact(inTask(1, (task: { keptBytes: { method: number } }) => task.keptBytes.method++)),
    "task 1, keptBytes.method: recorded 200, recomputed 201",
  );
  assert.equal(
    exact(inTask(1, (task: { facts: Record<string, unknown> }) => task.facts["groups"] = [1])),
    "task 1, facts.groups: recorded nothing, recomputed [1]",
  );
  assert.equal(
    exact(
      inTask(
        0,
        (task: { evaluation: { classIncremental: number[] } }) => task.evaluation.classIncremental[0]!--,
      ),
    ),
    "task 0, evaluation.classIncremental.0: recorded 72, recomputed 71",
  );
  const seed = edited(record, (event) => {
    if ("cell" in event) (event["cell"] as { trainSeed: number }).trainSeed = 4;
  });
  assert.equal(exact(seed), "cell.trainSeed: recorded 0, recomputed 4");
  assert.match(
    exact({ start: record.start, tasks: record.tasks.slice(0, 1) })!,
    /^task 1, line: recorded \{.*, recomputed nothing$/,
  );
  const failed = recordOf({ method: "ham", matrix: [[0.9], [0.5, 0.6]], status: "failed" });
  assert.equal(exact(failed), 'status: recorded "done", recomputed "failed"');
});

Deno.test("nearDifference() allows what rounding on other machines may give, and no other split", () => {
  type Task = { evaluation: Record<"classIncremental" | "taskInference", number[]>; classes: number[] };
  const hits = (change: number) =>
    inTask(1, ({ evaluation }: Task) => evaluation.classIncremental[0]! += change);
  assert.equal(near(record), undefined);
  // Of 160 images in both tasks.
  assert.equal(near(hits(Math.floor(TOLERANCE.all * 160))), undefined);
  assert.equal(
    near(hits(Math.floor(TOLERANCE.all * 160) + 1)),
    "task 1, evaluation.classIncremental, all tasks: recorded 88, recomputed 92",
  );
  const shifted = inTask(1, ({ evaluation }: Task) => {
    evaluation.taskInference[0]! += 13;
    evaluation.taskInference[1]! -= 13;
  });
  assert.equal(near(shifted), "task 1, evaluation.taskInference.0: recorded 40, recomputed 53");
  assert.equal(
    near(inTask(1, ({ classes }: Task) => classes.reverse())),
    "task 1, classes.0: recorded 2, recomputed 3",
  );
  assert.equal(
    near(inTask(0, (task: { evaluation?: object }) => delete task.evaluation)),
    "task 0, scored: recorded true, recomputed false",
  );
  const other = edited(record, (event) => {
    if ("cell" in event) Object.assign(event["cell"] as object, { backend: "onnx-web" });
    if ("training" in event) event["training"] = { steps: 4, firstLoss: 0.70001, lastLoss: 0.2 };
  });
  assert.equal(near(other), undefined);
  assert.equal(exact(other), 'cell.backend: recorded "reference", recomputed "onnx-web"');
});

Deno.test("isSameKind() asks for equal arithmetic and versions, and takes no silence for an answer", () => {
  const here = { processor: { arithmetic: "a1", model: "x" }, deno: "2", version: "1", device: "cpu" };
  assert.ok(isSameKind(here, { ...here, device: "another", processor: { arithmetic: "a1", model: "y" } }));
  assert.ok(!isSameKind(here, { ...here, processor: { arithmetic: "b2", model: "x" } }));
  assert.ok(!isSameKind(here, { ...here, deno: "3" }));
  assert.ok(!isSameKind(here, { ...here, version: "2" }));
  assert.ok(!isSameKind({ device: "test" }, { device: "test" }));
  const moved = inTask(1, (task: { environment?: object }) => task.environment = here);
  assert.deepEqual(environmentsOf(moved), [{ device: "test" }, here]);
});
