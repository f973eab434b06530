/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { mergesMethods } from "./mod.ts";

checkConformance(Object.keys(mergesMethods), [
  "average:space=delta,start=sequential",
  "ema:start=shared,rankCap=4",
  "ties:trim=model,start=sequential,rankCap=4",
  "magmax:start=fresh,rankCap=2",
  "emr:rescale=none",
]);
