/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { replayMethods } from "./mod.ts";

checkConformance(Object.keys(replayMethods), [
  "er:base=ham,size=5",
  "derpp:base=ewc,size=3",
]);
