/**
 * The leaderboard as one file: no network, opens from disk. Whatever comes from records is data in the page and
 * never markup; a policy allows the page's own scripts and styles by their hashes and nothing else.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { escape } from "html-escaper";
import type { Board, BoardSection, RunDetail } from "../../src/protocol/mod.ts";
import css from "./page.css" with { type: "text" };
import { pageScripts } from "./code.ts";
import { packPayload, visible } from "./payload.ts";
import { pictureInk } from "./pictures.ts";

/** How a page is made. */
export interface PageOptions {
  /** Address of a record from the page, by its path; paths without one are shown as text. */
  readonly hrefOf?: (path: string) => string | undefined;
  /** Bytes that the page may take, as far as leaving out details of runs helps; 4.8 MB by default. */
  readonly bytes?: number;
}

/** The page, as HTML. */
export function renderPage(board: Board, details: readonly RunDetail[], options: PageOptions = {}): string {
  const { hrefOf = () => undefined, bytes = 4_800_000 } = options;
  const scripts = pageScripts();
  const code = scripts.reduce((sum, { length }) => sum + length, css.length);
  const packed = packPayload(withLinks(board, hrefOf), details, bytes - code - 100_000);
  for (const text of scripts) {
    if (/<\/script|<!--/i.test(text)) {
      throw new Error("Cannot make the page: a script would end its own element");
    }
  }
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(sourceHash).join(" ")}`,
    `style-src ${[css, plotStyle()].map(sourceHash).join(" ")}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  const data = [...packed].map(([id, text]) => `<script type="text/plain" id="${id}">${text}</script>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Leaderboard</title>
<link rel="icon" href="data:,">
<style>${css}</style>
</head>
<body>
<div id="app">
<main class="plain">
<h1>Leaderboard</h1>
<noscript><p>Tables and plots need JavaScript; LEADERBOARD.md has the tables without. What the records decide:</p></noscript>
${board.sections.map(plainSection).join("\n")}
</main>
</div>
${data.join("\n")}
${scripts.map((text) => `<script>${text}</script>`).join("\n")}
</body>
</html>
`;
}

/** What stands there before the code runs, and without it. */
function plainSection({ description, verdict }: BoardSection): string {
  return `<h2>${escaped(description)}</h2>\n${verdict.map((text) => `<p>${escaped(text)}</p>`).join("\n")}`;
}

function escaped(text: string): string {
  return escape(visible(text));
}

/** A board whose runs' paths are addresses from the page, where they are of a safe form; else empty. */
function withLinks(board: Board, hrefOf: (path: string) => string | undefined): Board {
  const runs = (section: BoardSection) =>
    section.runs.map((run) => {
      const href = hrefOf(run.path);
      return href !== undefined && isPlainAddress(href) ? { ...run, href } : run;
    });
  return { ...board, sections: board.sections.map((section) => ({ ...section, runs: runs(section) })) };
}

/** Whether an address is relative and made of nothing but plain names. */
export function isPlainAddress(href: string): boolean {
  return /^(?:[\w.~@=+-]|%[0-9A-F]{2}|\/(?!\/))+$/.test(href) && !href.startsWith("/");
}

function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(Buffer.from(text)).digest("base64")}'`;
}

/** The style that Plot puts into every plot. */
function plotStyle(): string {
  const { document } = pictureInk();
  return Plot.plot({ document, className: "plot", marks: [] }).querySelector("style")!.textContent!;
}
