/**
 * `deno task methods`: what there is to compare, from the methods' own cards. METHODS.md is what it prints with
 * `--markdown`.
 *
 * @module
 */
import type { Command } from "commander";
import { markdownTable } from "markdown-table";
import { InputError } from "../../src/core/mod.ts";
import {
  describeOptions,
  families,
  type Family,
  type MethodDefinition,
  methods,
} from "../../src/methods/mod.ts";
import { type CommandSpec, runMain } from "../cli.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly markdown?: true;
  readonly json?: true;
}

const familyTitles: Readonly<Record<Family, string>> = {
  bound: "Bounds",
  floor: "Floors: nothing trains after the first task",
  sequential: "One adapter, unprotected",
  regularised: "One adapter, held back by its loss",
  projected: "Directions chosen or projected",
  merge: "Merged adapters",
  hierarchy: "HAM and its relatives",
  prompt: "Prompts",
  route: "A module for each task, chosen or mixed at test",
  replay: "Replay",
  system: "Systems named beside HAM's paper",
};

const all: readonly MethodDefinition[] = Object.values(methods);

function byFamily(): (readonly [Family, readonly MethodDefinition[]])[] {
  return families.map((family) => [family, all.filter((method) => method.family === family)] as const)
    .filter(([, members]) => members.length > 0);
}

/** What else a reader must know before comparing it: one line each. */
function remarks({ adapted, buffer, testData, grows }: MethodDefinition): string[] {
  return [
    ...(adapted ? [`Adapted: ${adapted}`] : []),
    ...(buffer ? [`Buffer: ${buffer}`] : []),
    ...(testData ? [`Test data: ${testData}`] : []),
    ...(grows ? [`Grows: ${grows}`] : []),
  ];
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The range of an option in words. */
function allowedIn(schema: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map(shown).join(", ");
  if (Array.isArray(schema["anyOf"])) {
    return schema["anyOf"].map((part) => allowedIn(part as Readonly<Record<string, unknown>>)).join(", or ");
  }
  const bound = (name: string, words: string) =>
    schema[name] === undefined ? [] : [`${words} ${shown(schema[name])}`];
  const limits = [
    ...bound("minimum", "from"),
    ...bound("exclusiveMinimum", "above"),
    ...(schema["maximum"] === Number.MAX_SAFE_INTEGER ? [] : bound("maximum", "to")),
    ...bound("exclusiveMaximum", "below"),
  ];
  return [String(schema["type"] ?? "any"), ...limits].join(" ");
}

/** One method, with its options. */
export function describe(method: MethodDefinition): string {
  const { name, summary, source, keeps, passes = "1", family } = method;
  const options = describeOptions(method);
  const lines = [
    `${name}: ${summary}.`,
    `Source: ${source}. Family: ${family}. ${method.adapted ? "Adapted" : "Original"}.`,
    `Keeps: ${keeps}. Passes per test image: ${passes}.`,
    ...remarks(method).map((remark) => `${remark}.`),
    ...(method.needsNewClasses ? [`Refused where classes come back. ${method.needsNewClasses}.`] : []),
  ];
  if (options.length === 0) return [...lines, "No options.", ""].join("\n");
  const rows = options.map(({ name, default: preset, allowed, description }) => [
    name,
    shown(preset),
    allowedIn(allowed),
    description,
  ]);
  return [...lines, "", formatTable([["option", "default", "allowed", ""], ...rows]), ""].join("\n");
}

/** All methods in short. */
export function listMethods(): string {
  return byFamily().map(([family, members]) => {
    const rows = members.map(({ name, year, adapted, summary }) => [
      name,
      year === undefined ? "" : String(year),
      adapted ? "adapted" : "original",
      summary,
    ]);
    return `${familyTitles[family]}\n${formatTable([["method", "year", "", "what it does"], ...rows])}\n`;
  }).join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** METHODS.md. */
export function methodsPage(): string {
  const sections = byFamily().map(([family, members]) => {
    const rows = members.map((method) => [
      `[\`${method.name}\`](#${method.name})`,
      method.year === undefined ? "" : String(method.year),
      cell(method.summary),
      method.adapted ? "adapted" : "original",
      cell(method.keeps),
      cell(method.passes ?? "1"),
    ]);
    const table = markdownTable([
      ["method", "year", "", "", "kept between tasks", "passes at test"],
      ...rows,
    ]);
    const details = members.map((method) => {
      const options = describeOptions(method).map(({ name, default: preset, allowed, description }) =>
        `- \`${name}\` (${cell(shown(preset))}; ${cell(allowedIn(allowed))}): ${description}`
      );
      const notes = remarks(method).map((remark) => `${remark}.`).join(" ");
      return [
        `### ${method.name}`,
        `${method.summary}. ${method.source}. ${notes}`.trim(),
        ...(options.length > 0 ? [options.join("\n")] : []),
      ].join("\n\n");
    });
    return [`## ${familyTitles[family]}`, table, ...details].join("\n\n");
  });
  return [
    "# Methods",
    `Written by \`deno task methods --markdown\` from the methods' own cards; a test holds it to them. ${all.length} methods. ` +
    "*Original* is the published rule; *adapted* says in a line what was changed to bring it to class-incremental " +
    "images with adapters. Methods with a buffer, or that look at test images, stand in a class of their own.",
    ...sections,
  ].join("\n\n") + "\n";
}

function find(name: string): MethodDefinition {
  const found = all.find((method) => method.name === name);
  if (found) return found;
  throw new InputError(
    `Cannot describe method: found ${JSON.stringify(name)}, wanted one of ${
      all.map(({ name }) => name).join(", ")
    }`,
  );
}

/** The command. */
export const methodsCommand: CommandSpec<Options> = {
  name: "methods",
  description: "Lists the methods that can be compared, or describes some of them with their options.",
  configure: (command: Command) =>
    void command
      .argument("[names...]", "methods to describe")
      .option("--markdown", "print METHODS.md")
      .option("--json", "print the cards with options, for programs"),
  run(names, { markdown, json }, { out }) {
    const chosen = names.map(find);
    if (json) {
      const cards = (chosen.length > 0 ? chosen : all).map((method) => {
        const { options: _options, create: _create, ...card } = method;
        return { ...card, options: describeOptions(method) };
      });
      out(`${JSON.stringify(cards, null, 2)}\n`);
    } else if (markdown) out(methodsPage());
    else {out(
        chosen.length > 0
          ? chosen.map(describe).join("\n")
          : `${listMethods()}\n\`deno task methods NAME\` has the options.\n`,
      );}
    return 0;
  },
};

if (import.meta.main) await runMain(methodsCommand);
