import assert from "node:assert/strict";
import { add, mul, sum } from "../../graph/functions.ts";
import { sgd } from "../../train/optimisers/sgd.ts";
import { createMethod } from "../mod.ts";
import { runMethod } from "../test_kit.ts";
import { type DmeaState, startCoefficients } from "./dmea.ts";
import { readExpert } from "./experts.ts";
import { asPart, beside } from "./parted.ts";
import { gradientScale, scaledGradients } from "./scaled_gradients.ts";
import { assertNear, evaluate, steps, tensorOf } from "./test_numbers.ts";

Deno.test("dmea scales the task's gradient to the length of replay's, then less and less", async () => {
  const scale = async (replay: readonly number[], task: readonly number[], progress: number) =>
    (await evaluate(
      { replay: tensorOf([2], replay), task: tensorOf([2], task), progress: tensorOf([1], [progress]) },
      ({ replay, task, progress }) => ({ scale: gradientScale([replay!], [task!], progress!) }),
    ))["scale"]!;
  // Lengths 5 and 10.
  assertNear(await scale([3, 4], [6, 8], 0), [0.5]);
  assertNear(await scale([3, 4], [6, 8], 0.5), [0.75]);
  assertNear(await scale([3, 4], [6, 8], 1), [1]);
  assertNear(await scale([6, 8], [3, 4], 0), [1]);
});

Deno.test("dmea steps along g_replay + η g_task, and along g_task alone where nothing is replayed", async () => {
  const start = { w: tensorOf([2], [0, 0]) };
  const after = async (replays: number, count: number) =>
    (await steps(
      scaledGradients(sgd({ momentum: 0 }), 2),
      { ...start, ...beside(start) },
      (all, { replay, task, replays }) =>
        add(sum(mul(mul(all["w"]!, replay!), replays!)), sum(mul(asPart(all)["w"]!, task!))),
      {
        rate: 0.1,
        count,
        fixed: {
          replays: tensorOf([1], [replays]),
          replay: tensorOf([2], [3, -4]),
          task: tensorOf([2], [6, 8]),
        },
      },
    )).values["w"]!;
  // η is 0.5 at step 0 and 0.75 at step 1.
  assertNear(await after(1, 1), [-0.1 * (3 + 3), -0.1 * (-4 + 4)]);
  assertNear(await after(1, 2), [-0.1 * (6 + 3 + 4.5), -0.1 * (0 - 4 + 6)]);
  assertNear(await after(0, 1), [-0.6, -0.8]);
});

Deno.test("dmea's coefficients start at the similarity of the tasks that used a module", () => {
  // Block 0 has modules 0 (tasks 0 and 2) and 1 (task 1), block 1 has module 0 alone.
  const start = startCoefficients([[0, 0], [1, 0], [0, 0]], [0.25, 0.5, 0.75], [2, 1], 2);
  assertNear([...start.data], [0.75, 0.5, 0.625, 0.75, 0, 0.75]);
});

Deno.test("dmea trains its path alone, keeps what it drops out of the pool, and deploys path and gates", async () => {
  const { own } = await runMethod(createMethod("dmea:buffer=4,similar=1"), {
    tasks: 4,
    train: "really",
    epochs: 4,
  });
  const states = own as unknown as readonly DmeaState[];
  for (const [index, state] of states.entries()) {
    if (index === 0) continue;
    const before = states[index - 1]!;
    const { path } = state.tasks.at(-1)!;
    for (const [block, place] of path.entries()) {
      const count = before.modules.counts[block]!;
      assert.ok(place <= count);
      assert.equal(state.modules.counts[block], Math.max(count, place + 1));
      assert.equal(state.weights.data[block * 6 + place], 1);
      for (let other = 0; other < count; other++) {
        const read = ({ modules }: DmeaState) => readExpert(modules, `${block}.q`, "B", other);
        if (other === place) assert.notDeepEqual(read(state), read(before));
        else assert.deepEqual(read(state), read(before));
      }
      const used = new Set([place, ...before.tasks.map(({ path }) => path[block]!)]);
      for (let other = 0; other < 6; other++) {
        if (!used.has(other)) assert.equal(state.weights.data[block * 6 + other], 0);
      }
    }
  }
});
