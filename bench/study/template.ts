/**
 * The words of a study with numbers from records: `{{pooled ham growth T=50}}`. Nothing else stands for a number, so
 * that no sentence can say what its records do not.
 *
 * | written | becomes |
 * |---|---|
 * | `{{FIGURE METHOD VIEW T=n}}` | mean ± deviation over seeds, with its unit |
 * | `{{difference METHOD OTHER VIEW T=n}}` | paired difference of accuracy in the end, with its 95 % interval |
 * | `{{difference METHOD OTHER VIEW T=n FIGURE}}` | of another figure |
 * | `{{ratio METHOD OTHER VIEW T=n FIGURE}}` | geometric mean of METHOD / OTHER, with its 95 % interval |
 * | `{{lead METHOD VIEW T=n}}` | difference to the best rival, chosen for each seed on the others |
 * | `{{best VIEW T=n}}` | name of the most accurate method that stores no images |
 * | `{{room VIEW T=n}}` | bound minus floor |
 * | `{{seeds VIEW T=n}}` | most seeds that a method has |
 * | `{{verdict CLAIM VIEW}}` | found, not found or not decidable here |
 * | `{{measured CLAIM VIEW}}` | what that rests on |
 * | `{{records PART}}` | number of records |
 *
 * @module
 */
import { InputError, printable } from "../../src/core/mod.ts";
import { inertMarkdown } from "../../src/protocol/mod.ts";
import { judge } from "./claims.ts";
import { declared, type Study } from "./definition.ts";
import { figureNamed, figureNamesOfStudy, formatMeanWithUnit } from "./figures.ts";
import { differenceOf, leadOf, meanOf, ratioOf, valuesOf } from "./measure.ts";
import { methodNamed, type Parts, type View, type Views } from "./views.ts";
import { formatDifferenceWithUnit, formatRatio, listed, NOT_RUN } from "./words.ts";

/** What templates are resolved from. */
export interface Sources {
  readonly study: Study;
  readonly parts: Parts;
  readonly views: Views;
}

