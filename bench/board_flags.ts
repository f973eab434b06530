/**
 * What the commands that print a board have in common: which metrics, and the tables on a terminal.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { type BoardSection, familyNames, growthTables, metricNames } from "../src/protocol/mod.ts";
import { formatDense, terminalWidth } from "./table.ts";

/** The method that is compared with the best of its rivals, if no other is named. */
export const PROTAGONIST = "ham";

/** Options of `addBoardFlags`. */
export interface BoardFlags {
  readonly metrics?: readonly string[];
}

/** Declares the options. */
export function addBoardFlags(command: Command): void {
  command.option(
    "--metrics <list>",
    `what tables on the terminal show: ${
      metricNames.join(", ")
    } (default: pooled, mean where it differs, forgetting, seconds, kept; of streams with families ${
      familyNames.join(", ")
    }, too)`,
    (text: string) => {
      const names = text.split(",").map((name) => name.trim()).filter(Boolean);
      const unknown = names.filter((name) => !metricNames.includes(name));
      if (names.length === 0 || unknown.length > 0) {
        throw new InvalidArgumentError(
          `Found ${unknown.join(", ") || "none"}, wanted some of ${metricNames.join(", ")}.`,
        );
      }
      return names;
    },
  );
}

/** A section on a terminal: what it holds fixed, its tables, what is missing, what it decides. */
export function formatSection(section: BoardSection, { metrics }: BoardFlags): string {
  const { tables, notes } = growthTables(section, { metrics, width: terminalWidth() });
  return [`${section.description}\n`, ...tables.map(formatDense), ...lines(notes), ...lines(section.verdict)]
    .join("");
}

/** What a section holds fixed, and what it decides. */
export function formatVerdict(section: BoardSection): string {
  return [`${section.description}\n`, ...lines(section.verdict)].join("");
}

function lines(texts: readonly string[]): string[] {
  return texts.map((text) => `${text}\n`);
}
