/**
 * The methods that replay can be put around, and the options that choose one.
 *
 * @module
 */
import { z } from "zod";
import type { JsonObject } from "../../core/json.ts";
import type { StateValue } from "../../core/state.ts";
import { type AdapterParts, adapterParts } from "../adapter_method.ts";
import { concatPruned } from "../hierarchy/concat_pruned.ts";
import type { MethodDefinition } from "../definition.ts";
import { ewc } from "../ewc.ts";
import { ham } from "../hierarchy/ham.ts";
import { hierarchyMethods } from "../hierarchy/mod.ts";
import { mergesMethods } from "../merges/mod.ts";
import { naive } from "../naive.ts";
import { projectedMethods } from "../projected/mod.ts";
import { regularisedMethods } from "../regularised/mod.ts";
import { spectralMethods } from "../spectral/mod.ts";
import { taskArithmetic } from "../task_arithmetic.ts";

const candidates: Readonly<Record<string, MethodDefinition>> = {
  naive,
  ewc,
  taskarith: taskArithmetic,
  ham,
  "concat-pruned": concatPruned,
  ...mergesMethods,
  ...spectralMethods,
  ...hierarchyMethods,
  ...regularisedMethods,
  ...projectedMethods,
};

function isBase(definition: MethodDefinition): boolean {
  return definition.buffer === undefined && adapterParts(definition.create())?.trains === "task";
}

/** Methods of one adapter that trains on every task, by name. */
export const bases: Readonly<Record<string, MethodDefinition>> = Object.fromEntries(
  Object.entries(candidates).filter(([, definition]) => isBase(definition)),
);

/** What chooses a method and its options. */
export interface BaseChoice {
  readonly base: string;
  readonly baseOptions: JsonObject;
}

/** The hooks of the chosen method. */
export function partsOf({ base, baseOptions }: BaseChoice): AdapterParts<StateValue> {
  return adapterParts(bases[base]!.create(baseOptions))!;
}

const value = z.union([z.number(), z.boolean(), z.string(), z.null()]);

/** The options that choose the method. */
export const baseShape = {
  base: z.enum(Object.keys(bases)).default("naive")
    .describe(
      "Method that replay is put around: what a task starts from, adds to its loss, keeps and deploys",
    ),
  baseOptions: z.record(z.string(), value).default({})
    .describe("Options of that method; those left out take their defaults"),
};

/** Options with those of the chosen method checked and filled in, so that a record has all of them. */
export function withBaseOptions<Schema extends z.ZodType<BaseChoice>>(schema: Schema): Schema {
  const resolve = ({ base, baseOptions }: BaseChoice) => bases[base]!.options.safeParse(baseOptions);
  return schema.superRefine((given, context) => {
    const result = resolve(given);
    if (result.success) return;
    const [issue] = result.error.issues;
    context.addIssue({ code: "custom", path: ["baseOptions"], message: `${given.base}: ${issue!.message}` });
  }).overwrite((given) => {
    const result = resolve(given);
    return result.success ? { ...given, baseOptions: result.data as JsonObject } : given;
  });
}
