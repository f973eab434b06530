/**
 * Who is compared with whom. A bound sees what no continual method may see; methods that store images, or look at test
 * images for more than their scores, play another game: they are shown, named as such, and are no rivals of the rest.
 *
 * @module
 */
import type { MethodDefinition } from "../../methods/definition.ts";
import { methods } from "../../methods/mod.ts";
import type { MethodClass } from "./board.ts";

const cards: Readonly<Record<string, MethodDefinition>> = methods;

/** The card of a method by its name; `undefined` of methods that are not ours. */
export function cardOf(method: string): MethodDefinition | undefined {
  return Object.hasOwn(cards, method) ? cards[method] : undefined;
}

/** The class of a method by its name. Of one that is not ours nothing is known that would set it apart. */
export function classOf(method: string): MethodClass {
  const card = cardOf(method);
  if (card?.family === "bound") return "bound";
  return card?.testData ? "test data" : card?.buffer ? "buffer" : "plain";
}

/** How a table names a method of a section, such as `er (buffer)`. */
export function shownName(method: { readonly label: string; readonly class: MethodClass }): string {
  const { label, class: kind } = method;
  return kind === "plain" || kind === "bound" ? label : `${label} (${kind})`;
}
