/**
 * PEFT's `adapter_config.json`: the few settings that say what trained factors mean. Everything else must be off, or
 * concern training alone; what would change the update is refused by name.
 *
 * @module
 */
import { z } from "zod";
import { describeIssues } from "../../core/schema.ts";
import { type Budget, compilePython, type PythonPattern } from "./python_pattern.ts";
import { foreignText } from "../files/foreign.ts";
import { show } from "../files/safetensors.ts";

/** What we write. */
export interface PeftConfig {
  readonly peft_type: "LORA";
  readonly task_type: null;
  readonly base_model_name_or_path: string;
  readonly inference_mode: true;
  readonly r: number;
  readonly lora_alpha: number;
  readonly lora_dropout: 0;
  readonly bias: "none";
  readonly fan_in_fan_out: false;
  readonly init_lora_weights: true;
  readonly use_rslora: false;
  readonly use_dora: false;
  readonly target_modules: readonly string[];
  readonly rank_pattern: Readonly<Record<string, number>>;
  readonly alpha_pattern: Readonly<Record<string, number>>;
  readonly modules_to_save: readonly string[] | null;
}

const rank = z.int().positive();

const schema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: rank,
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  rank_pattern: z.record(z.string(), rank).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
});

/** Settings that do not change what trained factors mean. */
const harmless: ReadonlySet<string> = new Set([
  ...Object.keys(schema.shape),
  "auto_mapping",
  "base_model_name_or_path",
  "corda_config",
  "ensure_weight_tying",
  "eva_config",
  "exclude_modules",
  "inference_mode",
  "layers_pattern",
  "layers_to_transform",
  "loftq_config",
  "lora_dropout",
  "lora_ga_config",
  "megatron_core",
  "modules_to_save",
  "peft_version",
  "qalora_group_size",
  "revision",
  "target_modules",
  "task_type",
  // Its magnitudes are among the tensors.
  "use_dora",
]);

/** Values of others that do not either. Other starts than these change the weights of the base model. */
const neutral: ReadonlyMap<string, readonly unknown[]> = new Map([
  // Trained biases are among the tensors.
  ["bias", ["none", "all", "lora_only"]],
  ["init_lora_weights", [true, "gaussian", "orthogonal", "eva"]],
]);

function isOff(value: unknown): boolean {
  return value === null || value === false ||
    (typeof value === "object" && Object.keys(value as object).length === 0);
}

/** Longer patterns are none that anybody writes, and longer names none of modules. */
const MAX_PATTERN = 1000;
const MAX_NAME = 500;

/** Steps that matching all names of a config may take. */
const MAX_STEPS = 1e7;

/** A key of rank_pattern or alpha_pattern, which PEFT matches from some dot of a module's name on. */
function compile(key: string, budget: Budget, fail: (why: string) => never): (module: string) => boolean {
  const refuse = (why: string) => fail(`found the pattern ${show(key)}, ${why}`);
  if (key.length > MAX_PATTERN) return refuse("which is too long");
  let pattern: PythonPattern;
  try {
    pattern = compilePython(`(.*\\.)?(${key})$`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse(`wanted one that Python compiles and that is read here: it has ${error.message}`);
  }
  return (module) => {
    if (module.length > MAX_NAME) {
      return refuse(`which cannot be matched with ${show(module)}, a name too long`);
    }
    try {
      return pattern.match(module, budget);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return refuse(`which takes too long to match ${show(module)}`);
    }
  };
}

function lookup<T>(
  patterns: Readonly<Record<string, T>> | null | undefined,
  budget: Budget,
  fail: (why: string) => never,
): (module: string) => T | undefined {
  const compiled = Object.entries(patterns ?? {}).map(([key, value]) =>
    [compile(key, budget, fail), value] as const
  );
  return (module) => compiled.find(([matches]) => matches(module))?.[1];
}

/** What a config says of a module. */
export interface PeftSettings {
  rankOf(module: string): number;
  /** Factor of B A. */
  gainOf(module: string, rank: number): number;
}

/**
 * Reads a config.
 *
 * @param fail Told what is wrong with it
 */
export function parsePeftConfig(text: string, fail: (why: string) => never): PeftSettings {
  const other = foreignText(text);
  if (other) return fail(`its config is ${other}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail(`its config is not JSON (${(error as Error).message})`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return fail(`its config has ${describeIssues(parsed.error)}`);
  const { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern, ...others } = parsed.data;
  for (const [key, value] of Object.entries(others)) {
    if (harmless.has(key) || isOff(value)) continue;
    const allowed = neutral.get(key) ?? [];
    if (allowed.includes(value)) continue;
    const wanted = allowed.length > 0 ? `one of ${allowed.join(", ")}` : "it off";
    return fail(`found ${key} ${show(value)}, wanted ${wanted}`);
  }
  const budget = { left: MAX_STEPS };
  const rankOf = lookup(rank_pattern, budget, fail);
  const alphaOf = lookup(alpha_pattern, budget, fail);
  return {
    rankOf: (module) => rankOf(module) ?? r,
    gainOf: (module, own) => (alphaOf(module) ?? lora_alpha) / (use_rslora ? Math.sqrt(own) : own),
  };
}

/** Whether two gains are one up to the rounding of a quotient. */
export function isSameGain(x: number, y: number): boolean {
  return Math.abs(x - y) <= 1e-14 * Math.abs(y);
}

/** What we write beside the weights for ourselves. */
export interface OwnFacts {
  readonly backbone: { readonly id: string; readonly hash: string };
  readonly cell?: string | undefined;
  readonly task?: number | undefined;
  readonly scale: number;
  readonly importance: number;
  /** By site. */
  readonly ranks: Readonly<Record<string, number>>;
  readonly classNames?: readonly string[] | undefined;
}

const ownFacts: z.ZodType<OwnFacts> = z.strictObject({
  backbone: z.strictObject({ id: z.string(), hash: z.string() }),
  cell: z.string().optional(),
  task: z.int().min(0).optional(),
  scale: z.number(),
  importance: z.number(),
  ranks: z.record(z.string(), rank),
  classNames: z.array(z.string()).optional(),
});

/** What we wrote; undefined if it is not there or not ours, since a file is complete without it. */
export function parseOwnFacts(text: string | undefined): OwnFacts | undefined {
  if (text === undefined) return undefined;
  try {
    return ownFacts.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
