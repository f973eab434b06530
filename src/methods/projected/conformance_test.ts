/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { projectedMethods } from "./mod.ts";

checkConformance(Object.keys(projectedMethods), [
  "inflora:threshold=0.5",
  "gpm:branch=same",
  "nsp-lora:projection=hard",
]);
