/**
 * A report as a file: Markdown with plots beside it, or one HTML page that needs nothing else.
 *
 * @module
 */
import { escape } from "html-escaper";
import { markdownTable } from "markdown-table";
import type { Part, Report } from "./parts.ts";
import { picture } from "./picture.ts";

/** Files by name. */
export type Files = Readonly<Record<string, string>>;

function markdownText(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|~]/g, "\\$&");
}

/**
 * Markdown, and the SVGs that it shows.
 *
 * @param name Of the Markdown file; SVGs are named after it
 */
export function reportMarkdown({ title, chapters }: Report, name: string): Files {
  const files: Record<string, string> = {};
  const stem = name.replace(/\.md$/, "");
  const show = (part: Part): string => {
    if (typeof part === "string") return markdownText(part);
    if (part.kind === "table") return markdownTable(part.rows.map((row) => row.map(markdownText)));
    const file = `${stem}-${Object.keys(files).length + 1}.svg`;
    files[file] = picture(part);
    return `![${markdownText(part.title)}](${encodeURI(file)})`;
  };
  const texts = chapters.flatMap(({ title, parts }) => [`## ${markdownText(title)}`, ...parts.map(show)]);
  return { [name]: `${[`# ${markdownText(title)}`, ...texts].join("\n\n")}\n`, ...files };
}

const STYLE =
  `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;
padding:0 1rem}table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}th,td{border:1px solid #8888;
padding:.2rem .6rem;text-align:left}svg{max-width:100%;height:auto;border-radius:4px}figure{margin:1rem 0}`;

/** What a browser may load for the page: its own style, nothing else. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

function htmlPart(part: Part): string {
  if (typeof part === "string") return `<p>${escape(part)}</p>`;
  if (part.kind !== "table") {
    return `<figure>${picture(part)}<figcaption>${escape(part.title)}</figcaption></figure>`;
  }
  const [head = [], ...rows] = part.rows;
  const header = head.map((text) => `<th scope="col">${escape(text)}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((text) => `<td>${escape(text)}</td>`).join("")}</tr>`).join(
    "\n",
  );
  return `<table tabindex="0"><thead><tr>${header}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

/** One page. */
export function reportHtml({ title, chapters }: Report): string {
  const texts = chapters.map(({ title, parts }) =>
    `<section><h2>${escape(title)}</h2>\n${parts.map(htmlPart).join("\n")}</section>`
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="${escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><main><h1>${escape(title)}</h1>
${texts.join("\n")}
</main></body></html>
`;
}
