/**
 * What a benchmark consists of: a suite file, or one of the named suites, with command-line flags on top. The
 * result is checked as a whole before anything is written.
 *
 * @module
 */
import { z } from "zod";
import { InputError, systemReason } from "../../src/core/mod.ts";
import { type StreamKind, streamKinds } from "../../src/data/mod.ts";
import { type BackendChoice, backendChoices } from "../../src/executors/mod.ts";
import { methods as allMethods } from "../../src/methods/mod.ts";
import { activations, normOrders, pools } from "../../src/nn/mod.ts";
import { type EvaluateWhen, type ProtocolSettings } from "../../src/protocol/mod.ts";
import { type BackboneFlags, backboneFlagsAmong } from "../commands/backbone_flags.ts";
import { parseSetting } from "./settings.ts";

/** A benchmark before data, backbone and backend are loaded. */
export interface Suite {
  /** Specification for `loadDataset`. */
  readonly data: string;
  /** Name of a shipped backbone, or path of a weight file or of a folder with one. */
  readonly backbone: string;
  /** Facts about it that no file tells, and the size of images. */
  readonly backboneFacts: BackboneFlags;
  readonly backend: BackendChoice;
  /** Names with options, such as `ham:keep=0.5,groupRank=16`; a suite may say `all` for all that there are. */
  readonly methods: readonly string[];
  /** Numbers of tasks T. */
  readonly tasks: readonly number[];
  /** Each is the seed of the class order and, unless `trainSeed` is given, of training. */
  readonly seeds: readonly number[];
  readonly trainSeed?: number | undefined;
  /** What tasks have in common; left out, nothing: classes come at random. */
  readonly stream?: StreamKind | undefined;
  /** Classes of each task, so that more tasks are more classes; left out, all classes are dealt out to the tasks. */
  readonly classesPerTask?: number | undefined;
  /** Classes of the first task. */
  readonly firstTask?: number | undefined;
  /** Classes of every task. */
  readonly taskSizes?: readonly number[] | undefined;
  /** `numpy`, `numpy:SEED`, a seed, a list of class names or numbers, or the path of a file with one. */
  readonly classOrder?: string | undefined;
  readonly evaluate?: EvaluateWhen | undefined;
  /** Images of each class, of both splits. */
  readonly limitPerClass?: number | undefined;
  readonly settings: Partial<ProtocolSettings>;
}

const size = z.int().min(1);

/** Facts about a backbone, as suites and records have them. */
export const backboneFacts: z.ZodType<BackboneFlags> = z.strictObject({
  card: z.string().exactOptional(),
  heads: size.exactOptional(),
  norm: z.enum(normOrders).exactOptional(),
  activation: z.enum(activations).exactOptional(),
  epsilon: z.number().positive().exactOptional(),
  pool: z.enum(pools).exactOptional(),
  mean: z.array(z.number()).min(1).exactOptional(),
  std: z.array(z.number().positive()).min(1).exactOptional(),
  image: size.exactOptional(),
  ignoreUnknown: z.literal(true).exactOptional(),
});

const schema: z.ZodType<Suite> = z.strictObject({
  data: z.string().min(1).default("procedural"),
  backbone: z.string().min(1).default("nano"),
  backboneFacts: backboneFacts.default({}),
  backend: z.enum(backendChoices).default("auto"),
  methods: z.array(z.string().min(1)).min(1),
  tasks: z.array(z.int().min(1)).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  trainSeed: z.int().min(0).optional(),
  stream: z.enum(streamKinds).optional(),
  classesPerTask: z.int().min(1).optional(),
  firstTask: z.int().min(1).optional(),
  taskSizes: z.array(z.int().min(1)).min(1).optional(),
  classOrder: z.string().min(1).optional(),
  evaluate: z.union([z.enum(["all", "last"]), z.int().min(1)]).optional(),
  limitPerClass: z.int().min(1).optional(),
  settings: z.record(z.string(), z.unknown()).default({}) as unknown as z.ZodType<Partial<ProtocolSettings>>,
});

/** Suites that come with the program. */
export const namedSuites: readonly string[] = [
  "smoke",
  "quick",
  "methods",
  "heads",
  "ablation",
  "growth",
  "families",
  "paper",
];

/** Flags that replace parts of a suite, as text. */
export interface SuiteFlags extends BackboneFlags {
  readonly suite: string;
  readonly data?: string;
  readonly backbone?: string;
  readonly backend?: string;
  readonly methods?: string;
  readonly tasks?: string;
  readonly seeds?: string;
  readonly trainSeed?: string;
  readonly stream?: string;
  readonly classesPerTask?: string;
  readonly firstTask?: string;
  readonly taskSizes?: string;
  readonly classOrder?: string;
  readonly evaluate?: string;
  readonly limitPerClass?: string;
  readonly epochs?: string;
  /** `key=value` settings. */
  readonly set?: readonly string[];
}

/**
 * Reads a suite of one part and lays flags over it.
 *
 * @throws {InputError} If the suite or a flag is wrong, or it has several parts
 */
export async function resolveSuite(flags: SuiteFlags): Promise<Suite> {
  const [suite, ...others] = await resolveSuites(flags);
  if (others.length > 0) {
    throw new InputError(`Cannot use suite "${flags.suite}": found ${others.length + 1} parts, wanted one`);
  }
  return suite!;
}

/**
 * Reads a suite and lays flags over each of its parts.
 *
 * @throws {InputError} If the suite or a flag is wrong
 */
export async function resolveSuites(flags: SuiteFlags): Promise<Suite[]> {
  return (await readSuite(flags.suite)).map((part) => withFlags(part, flags));
}

