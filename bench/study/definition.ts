/**
 * The study as it is declared in `study.json`: which records, how they are cut into views, what is asked of them, and
 * the words around the answers. No number of a result stands in it.
 *
 * @module
 */
import { z } from "zod";
import { InputError, type Json, printable, systemReason } from "../../src/core/mod.ts";
import { figureNamed } from "./figures.ts";

const name = z.string().regex(/^[a-z][a-z0-9-]*$/, "wanted a name of a-z, 0-9 and -");
const text = z.string().min(1);
const tasks = z.array(z.int().min(1)).min(1);
const json = z.json() as z.ZodType<Json>;

/** What is expected of a part: numbers of tasks, and methods that tables miss where they were not run. */
const part = z.strictObject({ title: text, tasks, methods: z.array(name).exactOptional() });
/** A name of the study for a method with some options, among variants of it. */
const method = z.strictObject({
  method: name.exactOptional(),
  options: z.record(z.string(), json).exactOptional(),
});
/** Records of a part that may stand in one table: those whose cells have some values. */
const view = z.strictObject({
  title: text,
  part: name,
  where: z.record(z.string(), json).exactOptional(),
  /** Some of the part's numbers of tasks; all by default. */
  tasks: tasks.exactOptional(),
  protagonist: name.exactOptional(),
});

const common = {
  claim: text,
  source: text,
  views: z.array(name).min(1),
  method: name,
  figure: name,
  tasks: tasks.exactOptional(),
  note: text.exactOptional(),
};
const claim = z.discriminatedUnion("kind", [
  /** The method is better than the best of its rivals, chosen for each seed on the others. */
  z.strictObject({
    ...common,
    kind: z.literal("lead"),
    without: z.array(name).exactOptional(),
    claimed: z.number().exactOptional(),
  }),
  /** The method is better than another. */
  z.strictObject({ ...common, kind: z.literal("difference"), rivals: z.array(name).min(1) }),
  /** Others have so many times as much. */
  z.strictObject({
    ...common,
    kind: z.literal("ratio"),
    rivals: z.array(name).min(1),
    claimed: z.number().positive().exactOptional(),
  }),
  /** The lead over the best rival, chosen on other seeds, grows with the number of tasks. */
  z.strictObject({ ...common, kind: z.literal("slope"), without: z.array(name).exactOptional() }),
  /** From each number of tasks to the next, the figure grows by no more than a factor. */
  z.strictObject({
    ...common,
    kind: z.literal("bounded"),
    from: z.int().min(1),
    most: z.number().positive(),
  }),
  /** The method's figure is that of another, to the last digit. */
  z.strictObject({ ...common, kind: z.literal("same"), rivals: z.array(name).min(1) }),
  /** The method's figure is above a value. */
  z.strictObject({ ...common, kind: z.literal("above"), than: z.number() }),
  /** The method's figure is below a value. */
  z.strictObject({ ...common, kind: z.literal("below"), than: z.number() }),
]);

const methods = z.array(name).min(1);
const block = z.union([
  z.strictObject({ text }),
  z.strictObject({
    table: z.literal("growth"),
    view: name,
    figures: z.array(name).min(1),
    methods: methods.exactOptional(),
  }),
  z.strictObject({
    table: z.literal("differences"),
    view: name,
    of: name,
    figure: name,
    against: methods.exactOptional(),
  }),
  z.strictObject({
    table: z.literal("grid"),
    columns: z.record(z.string(), name),
    tasks: z.int().min(1),
    figure: name,
    methods: methods.exactOptional(),
  }),
  z.strictObject({ table: z.enum(["claims", "claim details", "verdicts"]), claims: z.array(name).min(1) }),
  z.strictObject({ table: z.literal("records") }),
  z.strictObject({ verdict: name }),
  z.strictObject({ plot: z.enum(["growth", "gap", "lead"]), view: name }),
]);

const schema = z.strictObject({
  title: text,
  protagonist: name,
  parts: z.record(name, part),
  methods: z.record(name, method),
  views: z.record(name, view),
  claims: z.record(name, claim),
  readme: z.array(block),
  sections: z.array(z.strictObject({ title: text, blocks: z.array(block).min(1) })),
});

/** A study. */
export type Study = z.infer<typeof schema>;
/** Something between two paragraphs. */
export type Block = z.infer<typeof block>;
/** Something to be found in records, or not. */
export type Claim = z.infer<typeof claim>;
/** How records are chosen for tables. */
export type ViewSpec = z.infer<typeof view>;

/** Something declared, by its name; names come from files and may be anything. */
export function declared<T>(things: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(things, name)) return things[name]!;
  const known = Object.keys(things);
  throw new InputError(
    `Cannot make the study: found ${what} ${printable(name)}, wanted one of ${known.join(", ") || "none"}`,
  );
}

/**
 * Checks the text of a study.
 *
 * @param path Named in errors
 * @throws {InputError} If it is no study, or names what it does not declare
 */
export function parseStudy(text: string, path: string): Study {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read study ${path}: ${(error as Error).message}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.map(({ path, message }) => [...path, message].join(": "));
    throw new InputError(`Cannot read study ${path}: ${issues.join("; ")}`);
  }
  checkNames(result.data);
  return result.data;
}

function checkNames({ parts, views, methods, claims, readme, sections }: Study): void {
  for (const { part } of Object.values(views)) declared(parts, part, "part");
  const expected = Object.values(parts).flatMap((part) => part.methods ?? []);
  for (const name of expected) declared(methods, name, "method");
  for (const claim of Object.values(claims)) {
    figureNamed(claim.figure);
    for (const view of claim.views) declared(views, view, "view");
    const rivals = "rivals" in claim ? claim.rivals : "without" in claim ? claim.without ?? [] : [];
    for (const name of [claim.method, ...rivals]) declared(methods, name, "method");
  }
  for (const block of [...readme, ...sections.flatMap(({ blocks }) => blocks)]) {
    const used = "columns" in block
      ? Object.values(block.columns)
      : "view" in block
      ? [block.view]
      : "verdict" in block
      ? [block.verdict]
      : [];
    for (const view of used) declared(views, view, "view");
    const named = "methods" in block
      ? block.methods ?? []
      : "of" in block
      ? [block.of, ...block.against ?? []]
      : [];
    for (const name of named) declared(methods, name, "method");
    const figures = "figures" in block ? block.figures : "figure" in block ? [block.figure] : [];
    for (const name of figures) figureNamed(name);
    if ("claims" in block) { for (const name of block.claims) declared(claims, name, "claim"); }
  }
}

/**
 * Reads a study's file.
 *
 * @throws {InputError} If it cannot be read or is no study
 */
export async function readStudy(path: string): Promise<Study> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new InputError(`Cannot read study ${path}: ${systemReason(error)}`);
  }
  return parseStudy(text, path);
}
