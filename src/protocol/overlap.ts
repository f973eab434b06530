/**
 * Whether a backbone has seen what a stream will test: by what its card says it was trained on.
 *
 * @module
 */
import type { Dataset } from "../data/dataset.ts";
import type { Backbone } from "../nn/backbone.ts";

/** Data of a stream that a backbone was trained on. */
export interface Overlap {
  /** What the backbone was trained on, by the name of its card. */
  readonly trainedOn: string;
  /** How it is known: equal content, an equal name, or classes of the same number in WordNet. */
  readonly by: "content" | "name" | "classes";
  /** Classes of the stream's data that are among them. */
  readonly classes: number;
}

/** The number of a class in WordNet, as ImageNet and what was made of it name classes. */
function wordnetOf(className: string): string | undefined {
  return /(?:^|\/)(n\d{8})(?: |$)/.exec(className)?.[1];
}

/** What a backbone has seen of a data set, as far as cards and names tell. */
export function overlapOf(
  { trainedOn = [] }: Pick<Backbone, "trainedOn">,
  dataset: Pick<Dataset, "name" | "fingerprint" | "classNames" | "origins">,
): Overlap[] {
  const { name, fingerprint, classNames, origins = classNames.map(() => name) } = dataset;
  return trainedOn.flatMap((seen): Overlap[] => {
    if (seen.fingerprint === fingerprint) {
      return [{ trainedOn: seen.name, by: "content", classes: classNames.length }];
    }
    // Two data sets of one name in a mix are told apart by a number.
    const named = origins.filter((origin) => origin.replace(/ \d+$/, "") === seen.name).length;
    if (named > 0) return [{ trainedOn: seen.name, by: "name", classes: named }];
    const known = new Set(seen.wordnet);
    const shared = classNames.filter((className) => known.has(wordnetOf(className) ?? "")).length;
    return shared > 0 ? [{ trainedOn: seen.name, by: "classes", classes: shared }] : [];
  });
}
