/**
 * The registry of methods, and the short form in which commands and suites name them: `"ham"`, or
 * `"ham:keep=0.5,groupRank=16"`.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { concatPruned } from "./hierarchy/concat_pruned.ts";
import type { MethodDefinition } from "./definition.ts";
import { hierarchyMethods } from "./hierarchy/mod.ts";
import { mergesMethods } from "./merges/mod.ts";
import { projectedMethods } from "./projected/mod.ts";
import { promptsMethods } from "./prompts/mod.ts";
import { regularisedMethods } from "./regularised/mod.ts";
import { replayMethods } from "./replay/mod.ts";
import { routesMethods } from "./routes/mod.ts";
import { spectralMethods } from "./spectral/mod.ts";
import { systemsMethods } from "./systems/mod.ts";
import { ewc } from "./ewc.ts";
import { ham } from "./hierarchy/ham.ts";
import { joint } from "./joint.ts";
import type { Method } from "./method.ts";
import { naive } from "./naive.ts";
import { simplecil } from "./simplecil.ts";
import { taskArithmetic } from "./task_arithmetic.ts";

// The face of this folder.
export {
  type AdapterMethod,
  adapterMethod,
  type AdapterMethodState,
  type AdapterParts,
  type ExtraLoss,
  type Forward,
  type ForwardEdit,
  type LossContext,
  type Trained,
  type Training,
} from "./adapter_method.ts";
export { type AdapterStepShape, traceAdapterStep, traceFeatures } from "./adapter_step.ts";
export {
  defineMethod,
  describeOptions,
  families,
  type Family,
  type MethodCard,
  type MethodDefinition,
  type MethodParts,
  type OptionDoc,
  type OptionIssue,
  type OptionResult,
  type OptionSchema,
} from "./definition.ts";
export type { FrozenBranches } from "./frozen_branches.ts";
export type {
  Env,
  Fit,
  Fitted,
  Kit,
  Method,
  Named,
  Pass,
  Predictor,
  SplitState,
  Sums,
  Table,
  TaskView,
} from "./method.ts";

/** All methods by name. */
export const methods = {
  naive,
  joint,
  simplecil,
  taskarith: taskArithmetic,
  ewc,
  ham,
  "concat-pruned": concatPruned,
  ...mergesMethods,
  ...spectralMethods,
  ...hierarchyMethods,
  ...regularisedMethods,
  ...projectedMethods,
  ...promptsMethods,
  ...routesMethods,
  ...replayMethods,
  ...systemsMethods,
} as const satisfies Readonly<Record<string, MethodDefinition>>;

/** Name of a registered method. */
export type MethodName = keyof typeof methods;

/** A method with the options that differ from their defaults. */
export interface MethodSpec {
  /** A key of `methods`. */
  readonly name: string;
  /** By name; those left out take their defaults. */
  readonly options?: JsonObject;
}

/**
 * Makes a method from its short form or its parts.
 *
 * @throws {InputError} If the method or an option is unknown, or an option is out of its range
 */
export function createMethod(spec: string | MethodSpec): Method {
  const { name, options } = typeof spec === "string" ? parseMethodSpec(spec) : spec;
  if (!Object.hasOwn(methods, name)) {
    const known = Object.keys(methods).join(", ");
    throw new InputError(`Cannot create method: found ${JSON.stringify(name)}, wanted one of ${known}`);
  }
  return methods[name as MethodName].create(options);
}

/**
 * Reads `name` or `name:option=value,option=value`. Values are JSON where they can be (`0.5`, `null`, `true`), else
 * strings.
 *
 * @throws {InputError} If an option has no name or no value, or is given twice
 */
export function parseMethodSpec(text: string): MethodSpec {
  const [name, rest] = splitOnce(text, ":");
  const options: Record<string, Json> = {};
  for (const part of rest ? rest.split(",") : []) {
    const [option, value] = splitOnce(part, "=");
    if (option === "" || value === undefined || value === "" || Object.hasOwn(options, option)) {
      throw new InputError(
        `Cannot read method ${JSON.stringify(text)}: found ${
          JSON.stringify(part)
        }, wanted option=value once each`,
      );
    }
    options[option] = jsonOrText(value);
  }
  return { name, options };
}

function splitOnce(text: string, separator: string): [before: string, after?: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function jsonOrText(value: string): Json {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
