/**
 * `deno task tune METHOD…`: a search over declared ranges with the same budget for every method, on streams that no
 * suite scores. Every trial is an ordinary run with ordinary records, so a search can be checked, resumed and repeated.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { canonicalJson, InputError } from "../../src/core/mod.ts";
import { createMethod } from "../../src/methods/mod.ts";
import { resolveSettings, type RunRecord } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { loadData } from "../grid/load_data.ts";
import { loadSuite, readFinished } from "../grid/plan.ts";
import { parseSetting } from "../grid/settings.ts";
import { namedSuites, resolveSuite, resolveSuites, type SuiteFlags } from "../grid/suite.ts";
import { formatTable } from "../table.ts";
import { bestOf, resultOf, type TrialResult } from "../tuning/choose.ts";
import { keyOf, optionsOf, type Ranges, readRanges, resolvedKey, specOf } from "../tuning/ranges.ts";
import { type Choice, choices, trialsOf } from "../tuning/trials.ts";
import { type Tuned, type TunedMethod, tunedPath, writeTuned } from "../tuning/tuned.ts";
import { bench } from "./bench.ts";

/** A suite without settings of its own; all else in it is replaced. */
const PLAIN = fileURLToPath(new URL("../study/base.json", import.meta.url));

/** Data whose classes are in no suite: another seed of the generator draws other classes. */
const DATA = "procedural:seed=9001,classes=200,trainPerClass=20,testPerClass=10";

/** Flags of the command. */
export interface TuneOptions {
  readonly budget: number;
  readonly shared?: true;
  readonly data: string;
  readonly tasks: string;
  readonly seeds: string;
  readonly searchSeed: string;
  readonly backbone: string;
  readonly backend: string;
  readonly set?: readonly string[];
  readonly jobs?: number;
  readonly out: string;
  readonly name: string;
}

function configure(command: Command): void {
  command
    .argument(
      "<methods...>",
      "methods to search for, such as ham ewc; with --shared those that settings serve",
    )
    .option("--budget <n>", "trials of each method, the defaults among them", positiveInteger, 8)
    .option("--shared", "search for settings that all methods share, by the mean over the methods named")
    .option("--data <spec>", "data to search on; that of a suite is refused", DATA)
    .option("--tasks <list>", "numbers of tasks", "10")
    .option("--seeds <list>", "seeds of the streams", "1000,1001")
    .option("--search-seed <n>", "seed of the search", "0")
    .option("--backbone <id|path>", "as for bench", "nano")
    .option("--backend <name>", "as for bench", "auto")
    .option("--set <key=value...>", "protocol settings of all trials, as for bench")
    .option("--jobs <n>", "cells at a time, as for bench", positiveInteger)
    .option("--out <dir>", "folder for the records of the search", "runs/tune")
    .option("--name <name>", "the result is kept as bench/tuned/<name>.json", "default");
}

/** What every trial of a search has in common. */
export function flagsOf(
  options: TuneOptions,
  methods: readonly string[],
  set: readonly string[],
): SuiteFlags {
  const { data, tasks, seeds, backbone, backend } = options;
  return {
    suite: PLAIN,
    data,
    tasks,
    seeds,
    backbone,
    backend,
    methods: methods.join(","),
    set,
    evaluate: "last",
  };
}

/** Runs all trials of a setting and gives the records of each method, by its resolved options. */
async function recordsOf(
  options: TuneOptions,
  specs: readonly string[],
  set: readonly string[],
  output: Output,
): Promise<ReadonlyMap<string, readonly RunRecord[]>> {
  const flags = flagsOf(options, specs, set);
  const { out, jobs } = options;
  await bench.run([], { ...flags, out, ...(jobs !== undefined && { jobs }) }, { ...output, out: () => {} });
  const { cells } = await loadSuite(await resolveSuite(flags));
  const found = new Map<string, RunRecord[]>();
  for (const { method, job } of cells) {
    const record = await readFinished(out, job);
    const key = keyOf(method.name, method.options);
    if (record) found.set(key, [...found.get(key) ?? [], record]);
  }
  return found;
}

async function searchMethods(
  names: readonly string[],
  declared: Readonly<Record<string, Ranges>>,
  options: TuneOptions,
  seed: number,
  output: Output,
): Promise<Record<string, TunedMethod>> {
  const trials = new Map(names.map((name) => [
    name,
    trialsOf(
      Object.hasOwn(declared, name) ? declared[name]! : {},
      options.budget,
      seed,
      (choice) => resolvedKey(name, choice),
    ),
  ]));
  const specs = [...trials].flatMap(([name, own]) => own.map((choice) => specOf(name, optionsOf(choice))));
  const records = await recordsOf(options, specs, options.set ?? [], output);
  return Object.fromEntries([...trials].map(([name, own]) => {
    const results = own.map((choice) => resultOf(choice, records.get(resolvedKey(name, choice)!) ?? []));
    return [name, tunedOf(results)];
  }));
}

