/**
 * Methods that store images or features, and those that train no adapter after the first task.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { acil } from "./acil.ts";
import { aper } from "./aper.ts";
import { derpp } from "./derpp.ts";
import { er } from "./er.ts";
import { gdumb } from "./gdumb.ts";
import { icarl } from "./icarl.ts";
import { layup } from "./layup.ts";
import { randumb } from "./randumb.ts";
import { ranpac } from "./ranpac.ts";

/** By name. */
export const replayMethods = {
  er,
  derpp,
  icarl,
  gdumb,
  ranpac,
  acil,
  randumb,
  aper,
  layup,
} as const satisfies Readonly<
  Record<string, MethodDefinition>
>;
