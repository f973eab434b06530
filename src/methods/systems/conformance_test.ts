/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { systemsMethods } from "./mod.ts";

checkConformance(Object.keys(systemsMethods));
