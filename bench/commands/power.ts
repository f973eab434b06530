/**
 * `deno task power DIR…`: from pilot records, whether a benchmark can decide anything, which differences its seeds can
 * find, and how many seeds the difference that one asks for would take.
 *
 * @module
 */
import type { Command } from "commander";
import {
  type BoardSection,
  createBoard,
  detectable,
  type Power,
  powersOf,
  seedsFor,
} from "../../src/protocol/mod.ts";
import { PROTAGONIST } from "../board_flags.ts";
import { type CommandSpec, type Output, positiveInteger, positiveNumber, runMain } from "../cli.ts";
import { collectRecords } from "../found_records.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly points: number;
  readonly seeds?: number;
  readonly json?: true;
}

function configure(command: Command): void {
  command
    .argument("<folders...>", "folders of bench, or of .jsonl records")
    .option("--points <n>", "difference in points of accuracy that should be found", positiveNumber, 1)
    .option("--seeds <n>", "seeds to plan for (default: as many as there are)", positiveInteger)
    .option("--json", "print the numbers as JSON");
}

const points = (share: number | undefined) => share === undefined ? "–" : (100 * share).toFixed(2);

/** Seeds of the section at a number of tasks: of its best known method. */
function seedsAt(section: BoardSection, tasks: number): number {
  const entries = section.entries.filter((entry) => entry.tasks === tasks);
  return Math.max(0, ...entries.map(({ figures }) => figures[section.accuracy]?.n ?? 0));
}

function rowOf(power: Power, seeds: number, wanted: number): string[] {
  const { tasks, room, error, isDeciding, deviations } = power;
  const found = (deviation?: number) =>
    points(deviation === undefined ? undefined : detectable(deviation, seeds));
  const needed = (deviation?: number) =>
    deviation === undefined ? "–" : String(seedsFor(deviation, wanted) ?? "> 10000");
  return [
    String(tasks),
    points(room),
    points(error),
    isDeciding === undefined ? "–" : isDeciding ? "yes" : "no",
    String(seeds),
    `${found(deviations?.median)} / ${found(deviations?.high)}`,
    `${needed(deviations?.median)} / ${needed(deviations?.high)}`,
  ];
}

/** One sentence on what the numbers come to. */
function sentence(powers: readonly Power[]): string {
  const known = powers.filter(({ isDeciding }) => isDeciding !== undefined);
  if (known.length === 0) {
    return "Whether it is deciding cannot be told: that takes a floor, a bound, and a method with two seeds.";
  }
  const not = known.filter(({ isDeciding }) => !isDeciding).map(({ tasks }) => tasks);
  return not.length === 0
    ? "Deciding: the room between floor and bound is at least ten standard errors between seeds."
    : `Not deciding at T = ${
      not.join(", ")
    }: the room between floor and bound is below ten standard errors between seeds.`;
}

async function run(folders: readonly string[], options: Options, output: Output): Promise<number> {
  const { records } = await collectRecords(folders);
  const { sections } = createBoard(records, { protagonist: PROTAGONIST });
  const wanted = options.points / 100;
  const found = sections.map((section) => ({
    section,
    powers: powersOf(section).map((power) => ({
      power,
      seeds: options.seeds ?? seedsAt(section, power.tasks),
    })),
  }));
  if (options.json) {
    const values = found.map(({ section, powers }) => ({
      section: section.id,
      description: section.description,
      tasks: powers.map(({ power, seeds }) => ({
        ...power,
        seeds,
        ...(power.deviations && {
          detectable: detectable(power.deviations.median, seeds),
          seedsNeeded: seedsFor(power.deviations.median, wanted),
        }),
      })),
    }));
    output.out(`${JSON.stringify(values, null, 2)}\n`);
    return 0;
  }
  for (const { section, powers } of found) {
    const header = [
      "T",
      "room",
      "error",
      "deciding",
      "seeds",
      "they find",
      `seeds for ${options.points}`,
    ];
    const rows = powers.map(({ power, seeds }) => rowOf(power, seeds, wanted));
    output.out(`${section.description}\n${formatTable([header, ...rows])}`);
    output.out(`${sentence(powers.map(({ power }) => power))}\n`);
  }
  output.out(
    "Points of accuracy. room: bound − floor; error: standard error between seeds; they find: the difference that so many " +
      "paired seeds show four times in five, of the median pair of rivals / of all but one in ten.\n",
  );
  return 0;
}

/** The command. */
export const power: CommandSpec<Options> = {
  name: "power",
  description:
    "Says from pilot records which differences so many seeds can find, and whether a suite decides.",
  configure,
  run,
};

if (import.meta.main) await runMain(power);
