import * as fn from "../../../../graph/functions.ts";
import { coarse, opCase } from "../../../cases/case.ts";
import { caseTests, kernelTests } from "../../testing.ts";

kernelTests(["tiesMerge"]);
caseTests(
  [[100, 5], [100, 8], [1, 1]].map((shape) =>
    opCase(
      "tiesMerge",
      `extra ${shape}`,
      { stack: coarse(shape) },
      "element",
      ({ stack }) => fn.tiesMerge(stack),
    )
  ),
);
