/**
 * How a method is offered: its name, where it comes from, and options that are described, checked and filled in
 * once. The resolved options are what a record holds, so a run never depends on a default that changed later.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { StateValue } from "../core/state.ts";
import type { Method } from "./method.ts";

/** A method before its options are chosen. */
export interface MethodDefinition {
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** The paper, or what stands for it. */
  readonly source: string;
  /** Names, defaults, ranges and one line of documentation for each option. */
  readonly options: z.ZodObject;
  /**
   * Makes the method; options left out take their defaults.
   *
   * @throws {InputError} If an option is unknown or out of its range
   */
  create(options?: JsonObject): Method;
}

/** One option in words, for help texts and tables. */
export interface OptionDoc {
  readonly name: string;
  readonly description: string;
  readonly default: unknown;
  /** The allowed values as JSON schema. */
  readonly allowed: JsonObject;
}

/** The parts of a definition. `create` gets complete options. */
export interface MethodParts<Shape extends z.core.$ZodLooseShape, State extends StateValue> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly options: z.ZodObject<Shape, z.core.$strict>;
  create(options: z.infer<z.ZodObject<Shape, z.core.$strict>>): Omit<Method<State>, "name" | "options">;
}

/** Makes a definition whose `create` checks the options. */
export function defineMethod<Shape extends z.core.$ZodLooseShape, State extends StateValue>(
  { name, summary, source, options: schema, create }: MethodParts<Shape, State>,
): MethodDefinition {
  return {
    name,
    summary,
    source,
    options: schema as unknown as z.ZodObject,
    create(given = {}) {
      const options = resolveOptions(name, schema, given);
      return { ...create(options), name, options: options as JsonObject };
    },
  };
}

/** The options of a method in words. */
export function describeOptions({ options }: MethodDefinition): OptionDoc[] {
  const { properties = {} } = z.toJSONSchema(options, { io: "input" });
  return Object.entries(properties).map(([name, schema]) => {
    const { description = "", default: preset, ...allowed } = schema as Record<string, unknown>;
    return { name, description: String(description), default: preset, allowed: allowed as JsonObject };
  });
}

function resolveOptions<Shape extends z.core.$ZodLooseShape>(
  method: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  given: JsonObject,
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue!.code === "unrecognized_keys") {
    const known = Object.keys(schema.shape);
    throw new InputError(
      `Cannot create method ${method}: found unknown option ${issue!.keys.join(", ")}, wanted ${
        known.length === 0 ? "no options" : `one of ${known.join(", ")}`
      }`,
    );
  }
  const [option] = issue!.path;
  throw new InputError(
    `Cannot create method ${method}: found ${String(option)} ${JSON.stringify(given[String(option)])}: ${
      issue!.message
    }`,
  );
}
