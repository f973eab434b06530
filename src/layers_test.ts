/**
 * Rules that the type checker cannot see: who may import whom, how long a file may be, and what library code must
 * not reach for.
 *
 * @module
 */
import assert from "node:assert/strict";

/** A file imports from its own folder or from a folder with a strictly lower number. */
const layers: Readonly<Record<string, number>> = {
  core: 0,
  graph: 1,
  data: 1,
  executors: 2,
  nn: 3,
  merge: 4,
  train: 4,
  formats: 4,
  classifiers: 5,
  conformance: 6,
  methods: 6,
  protocol: 7,
};

const MAX_LINES = 300;

/** What must come from outside as an argument, so that a run depends on nothing but its inputs. */
const forbidden: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["Math.random", /\bMath\.random\b/],
  ["the clock", /\bDate\.now\b|\bperformance\.now\b|\bnew Date\b/],
  ["the console", /\bconsole\./],
  ["the environment", /\bDeno\.env\b|\bprocess\.env\b/],
  ["the type any", /(:|<|\bas)\s*any\b/],
  ["a network address", /\b(https?|wss?):\/\//],
];

const root = new URL("../", import.meta.url);

interface SourceFile {
  /** From the repository root, such as `src/core/rng.ts`. */
  readonly path: string;
  readonly text: string;
}

async function readTree(folder: string, extension: RegExp): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const entry of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...await readTree(path, extension));
    else if (extension.test(entry.name)) {
      files.push({ path, text: await Deno.readTextFile(new URL(path, root)) });
    }
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Tests and what only tests import. */
function isTestCode(path: string): boolean {
  return /(_test|\/testing)\.ts$|\/test_[^/]*\.ts$|^src\/executors\/cases(\.ts|\/)/.test(path);
}

/** The code with comments blanked; strings stay. */
function withoutComments(text: string): string {
  const token = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(token, (match, literal?: string) => literal ?? match.replace(/[^\n]/g, " "));
}

