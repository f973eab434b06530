/**
 * The page's code as text: libraries as they are published, and the modules of `client/` without their types, which
 * the browser links by a few lines. Nothing is minified, so that whoever opens the page can read it.
 *
 * @module
 */
// Imported so that they are in the cache, where their builds for browsers are found.
import "@observablehq/plot";
import "d3";
import "preact";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "sucrase";

/** Builds that set a global variable; in the order in which they need each other. */
const libraries = [
  { name: "d3", file: "dist/d3.min.js" },
  { name: "@observablehq/plot", file: "dist/plot.umd.min.js" },
  { name: "preact", file: "dist/preact.min.umd.js" },
  { name: "preact", file: "hooks/dist/hooks.umd.js" },
];

const globals = {
  "d3": "d3",
  "@observablehq/plot": "Plot",
  "preact": "preact",
  "preact/hooks": "preactHooks",
};

/** Texts of scripts, in the order in which they run. */
export function pageScripts(): string[] {
  const texts = libraries.map(({ name, file }) => {
    const manifest = findPackageJSON(name, import.meta.url);
    if (manifest === undefined) throw new Error(`Cannot make the page: npm's cache has no ${name}`);
    const text = Deno.readTextFileSync(join(dirname(manifest), file));
    return text.replace(/\n\/\/# sourceMappingURL=\S*\s*$/, "\n");
  });
  return [...texts, linked("client/main.tsx")];
}

/** A module and all that it imports, each a function, and the call that starts the first. */
function linked(entry: string): string {
  const modules = new Map<string, string>();
  const add = (name: string) => {
    if (modules.has(name)) return;
    const url = new URL(name, import.meta.url);
    const { code } = transform(Deno.readTextFileSync(url), {
      transforms: ["typescript", "jsx", "imports"],
      jsxPragma: "h",
      jsxFragmentPragma: "Fragment",
      production: true,
      filePath: fileURLToPath(url),
    });
    modules.set(name, "");
    const text = code.replaceAll(/\brequire\('(\.[^']+)'\)/g, (_, path: string) => {
      const imported = join(dirname(name), path).replaceAll("\\", "/");
      add(imported);
      return `require(${JSON.stringify(imported)})`;
    });
    modules.set(name, text);
  };
  add(entry);
  const bodies = [...modules].map(([name, text]) =>
    `${JSON.stringify(name)}(require, exports) {\n${text}\n}`
  );
  const given = Object.entries(globals).map(([name, variable]) =>
    `${JSON.stringify(name)}: globalThis.${variable}`
  );
  return `"use strict";
(() => {
const modules = {
${bodies.join(",\n")}
};
const loaded = { ${given.join(", ")} };
function require(name) {
  if (!(name in loaded)) modules[name](require, loaded[name] = {});
  return loaded[name];
}
require(${JSON.stringify(entry)});
})();
`;
}