function tunedOf(results: readonly TrialResult[]): TunedMethod {
  const best = bestOf(results);
  return { choice: best?.choice ?? {}, trials: results };
}

/** Shared settings: each trial runs all methods named, and counts by their mean. */
async function searchShared(
  names: readonly string[],
  ranges: Ranges,
  options: TuneOptions,
  seed: number,
  output: Output,
): Promise<TunedMethod> {
  const fixed = options.set ?? [];
  const spelt = (choice: Choice) => Object.entries(choice).map(([key, value]) => `${key}=${value}`);
  const settingsOf = (choice: Choice) =>
    canonicalJson(resolveSettings(Object.fromEntries([...fixed, ...spelt(choice)].map(parseSetting))));
  const results: TrialResult[] = [];
  for (const choice of trialsOf(ranges, options.budget, seed, settingsOf)) {
    const records = await recordsOf(options, names, [...fixed, ...spelt(choice)], output);
    results.push(resultOf(choice, [...records.values()].flat()));
  }
  return tunedOf(results);
}

/** Refuses data that a suite scores on: a search there would be tuning on the test. */
async function refuseSuites({ data }: TuneOptions): Promise<string> {
  const { fingerprint } = await loadData(data);
  for (const suite of namedSuites) {
    const specs = new Set((await resolveSuites({ suite })).map((part) => part.data));
    for (const spec of specs) {
      if (await fingerprintOf(spec) !== fingerprint) continue;
      throw new InputError(
        `Cannot tune on ${data}: suite ${suite} is scored on it, wanted other classes, such as ${DATA}`,
      );
    }
  }
  return fingerprint;
}

/** Of data that may not be on this machine. */
async function fingerprintOf(spec: string): Promise<string | undefined> {
  try {
    return (await loadData(spec)).fingerprint;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** A choice as people write it. */
function describeChoice(choice: Choice): string {
  const parts = Object.entries(choice).map(([key, value]) => `${key}=${value ?? "default"}`);
  return parts.length === 0 ? "the defaults" : parts.join(", ");
}

function tableOf(found: Readonly<Record<string, TunedMethod>>): string {
  const percent = (score: number | undefined) => score === undefined ? "failed" : (100 * score).toFixed(2);
  const rows = Object.entries(found).map(([name, { choice, trials }]) => [
    name,
    String(trials.length),
    percent(trials[0]?.score),
    percent(bestOf(trials)?.score),
    describeChoice(choice),
  ]);
  return formatTable([["method", "trials", "defaults", "best", "by"], ...rows]);
}

async function run(names: readonly string[], options: TuneOptions, output: Output): Promise<number> {
  const seed = Number(options.searchSeed);
  if (!Number.isSafeInteger(seed)) {
    throw new InputError(`Cannot use --search-seed ${options.searchSeed}: wanted an integer`);
  }
  for (const name of names) {
    if (name.includes(":")) {
      throw new InputError(`Cannot tune ${name}: wanted a method's name, its options are what is searched`);
    }
    createMethod(name);
  }
  const path = tunedPath(options.name);
  const declared = await readRanges();
  const fingerprint = await refuseSuites(options);
  const found = options.shared
    ? { shared: await searchShared(names, declared.shared, options, seed, output) }
    : await searchMethods(names, declared.methods, options, seed, output);
  output.out(tableOf(found));
  for (const name of options.shared ? [] : names) {
    const all = choices(declared.methods[name] ?? {});
    if (found[name]!.trials.length < options.budget) {
      output.err(`${name}: its ranges have ${all === 1 ? "nothing to choose from" : `${all} choices`}\n`);
    }
  }
  const search: Tuned["search"] = {
    data: options.data,
    fingerprint,
    backbone: options.backbone,
    tasks: options.tasks,
    seeds: options.seeds,
    searchSeed: seed,
    budget: options.budget,
    set: options.set ?? [],
    ...(options.shared && { by: names }),
  };
  await writeTuned(path, search, found, options.shared === true);
  output.err(`Kept in ${path}; the records are in ${options.out}/records\n`);
  return Object.values(found).every(({ trials }) => bestOf(trials)) ? 0 : 1;
}

/** The command. */
export const tune: CommandSpec<TuneOptions> = {
  name: "tune",
  description:
    "Searches declared ranges with the same budget for every method, on streams that no suite scores.",
  configure,
  run,
};

if (import.meta.main) await runMain(tune);
