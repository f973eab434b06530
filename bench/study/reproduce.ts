/**
 * The commands that give a part's records again, from the settings in the records.
 *
 * @module
 */
import { canonicalJson, type Json, type JsonObject } from "../../src/core/mod.ts";
import { createMethod, methods as registry } from "../../src/methods/mod.ts";
import { type Cell, fixedParts, resolveSettings, type RunRecord } from "../../src/protocol/mod.ts";
import { specOf } from "../tuning/ranges.ts";
import type { PartRecord } from "./records.ts";

/** A suite without anything of its own, so that commands do not depend on what a named one has. */
export const BASE_SUITE = "bench/study/base.json";

/** The arguments of a `deno task bench` that gives some records. */
export type BenchArguments = readonly string[];

/** What all cells of one command share. */
function sharedOf({ cell, source }: RunRecord["start"]): JsonObject {
  // A train seed that is not the class order's is one flag for all cells.
  const trainSeed = isFree(cell) ? cell.trainSeed : null;
  const { data, backbone } = source ?? {};
  return { ...fixedParts(cell), trainSeed, data, backbone } as unknown as JsonObject;
}

function isFree({ orderSeed, trainSeed }: Cell): boolean {
  return orderSeed !== trainSeed;
}

/** A method as suites spell it: with the options that are not its defaults. */
function specOfCell({ method, options }: Cell): string {
  if (!Object.hasOwn(registry, method)) return specOf(method, options);
  const defaults = createMethod(method).options;
  const differing = Object.entries(options).filter(([key, value]) =>
    canonicalJson(value) !== canonicalJson(defaults[key] ?? null)
  );
  return specOf(method, Object.fromEntries(differing.map(([key, value]) => [key, textOf(value)])));
}

function textOf(value: Json): Json {
  return value !== null && typeof value === "object" ? canonicalJson(value) : value;
}

/** Settings that are not the defaults, as `--set` takes them. */
function changedSettings({ settings }: Cell): string[] {
  const defaults = resolveSettings() as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(settings).filter(([key, value]) =>
    JSON.stringify(value) !== JSON.stringify(defaults[key])
  )
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join("+") : value}`);
}

/**
 * Commands that give all records of a part, each without those of another: methods that were run on the same numbers
 * of tasks and seeds share one.
 */
export function commandsOf(records: readonly PartRecord[]): BenchArguments[] {
  const groups = Map.groupBy(records, ({ record }) => canonicalJson(sharedOf(record.start)));
  return [...groups.values()].flatMap((group) => {
    const byMethod = Map.groupBy(group, ({ record }) => specOfCell(record.start.cell));
    // Numbers of tasks with equal seeds are one grid of a method; methods with an equal grid, one command.
    const grids = new Map<string, { tasks: number[]; seeds: number[]; methods: string[] }>();
    for (const [method, own] of byMethod) {
      const seedsAt = Map.groupBy(own, ({ record }) => record.start.cell.tasks);
      const rows = [...seedsAt].map(([tasks, found]) => ({
        tasks,
        seeds: found.map(({ record }) => record.start.cell.orderSeed).sort((a, b) => a - b),
      }));
      for (const same of Map.groupBy(rows, ({ seeds }) => seeds.join()).values()) {
        const tasks = same.map((row) => row.tasks).sort((a, b) => a - b);
        const { seeds } = same[0]!;
        const key = canonicalJson([tasks, seeds]);
        const grid = grids.get(key) ?? { tasks, seeds, methods: [] };
        grid.methods.push(method);
        grids.set(key, grid);
      }
    }
    return [...grids.values()].map((grid) => argumentsOf(group[0]!.record.start, grid));
  });
}

function argumentsOf(
  { cell, source }: RunRecord["start"],
  { tasks, seeds, methods }: {
    tasks: readonly number[];
    seeds: readonly number[];
    methods: readonly string[];
  },
): BenchArguments {
  const { data, backbone } = source ?? {};
  const flag = (name: string, value: unknown) => value === undefined ? [] : [`--${name}`, String(value)];
  const settings = changedSettings(cell);
  const facts = Object.entries(backbone?.facts ?? {}).flatMap(([key, value]) => {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return value === true ? [`--${name}`] : flag(name, value);
  });
  return [
    ...flag("suite", BASE_SUITE),
    ...flag("data", data?.spec ?? cell.dataset.name),
    ...flag("limit-per-class", data?.limitPerClass?.train),
    ...flag("backbone", backbone?.path === "nano" ? undefined : backbone?.path ?? cell.backbone.id),
    ...facts,
    ...flag("backend", cell.backend),
    ...flag("stream", cell.stream),
    ...flag("tasks", cell.taskSizes ? undefined : tasks),
    ...flag("task-sizes", cell.taskSizes),
    ...flag("classes-per-task", cell.classesPerTask),
    ...flag("first-task", cell.firstTask),
    ...flag("class-order", cell.classOrder),
    ...flag("evaluate", cell.evaluate),
    ...flag("seeds", seeds),
    ...flag("train-seed", isFree(cell) ? cell.trainSeed : undefined),
    ...flag("set", settings.length > 0 ? settings.join(",") : undefined),
    ...flag("methods", methods.join(",")),
  ];
}

/** A command as people type it. */
export function commandLine(args: BenchArguments): string {
  const quoted = args.map((arg) => /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`);
  return `deno task bench ${quoted.join(" ")}`;
}
