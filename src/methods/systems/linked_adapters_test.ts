import assert from "node:assert/strict";
import { composeDelta } from "../../merge/delta.ts";
import { adaptedLinear } from "../../nn/lora.ts";
import { createMethod } from "../mod.ts";
import { runMethod, tinyConfig, tinyLora } from "../test_kit.ts";
import { linkedAdapter, linkedBranch, type LinkedState, linkWeights } from "./linked_adapters.ts";
import { assertNear, evaluate, numbers, tensorOf } from "./test_numbers.ts";

const { linked } = numbers;
/** Embeddings of 3 numbers; two earlier tasks. */
const links = {
  "links.in": tensorOf([2, 6, 16], linked.in),
  "links.bias": tensorOf([2, 1, 16], linked.bias),
  "links.out": tensorOf([2, 16, 1], linked.out),
};
const pairs = tensorOf(
  [2, 6],
  [0, 1].flatMap((p) => [...linked.earlier.slice(3 * p, 3 * p + 3), ...linked.own]),
);

Deno.test("linked-adapters' networks give NumPy's links for each block", async () => {
  const { beta } = await evaluate(
    { ...links, pairs },
    ({ pairs, ...links }) => ({ beta: linkWeights(links, pairs!) }),
  );
  assertNear(beta!, linked.beta);
});

Deno.test("linked-adapters adds Σ β_h^{pt} Φ_p at a projection, in a graph and folded", async () => {
  // Both adapters in their places, at the site "1.q" of rank 2, as one tensor each; other sites are not read.
  const a = tensorOf([4, 8], linked.a);
  const b = tensorOf(
    [8, 4],
    Array.from({ length: 32 }, (_, i) => {
      const [row, column] = [Math.floor(i / 4), i % 4];
      return linked.b[(Math.floor(column / 2) * 8 + row) * 2 + column % 2];
    }),
  );
  const one = { config: { ...tinyConfig, depth: 2 }, lora: { ...tinyLora, targets: ["q"] as const } };
  const { added } = await evaluate(
    {
      a,
      b,
      x: tensorOf([1, 3, 8], linked.x),
      beta: tensorOf([2, 2], linked.beta),
      w: tensorOf([8, 8], Array(64).fill(0)),
      bias: tensorOf([8], Array(8).fill(0)),
    },
    ({ a, b, x, beta, w, bias }) => {
      const fixed = Object.fromEntries(
        [0, 1].flatMap((
          block,
        ) => [[`earlier.lora.${block}.q.A`, a!] as const, [`earlier.lora.${block}.q.B`, b!] as const]),
      );
      const branch = linkedBranch(fixed, beta!, one);
      return { added: adaptedLinear(x!, w!, bias!, [branch], [{ site: "1.q", row: 0 }]) };
    },
  );
  assertNear(added!, linked.added, 1e-5);

  const adapters = [0, 1].map((p) => ({
    scale: tinyLora.scale,
    importance: 1,
    pairs: {
      "1.q": {
        a: tensorOf([2, 8], linked.a.slice(16 * p, 16 * p + 16)),
        b: tensorOf([8, 2], linked.b.slice(16 * p, 16 * p + 16)),
      },
    },
  }));
  const delta = composeDelta(
    linkedAdapter(adapters, [0, 1].map((p) => [linked.beta[p], linked.beta[2 + p]])),
    "1.q",
  );
  const folded = Array.from({ length: 24 }, (_, i) => {
    const [row, out] = [Math.floor(i / 8), i % 8];
    return Array.from({ length: 8 }, (_, k) => delta[out * 8 + k]! * linked.x[row * 8 + k]).reduce(
      (x, y) => x + y,
      0,
    );
  });
  assertNear(folded, linked.added, 1e-5);
});

Deno.test("linked-adapters leaves earlier adapters and embeddings, and starts without links", async () => {
  const { own } = await runMethod(createMethod("linked-adapters"), { tasks: 3, train: "really" });
  const [before, first, , third] = own as unknown as readonly LinkedState[];
  assert.ok(before!.links["links.out"]!.data.every((value) => value === 0));
  assert.deepEqual(third!.tasks[0], first!.tasks[0]);
  assert.deepEqual(third!.embeddings[0], first!.embeddings[0]);
  assert.ok(third!.links["links.out"]!.data.some((value) => value !== 0));
});

Deno.test("linked-adapters holds the links of earlier tasks the more, the stronger it keeps them", async () => {
  const drift = async (keep: number) => {
    const { own } = await runMethod(createMethod(`linked-adapters:keep=${keep}`), {
      tasks: 3,
      train: "really",
      epochs: 10,
    });
    const [, , second, third] = own as unknown as readonly LinkedState[];
    const pair = tensorOf([1, 16], [...third!.embeddings[0]!, ...third!.embeddings[1]!]);
    const at = async (state: LinkedState) =>
      (await evaluate(
        { ...state.links, pair },
        ({ pair, ...links }) => ({ beta: linkWeights(links, pair!) }),
      ))["beta"]!;
    const [then, now] = [await at(second!), await at(third!)];
    return now.reduce((total, value, h) => total + (value - then[h]!) ** 2, 0);
  };
  assert.ok(await drift(1000) < await drift(0));
});
