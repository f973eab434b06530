/**
 * Who is compared with whom. A bound sees what no continual method may see; methods that store images, or look at test
 * images for more than their scores, play another game: they are shown, named as such, and are no rivals of the rest.
 *
 * @module
 */
import { methods } from "../../methods/mod.ts";
import type { MethodDefinition } from "../../methods/definition.ts";

const cards: Readonly<Record<string, MethodDefinition>> = methods;

/** What sets a method apart, in a word; `undefined` of those that are rivals, and of methods that are not ours. */
export function classOf(method: string): "bound" | "buffer" | "test data" | undefined {
  if (!Object.hasOwn(cards, method)) return undefined;
  const { family, buffer, testData } = cards[method]!;
  return family === "bound" ? "bound" : testData ? "test data" : buffer ? "buffer" : undefined;
}

/** How a table names a method of a section, such as `er (buffer)`. */
export function shownName(label: string): string {
  const kind = classOf(label.split("(")[0]!);
  return kind === undefined || kind === "bound" ? label : `${label} (${kind})`;
}