/** The module specifiers of a file: static and dynamic imports, re-exports. */
function importsOf(text: string): string[] {
  const specifier = /\b(?:from|import)\s*\(?\s*(["'])([^"'\s]+)\1/g;
  return [...withoutComments(text).matchAll(specifier)].map((match) => match[2]!);
}

/** The path from the root of a relative import. */
function resolve(path: string, specifier: string): string {
  const url = new URL(specifier, new URL(path, root));
  return url.href.slice(root.href.length);
}

/** Each import that points at a file of ours. */
function edgesOf(files: readonly SourceFile[]) {
  return files.flatMap(({ path, text }) =>
    importsOf(text).filter((specifier) => specifier.startsWith(".")).map((specifier) => ({
      from: path,
      to: resolve(path, specifier),
    }))
  );
}

function layerOf(path: string): { readonly folder: string; readonly level: number } | undefined {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  if (folder === undefined) return undefined;
  const level = layers[folder];
  assert.ok(
    level !== undefined,
    `${path}: src/${folder} is in no layer; add it to the table of layers_test.ts`,
  );
  return { folder, level };
}

const source = await readTree("src", /\.(ts|wgsl)$/);
const bench = await readTree("bench", /\.ts$/);
const entry = { path: "mod.ts", text: await Deno.readTextFile(new URL("mod.ts", root)) };
const fixtures = await readTree("fixtures", /\.(json|py|ts)$/);
const scripts = [...source, ...bench, entry].filter(({ path }) => path.endsWith(".ts"));

function assertNone(problems: readonly string[]): void {
  assert.ok(problems.length === 0, problems.join("\n"));
}

Deno.test("files of src import from their own folder or a lower layer", () => {
  assertNone(
    edgesOf(source).flatMap(({ from, to }) => {
      const [user, used] = [layerOf(from), layerOf(to)];
      if (user === undefined) return [];
      if (used === undefined) return [`${from} imports ${to}, which is in no layer`];
      if (user.folder === used.folder || used.level < user.level) return [];
      return [`${from} (layer ${user.level}) imports ${to} (layer ${used.level})`];
    }),
  );
});

Deno.test("files of bench import published faces, each other and the manifest only, and tests test support", async () => {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  const faces = Object.values(exports).map((path) => path.slice("./".length));
  const allowed = (from: string, to: string) =>
    faces.includes(to) || to === "deno.json" || to.startsWith("bench/") ||
    (isTestCode(from) && isTestCode(to));
  assertNone(
    edgesOf(bench).filter(({ from, to }) => !allowed(from, to)).map(({ from, to }) =>
      `${from} imports ${to}`
    ),
  );
});

Deno.test("test code is imported by test code only", () => {
  const wrong = edgesOf(scripts).filter(({ from, to }) => isTestCode(to) && !isTestCode(from));
  assertNone(wrong.map(({ from, to }) => `${from} imports ${to}`));
});

Deno.test("imports do not go in circles", () => {
  const users = new Map<string, string[]>();
  for (const { from, to } of edgesOf(scripts)) users.set(from, [...users.get(from) ?? [], to]);
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(" -> ");
    if (done.has(path)) return undefined;
    for (const next of users.get(path) ?? []) {
      const circle = visit(next, [...trail, path]);
      if (circle) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of scripts) assert.equal(visit(path, []), undefined);
});

Deno.test("files that are not tests have at most 300 lines", () => {
  const long = [...source, ...bench, entry].filter(({ path, text }) =>
    !isTestCode(path) && text.trimEnd().split("\n").length > MAX_LINES
  );
  assertNone(long.map(({ path, text }) => `${path} has ${text.trimEnd().split("\n").length} lines`));
});

Deno.test("library code draws no hidden randomness, reads no clock, prints nothing", () => {
  assertNone(
    source.filter(({ path }) => path.endsWith(".ts") && !isTestCode(path)).flatMap(({ path, text }) => {
      const code = withoutComments(text);
      return forbidden.filter(([, pattern]) => pattern.test(code)).map(([name]) => `${path} uses ${name}`);
    }),
  );
});

Deno.test("packages come through the import map, from npm", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const imports: Record<string, string> = config.imports;
  const known = (specifier: string) =>
    /^(\.|node:|npm:)/.test(specifier) ||
    Object.keys(imports).some((name) => specifier === name || specifier.startsWith(`${name}/`));
  const unknown = scripts.flatMap(({ path, text }) =>
    importsOf(text).filter((specifier) => !known(specifier)).map((specifier) =>
      `${path} imports ${specifier}`
    )
  );
  const foreign = Object.entries(imports).filter(([, target]) => !target.startsWith("npm:"));
  assertNone([...unknown, ...foreign.map(([name, target]) => `deno.json maps ${name} to ${target}`)]);
});

Deno.test("the lock file names no hosts and one registry", async () => {
  const lock = await Deno.readTextFile(new URL("deno.lock", root));
  assert.doesNotMatch(lock, /:\/\/|"jsr:/);
});

Deno.test("nothing depends on a path of one machine", () => {
  const path = /["'`]\/(work|tmp|home|root|usr)\//;
  assertNone(
    scripts.filter(({ text }) => path.test(text)).map((file) => `${file.path} names an absolute path`),
  );
  assertNone(
    fixtures.filter(({ text }) => /\/work\/|\/home\/|\/root\//.test(text)).map((file) =>
      `${file.path} names an absolute path`
    ),
  );
});

Deno.test("the scanner sees imports in every form, and none in comments", () => {
  const text = `
    import a from "./a.ts"; import type { B } from './b.ts';
    import {
      c,
    } from "./c.ts";
    export * from "./d.ts"; import "./e.ts"; import f from "./f.wgsl" with { type: "text" };
    const g = await import("./g.ts"); // import h from "./h.ts"
    /** import i from "./i.ts" */ const url = "https://x"; import j from "./j.ts";
  `;
  const wanted = ["a.ts", "b.ts", "c.ts", "d.ts", "e.ts", "f.wgsl", "g.ts", "j.ts"].map((name) =>
    `./${name}`
  );
  assert.deepEqual(importsOf(text), wanted);
});

Deno.test("the scanner knows tests from library code", () => {
  const tests = [
    "src/core/rng_test.ts",
    "src/executors/cases.ts",
    "src/executors/cases/case.ts",
    "src/a/test_kit.ts",
  ];
  assert.deepEqual(tests.filter((path) => !isTestCode(path)), []);
  assert.deepEqual(["src/core/rng.ts", "src/merge/latest.ts", "bench/testbed.ts"].filter(isTestCode), []);
});
