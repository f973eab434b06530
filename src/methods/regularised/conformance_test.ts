/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { regularisedMethods } from "./mod.ts";

/** Options of methods whose defaults are too much work for a batch of two. */
const sized: Readonly<Record<string, string>> = {
  ssiat: "ssiat:samples=2,epochs=1",
  slca: "slca:samples=2,epochs=1",
};

checkConformance(Object.keys(regularisedMethods).map((name) => sized[name] ?? name), [
  "ewc-lora:merge=factors",
  "sd-lora:magnitude=null",
  "treelora:pull=product",
]);