function withFlags(base: Suite, flags: SuiteFlags): Suite {
  const { data, backbone, backend, methods, tasks, seeds, trainSeed, epochs, set = [] } = flags;
  const { stream, classesPerTask, firstTask, taskSizes, classOrder, evaluate, limitPerClass } = flags;
  const settings = Object.fromEntries(set.flatMap((text) => text.split(/,(?=\w+=)/)).map(parseSetting));
  return check("the flags", {
    ...base,
    ...(data !== undefined && { data }),
    ...(backbone !== undefined && { backbone }),
    // Facts belong to their backbone: those of the suite do not hold for another.
    backboneFacts: { ...(backbone === undefined && base.backboneFacts), ...backboneFlagsAmong(flags) },
    ...(backend !== undefined && { backend }),
    ...(methods !== undefined && { methods: splitMethods(methods) }),
    ...(tasks !== undefined && { tasks: parseIntegers("--tasks", tasks, 1) }),
    ...(seeds !== undefined && { seeds: parseIntegers("--seeds", seeds, 0) }),
    ...(trainSeed !== undefined && { trainSeed: parseInteger("--train-seed", trainSeed, 0) }),
    ...(stream !== undefined && { stream: parseStream(stream) }),
    ...(classesPerTask !== undefined && {
      classesPerTask: parseInteger("--classes-per-task", classesPerTask, 1),
    }),
    ...(firstTask !== undefined && { firstTask: parseInteger("--first-task", firstTask, 1) }),
    ...(taskSizes !== undefined && sizesOf(taskSizes, tasks)),
    ...(classOrder !== undefined && { classOrder }),
    ...(evaluate !== undefined && {
      evaluate: evaluate === "all" || evaluate === "last" ? evaluate : parseEvery(evaluate),
    }),
    ...(limitPerClass !== undefined && {
      limitPerClass: parseInteger("--limit-per-class", limitPerClass, 1),
    }),
    settings: {
      ...base.settings,
      ...(epochs !== undefined && { epochs: parseInteger("--epochs", epochs, 1) }),
      ...settings,
    },
  });
}

async function readSuite(name: string): Promise<Suite[]> {
  const source = namedSuites.includes(name) ? new URL(`../suites/${name}.json`, import.meta.url) : name;
  let text: string;
  try {
    text = await Deno.readTextFile(source);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such file" : systemReason(error);
    throw new InputError(
      `Cannot read suite "${name}": ${reason}, wanted ${namedSuites.join(", ")} or the path of a suite file`,
    );
  }
  return parseSuites(text, name);
}

const several = z.looseObject({
  parts: z.array(z.looseObject({ settings: z.looseObject({}).exactOptional() })).min(1).exactOptional(),
  settings: z.looseObject({}).exactOptional(),
});

/**
 * Checks the text of a suite and fills in what it leaves out. A suite may have `parts`, each of which says what it has
 * other than the rest of the file, such as other data or another setting.
 *
 * @param name Named in errors
 * @throws {InputError} If it is no suite
 */
export function parseSuites(text: string, name: string): Suite[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read suite "${name}": ${(error as Error).message}`);
  }
  const shape = several.safeParse(value);
  if (!shape.success || shape.data.parts === undefined) return [check(`suite "${name}"`, value)];
  const { parts, ...common } = shape.data;
  return parts.map((part, i) =>
    check(`suite "${name}", part ${i + 1}`, {
      ...common,
      ...part,
      settings: { ...common.settings, ...part.settings },
    })
  );
}

function check(what: string, value: unknown): Suite {
  const result = schema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.map(({ path, message }) => [...path, message].join(": "));
    throw new InputError(`Cannot use ${what}: ${issues.join("; ")}`);
  }
  const { methods, tasks, seeds } = result.data;
  return {
    ...result.data,
    methods: [...new Set(methods.flatMap((name) => name === "all" ? Object.keys(allMethods) : name))],
    tasks: [...new Set(tasks)],
    seeds: [...new Set(seeds)],
  };
}

/** Splits at commas, except before `key=value`, which belongs to the method before it. */
export function splitMethods(text: string): string[] {
  const methods: string[] = [];
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const isOption = methods.length > 0 && /^\w+=/.test(part);
    if (isOption) methods[methods.length - 1] += `,${part}`;
    else methods.push(part);
  }
  return methods;
}

function parseInteger(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
    throw new InputError(`Cannot use ${flag} ${text}: wanted an integer of at least ${least}`);
  }
  return value;
}

function parseStream(text: string): StreamKind {
  const kind = streamKinds.find((name) => name === text);
  if (kind) return kind;
  throw new InputError(`Cannot use --stream ${text}: wanted one of ${streamKinds.join(", ")}`);
}

function parseIntegers(flag: string, text: string, least: number): number[] {
  return text.split(",").map((part) => parseInteger(flag, part, least));
}

/** Sizes of all tasks, which also say how many there are. */
function sizesOf(text: string, tasks: string | undefined): Pick<Suite, "taskSizes" | "tasks"> {
  const taskSizes = parseIntegers("--task-sizes", text, 1);
  if (tasks !== undefined && tasks !== String(taskSizes.length)) {
    throw new InputError(
      `Cannot use --tasks ${tasks} with --task-sizes ${text}: wanted ${taskSizes.length}, or no --tasks`,
    );
  }
  return { taskSizes, tasks: [taskSizes.length] };
}

function parseEvery(text: string): number {
  if (!/^\d+$/.test(text)) {
    throw new InputError(`Cannot use --evaluate ${text}: wanted all, last or a number`);
  }
  return parseInteger("--evaluate", text, 1);
}
