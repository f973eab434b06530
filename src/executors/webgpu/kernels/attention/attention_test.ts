import * as fn from "../../../../graph/functions.ts";
import { normal, opCase } from "../../../cases/case.ts";
import { caseTests, kernelTests } from "../../testing.ts";

kernelTests(["attention", "attentionGrad"]);

/** Tokens and head sizes around the tiles and chunks of the kernels, up to the largest head held in registers. */
const extra = [
  [1, 31, 1, 128],
  [1, 32, 1, 132],
  [2, 33, 2, 20],
  [1, 65, 1, 12],
] as const;
const cases = extra.flatMap(([batch, tokens, heads, headDim]) => {
  const name = `extra ${[batch, tokens, heads, headDim]}`;
  const qkv = normal([batch, tokens, 3 * heads * headDim]);
  const dy = normal([batch, tokens, heads * headDim]);
  const precision = { length: tokens + headDim };
  return [
    opCase("attention", name, { qkv }, precision, ({ qkv }) => fn.attention(qkv, heads)),
    opCase(
      "attentionGrad",
      name,
      { qkv, dy },
      precision,
      ({ qkv, dy }, graph) => graph.make("attentionGrad", { heads }, [qkv, dy]),
    ),
  ];
});
caseTests(cases);
caseTests(cases.slice(-2), [{ attention: "deep tiles" }]);
