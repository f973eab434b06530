/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { spectralMethods } from "./mod.ts";

checkConformance(Object.keys(spectralMethods), [
  "opcm:space=dense,start=sequential",
  "iso-c:start=sequential",
  "regmean:offDiagonal=1,start=fresh",
  "cofima:information=sum,start=shared",
  "slao:startB=merged",
  "core-space:rule=dare",
]);