/** A name with digits in it, such as CIFAR-100 or ViT-B/16, with its punctuation. */
const NAME = /^[("'[]*[\p{L}][\p{L}\p{N}/_-]*[)"'\].,;:]*$/u;

/** The first word with a number that is no name, no T and no number of a paper; `undefined` if all is well. */
function typedNumber(text: string): string | undefined {
  return text.replaceAll(/\{\{.*?\}\}/gs, " ").replaceAll(/`[^`]*`/g, " ")
    .replaceAll(/arXiv \d{4}\.\d{5}|\bT ?= ?\d+(?![\d.,]*\d)/g, " ")
    .split(/\s+/).find((word) => /\d/.test(word) && !NAME.test(word));
}

/**
 * Text with its templates resolved; nothing where none of what it speaks of was run.
 *
 * @throws {InputError} If a template names something unknown, or the text has a number that is typed
 */
export function resolveText(text: string, sources: Sources): string {
  const typed = typedNumber(text);
  if (typed !== undefined) {
    throw new InputError(
      `Cannot use text ${
        JSON.stringify(text)
      } of the study: found the typed number ${typed}, wanted a template ` +
        "such as {{pooled ham growth T=50}}",
    );
  }
  let [templates, run] = [0, 0];
  const resolved = text.replaceAll(/\{\{(.*?)\}\}/gs, (_, inside: string) => {
    templates++;
    const value = resolve(inside, sources);
    if (value === undefined) return `(${NOT_RUN})`;
    run++;
    return inertMarkdown(value);
  });
  if (/\{\{|\}\}/.test(resolved)) {
    throw new InputError(
      `Cannot use text ${JSON.stringify(text)} of the study: found a template without its end`,
    );
  }
  return templates > 0 && run === 0 ? "" : resolved;
}

interface Call {
  readonly template: string;
  readonly sources: Sources;
  /** What stands after the first word. */
  readonly words: readonly string[];
}

function fail({ template }: Pick<Call, "template">, wanted: string): never {
  throw new InputError(`Cannot resolve {{${printable(template)}}} of the study: wanted ${wanted}`);
}

function view({ sources }: Call, name: string): View {
  return sources.views(name);
}

function tasks(call: Call, word: string, view: View): number {
  const found = /^T=([1-9]\d*)$/.exec(word)?.[1];
  const count = Number(found);
  if (found === undefined || !view.declaredTasks.includes(count)) {
    fail(call, `T=n with n one of ${view.declaredTasks.join(", ")} where it has ${word}`);
  }
  return count;
}

/** The label of a method in a view; `undefined` if it was not run there. */
function label({ sources: { study } }: Call, view: View, name: string): string | undefined {
  return methodNamed(study, view, name)?.label;
}

type Rule = { readonly usage: string; readonly least: number; resolve(call: Call): string | undefined };

function figure(call: Call, name: string): string | undefined {
  const [method, viewName, count] = call.words as [string, string, string];
  const figure = figureNamed(name);
  const from = view(call, viewName);
  const [own, T] = [label(call, from, method), tasks(call, count, from)];
  const mean = own === undefined ? undefined : meanOf(from, figure, own, T);
  return mean && formatMeanWithUnit(mean, figure);
}

/** METHOD OTHER VIEW T=n FIGURE */
function pair(call: Call) {
  const [a, b, viewName, count, name = "pooled"] = call.words as [string, string, string, string, string?];
  const from = view(call, viewName);
  const labels = [label(call, from, a), label(call, from, b)] as const;
  const isRun = labels[0] !== undefined && labels[1] !== undefined;
  return {
    from,
    figure: figureNamed(name),
    T: tasks(call, count, from),
    labels: isRun ? labels as readonly [string, string] : undefined,
  };
}

/** Means at a number of tasks of all methods that have a figure. */
function means(call: Call, figureName: string) {
  const [viewName, count] = call.words as [string, string];
  const from = view(call, viewName);
  const [T, figure] = [tasks(call, count, from), figureNamed(figureName)];
  const labels = [...valuesOf(from, figure).keys()];
  return {
    from,
    figure,
    list: labels.flatMap((label) => {
      const mean = meanOf(from, figure, label, T);
      return mean ? [{ label, mean }] : [];
    }),
  };
}

const rules: Readonly<Record<string, Rule>> = {
  difference: {
    usage: "difference METHOD OTHER VIEW T=n [FIGURE]",
    least: 4,
    resolve(call) {
      const { from, figure, T, labels } = pair(call);
      const found = labels && differenceOf(from, figure, labels, T);
      return found && formatDifferenceWithUnit(found, figure);
    },
  },
  ratio: {
    usage: "ratio METHOD OTHER VIEW T=n FIGURE",
    least: 5,
    resolve(call) {
      const { from, figure, T, labels } = pair(call);
      const found = labels && ratioOf(from, figure, labels, T);
      return found && formatRatio(found);
    },
  },
  lead: {
    usage: "lead METHOD VIEW T=n",
    least: 3,
    resolve(call) {
      const [name, viewName, count] = call.words as [string, string, string];
      const from = view(call, viewName);
      const [own, T] = [methodNamed(call.sources.study, from, name), tasks(call, count, from)];
      const found = own && leadOf(from, figureNamed("pooled"), own, T);
      return found &&
        `${formatDifferenceWithUnit(found.difference, figureNamed("pooled"))} to ${listed(found.rivals)}`;
    },
  },
  best: {
    usage: "best VIEW T=n",
    least: 2,
    resolve(call) {
      const { from, list } = means(call, "pooled");
      const plain = new Set(
        from.found?.section.methods.filter((one) => one.class === "plain").map(({ label }) => label),
      );
      return list.filter(({ label }) => plain.has(label)).sort((a, b) => b.mean.mean - a.mean.mean)[0]?.label;
    },
  },
  room: {
    usage: "room VIEW T=n",
    least: 2,
    resolve(call) {
      const { from, figure } = means(call, "pooled");
      const { floor, bound } = from.found?.section ?? {};
      if (floor === undefined || bound === undefined) return undefined;
      const found = differenceOf(from, figure, [bound, floor], tasks(call, call.words[1]!, from));
      return found && formatDifferenceWithUnit(found, figure);
    },
  },
  seeds: {
    usage: "seeds VIEW T=n",
    least: 2,
    resolve(call) {
      const { list } = means(call, "pooled");
      return list.length === 0 ? undefined : `${Math.max(...list.map(({ mean }) => mean.n))}`;
    },
  },
  verdict: {
    usage: "verdict CLAIM VIEW",
    least: 2,
    resolve: (call) => judged(call).verdict,
  },
  measured: {
    usage: "measured CLAIM VIEW",
    least: 2,
    resolve: (call) => judged(call).measured,
  },
  records: {
    usage: "records PART",
    least: 1,
    resolve({ words, sources: { study, parts } }) {
      declared(study.parts, words[0]!, "part");
      return `${parts.get(words[0]!)?.length ?? 0}`;
    },
  },
};

function judged(call: Call) {
  const [name, viewName] = call.words as [string, string];
  const { study } = call.sources;
  const claim = declared(study.claims, name, "claim");
  if (!claim.views.includes(viewName)) fail(call, `one of the claim's views, ${claim.views.join(", ")}`);
  return judge(study, claim, view(call, viewName));
}

/** What a template stands for; `undefined` if it was not run. */
function resolve(inside: string, sources: Sources): string | undefined {
  const template = inside.trim();
  const [name = "", ...words] = template.split(/\s+/);
  const call: Call = { template, sources, words };
  const rule = Object.hasOwn(rules, name)
    ? rules[name]!
    : figureNamesOfStudy.includes(name)
    ? { usage: `${name} METHOD VIEW T=n`, least: 3, resolve: (call: Call) => figure(call, name) }
    : fail(call, `one of ${[...Object.keys(rules), ...figureNamesOfStudy].join(", ")} where it has ${name}`);
  const most = rule.usage.split(" ").length - 1;
  if (words.length < rule.least || words.length > most) fail(call, rule.usage);
  return rule.resolve(call);
}
