import { checkAgainstReference, opCases, programCases } from "../cases.ts";
import { createOnnxExecutor } from "./executor.ts";

for (const flavour of ["node", "web"] as const) {
  const executor = await createOnnxExecutor({ flavour });
  for (const testCase of [...opCases, ...programCases]) {
    Deno.test(`${executor.info.backend} runs ${testCase.name} as the reference does`, () =>
      checkAgainstReference(executor, testCase));
  }
}
