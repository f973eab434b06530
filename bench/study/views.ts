/**
 * The views of a study: the section of a part's leaderboard that a table is about, and the names that the study has
 * for its methods.
 *
 * @module
 */
import { canonicalJson, InputError, type Json, type JsonObject, printable } from "../../src/core/mod.ts";
import { createMethod, methods as registry } from "../../src/methods/mod.ts";
import {
  type Board,
  type BoardMethod,
  type BoardSection,
  createBoard,
  inBoardOrder,
} from "../../src/protocol/mod.ts";
import { declared, type Study } from "./definition.ts";
import { partFile, type PartRecord } from "./records.ts";

/** Part of a study's records, with what is known of it. */
export interface View {
  readonly name: string;
  readonly title: string;
  /** Numbers of tasks that it is declared to have, ascending. */
  readonly declaredTasks: readonly number[];
  /** The study's names for the methods that it is declared to have. */
  readonly declaredMethods: readonly string[];
  /** Absent where nothing was run. */
  readonly found?: {
    /** With the section alone. */
    readonly board: Board;
    readonly section: BoardSection;
    /** By the name of their cell. */
    readonly records: ReadonlyMap<string, PartRecord["record"]>;
  };
}

/** Records of the parts of a study, by the part's name. */
export type Parts = ReadonlyMap<string, readonly PartRecord[]>;

/** Views by name, made as they are asked for. */
export type Views = (name: string) => View;

/**
 * The views of a study.
 *
 * @throws {InputError} When asked for a view that is not declared, or whose records do not belong in one table
 */
export function viewsOf(study: Study, parts: Parts): Views {
  const boards = new Map<string, Board>();
  const made = new Map<string, View>();
  const boardOf = (part: string, protagonist: string) => {
    const key = `${part} ${protagonist}`;
    const board = boards.get(key) ?? makeBoard(part, parts.get(part) ?? [], protagonist);
    boards.set(key, board);
    return board;
  };
  return (name) => {
    const known = made.get(name);
    if (known) return known;
    const spec = declared(study.views, name, "view");
    const { part, title, where = {}, protagonist = study.protagonist } = spec;
    const board = boardOf(part, protagonist);
    const sections = board.sections.filter(({ fixed }) => isAmong(fixed, where));
    if (sections.length > 1) throw tooMany(name, sections);
    const section = sections[0] && named(study, sections[0]);
    const records = new Map(parts.get(part)?.map(({ name, record }) => [name, record]));
    const view: View = {
      name,
      title,
      declaredTasks: (spec.tasks ?? study.parts[part]!.tasks).toSorted((a, b) => a - b),
      declaredMethods: study.parts[part]!.methods ?? [],
      ...(section && { found: { board: { ...board, sections: [section] }, section, records } }),
    };
    made.set(name, view);
    return view;
  };
}

function makeBoard(part: string, records: readonly PartRecord[], protagonist: string): Board {
  const found = records.map(({ name, record }) => ({ path: `${name}.jsonl`, record }));
  const board = createBoard(inBoardOrder(found), { protagonist });
  const [problem] = board.problems;
  if (problem) throw new InputError(`Cannot use ${partFile(part)}: ${printable(problem.message, Infinity)}`);
  return board;
}

type Tree = { readonly [key: string]: Json };

/** A value within what a section holds fixed, such as `settings.head`; `null` if it is absent. */
function valueAt(tree: unknown, path: string): Json {
  const value = path.split(".").reduce<unknown>(
    (at, key) =>
      at !== null && typeof at === "object" && Object.hasOwn(at, key) ? (at as Tree)[key] : undefined,
    tree,
  );
  return (value ?? null) as Json;
}

function isAmong(fixed: BoardSection["fixed"], where: Readonly<Record<string, Json>>): boolean {
  return Object.entries(where).every(([path, value]) =>
    canonicalJson(valueAt(fixed, path)) === canonicalJson(value)
  );
}

function tooMany(view: string, sections: readonly BoardSection[]): InputError {
  const texts = sections.map(({ description }) => description).join(" AND ");
  return new InputError(
    `Cannot make view ${view} of the study: found ${sections.length} kinds of records that share no table, wanted ` +
      `"where" to choose one: ${printable(texts, Infinity)}`,
  );
}

/**
 * A section with the study's names in place of the board's labels, which list all options that differ between variants.
 */
function named(study: Study, section: BoardSection): BoardSection {
  const names = new Map<string, string>();
  for (const name of Object.keys(study.methods)) {
    const { method = name, options = {} } = study.methods[name]!;
    const exact = section.methods.find((one) => one.method === method && isExactly(one, method, options));
    if (exact?.label.includes("(") && !names.has(exact.label)) names.set(exact.label, name);
  }
  // Also within the board's sentences: a label with its options in brackets is no part of another.
  const renameText = (text: string) =>
    [...names].reduce((result, [label, name]) => result.replaceAll(label, name), text);
  const rename = (value: unknown): unknown => {
    if (typeof value === "string") return renameText(value);
    if (Array.isArray(value)) return value.map(rename);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [names.get(key) ?? key, rename(inner)]),
    );
  };
  return rename(section) as BoardSection;
}

/**
 * The method of a view that the study has a name for; `undefined` if it was not run. Of several variants, the one is
 * meant whose options are the defaults but for those that the study gives.
 *
 * @throws {InputError} If the name is not declared, or several variants could be meant
 */
export function methodNamed(study: Study, view: View, name: string): BoardMethod | undefined {
  const { found, matching } = variantNamed(study, view.found?.section.methods ?? [], name);
  if (found || matching.length === 0) return found;
  throw new InputError(
    `Cannot find method ${name} of the study in view ${view.name}: found ${
      matching.map(({ label }) => label).join(" and ")
    }, wanted options under "methods" that choose one`,
  );
}

/** The variant that a name of the study means, and all that it could mean. */
function variantNamed(
  study: Study,
  methods: readonly BoardMethod[],
  name: string,
): { readonly found?: BoardMethod | undefined; readonly matching: readonly BoardMethod[] } {
  const { method = name, options = {} } = declared(study.methods, name, "method");
  const matching = methods.filter((one) =>
    one.method === method && Object.entries(options).every(([key, value]) => isEqual(one.options[key], value))
  );
  const found = matching.length > 1 ? matching.find((one) => isExactly(one, method, options)) : matching[0];
  return { found, matching };
}

/** Whether a variant has those options, and the defaults otherwise. Older records lack options that came later. */
function isExactly(variant: BoardMethod, method: string, options: JsonObject): boolean {
  const whole = Object.hasOwn(registry, method) ? createMethod({ name: method, options }).options : {};
  return Object.entries(variant.options).every(([key, value]) => isEqual(value, whole[key]));
}

function isEqual(a: Json | undefined, b: Json | undefined): boolean {
  return canonicalJson(a ?? null) === canonicalJson(b ?? null);
}
