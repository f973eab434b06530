/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { promptsMethods } from "./mod.ts";

checkConformance(Object.keys(promptsMethods));
