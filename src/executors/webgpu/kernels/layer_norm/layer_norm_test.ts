import * as fn from "../../../../graph/functions.ts";
import { normal, opCase } from "../../../cases/case.ts";
import { caseTests, kernelTests } from "../../testing.ts";

kernelTests(["layerNorm", "layerNormGrad"]);

const shapes = [[3, 31], [2, 255], [2, 257], [1, 1028], [130, 2]] as const;
caseTests([
  ...shapes.flatMap((shape) => {
    const width = shape[1];
    const leaves = { x: normal(shape, 2), gamma: normal([width]) };
    return [
      opCase(
        "layerNorm",
        `extra ${shape}`,
        { ...leaves, beta: normal([width]) },
        { length: width },
        ({ x, gamma, beta }) => fn.layerNorm(x, gamma, beta, 1e-5),
      ),
      opCase(
        "layerNormGrad",
        `extra ${shape}`,
        { ...leaves, dy: normal(shape) },
        { length: width },
        ({ x, gamma, dy }, graph) => graph.make("layerNormGrad", { epsilon: 1e-5 }, [x, gamma, dy]),
      ),
    ];
  }),
  // The mean of these rows is known to no better than the deviation in float32, were it one number.
  opCase(
    "layerNorm",
    "extra a million deviations from zero",
    { x: normal([4, 64], 2 ** 20), gamma: normal([64]), beta: normal([64]) },
    { length: 64 },
    ({ x, gamma, beta }) => fn.layerNorm(x, gamma, beta, 1e-6),
  ),
]);
