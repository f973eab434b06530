/**
 * How a method is offered: its name, where it comes from, and options that are described, checked and filled in
 * once. The resolved options are what a record holds, so a run never depends on a default that changed later.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { StateValue } from "../core/state.ts";
import type { Method } from "./method.ts";

/** What checks the options of a method and fills them in. A `z.strictObject` with defaults and descriptions is one. */
export interface OptionSchema<Options> {
  /** The options by name, for messages. */
  readonly shape: Readonly<Record<string, unknown>>;
  /** Complete options of what was given; throws where `safeParse` has no success. */
  parse(given: unknown): Options;
  /** Complete options, or what is wrong. */
  safeParse(given: unknown): OptionResult<NoInfer<Options>>;
  /** Defaults, ranges and descriptions as JSON schema. */
  toJSONSchema(side: { readonly io: "input" }): { readonly properties?: object };
}

/** What checking options gave. */
export type OptionResult<Options> =
  | { readonly success: true; readonly data: Options }
  | { readonly success: false; readonly error: { readonly issues: readonly OptionIssue[] } };

/** Something wrong with an option. */
export interface OptionIssue {
  /** `"unrecognized_keys"` where there is no such option. */
  readonly code: string;
  /** The options that there are not. */
  readonly keys?: readonly string[];
  /** The name of the option, then where in its value. */
  readonly path: readonly PropertyKey[];
  /** In words. */
  readonly message: string;
}

/** What kind of method it is, for tables: by its main idea. */
export const families = [
  "bound",
  "floor",
  "sequential",
  "regularised",
  "projected",
  "merge",
  "hierarchy",
  "prompt",
  "route",
  "replay",
  "system",
] as const;
/** The kind of a method. */
export type Family = typeof families[number];

/** What is known of a method before its options are chosen. */
export interface MethodCard {
  /** How commands, suites and records name it. */
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** The paper, or what stands for it. */
  readonly source: string;
  /** By its main idea. */
  readonly family: Family;
  /** Present of the method that stands for nothing learnt, and of that for all that can be: gaps are measured between them. */
  readonly anchor?: "floor" | "bound";
  /** Of the paper, if there is one. */
  readonly year?: number;
  /** One line: what was changed to bring it to class-incremental images with adapters; absent for the original. */
  readonly adapted?: string;
  /** One line: what it keeps between tasks besides the classifier. */
  readonly keeps: string;
  /** Present if it stores images or features of single images: what. Such methods stand in a class of their own. */
  readonly buffer?: string;
  /** Present if it looks at test images for more than their scores: how. Such methods stand in a class of their own. */
  readonly testData?: string;
  /** Forward passes of the backbone per test image, in words; one if absent. */
  readonly passes?: string;
  /** Present if it is of no use where classes come back in later tasks: why. It is then refused. */
  readonly needsNewClasses?: string;
  /** Present if what it costs at test, or the programs that it compiles, grow with the tasks: how. */
  readonly grows?: string;
}

/** A method before its options are chosen. */
export interface MethodDefinition extends MethodCard {
  /** Names, defaults, ranges and one line of documentation for each option. */
  readonly options: OptionSchema<unknown>;
  /**
   * Makes the method; options left out take their defaults.
   *
   * @throws {InputError} If an option is unknown or out of its range
   */
  create(options?: JsonObject): Method;
}

/** One option in words, for help texts and tables. */
export interface OptionDoc {
  /** As it is spelt in `name=value`. */
  readonly name: string;
  /** One line: what it does. */
  readonly description: string;
  /** The value if none is given. */
  readonly default: unknown;
  /** The allowed values as JSON schema. */
  readonly allowed: JsonObject;
}

/** The parts of a definition. `create` gets complete options. */
export interface MethodParts<Options extends object, State extends StateValue> extends MethodCard {
  /** Must refuse unknown names. What it gives must be JSON. */
  readonly options: OptionSchema<Options>;
  /** Makes the method of complete options. */
  create(options: Options): Omit<Method<State>, "name" | "options" | "needsNewClasses">;
}

/** Makes a definition whose `create` checks the options. */
export function defineMethod<Options extends object, State extends StateValue>(
  { options: schema, create, ...card }: MethodParts<Options, State>,
): MethodDefinition {
  const { name, needsNewClasses } = card;
  return {
    ...card,
    options: schema,
    create(given = {}) {
      const options = resolveOptions(name, schema, given);
      return {
        ...create(options),
        name,
        options: options as JsonObject,
        ...(needsNewClasses !== undefined && { needsNewClasses }),
      };
    },
  };
}

/** The options of a method in words. */
export function describeOptions({ options }: MethodDefinition): OptionDoc[] {
  const { properties = {} } = options.toJSONSchema({ io: "input" });
  return Object.entries(properties).map(([name, schema]) => {
    const { description = "", default: preset, ...allowed } = schema as Record<string, unknown>;
    return { name, description: String(description), default: preset, allowed: allowed as JsonObject };
  });
}

function resolveOptions<Options>(method: string, schema: OptionSchema<Options>, given: JsonObject): Options {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue!.code === "unrecognized_keys" && issue!.keys) {
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
