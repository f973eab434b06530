/**
 * Tiny ImageNet (Stanford CS231N): `train/<wnid>/images/*`, `val/images/*` labelled by `val/val_annotations.txt`,
 * class order by `wnids.txt`, names by `words.txt`. The validation images are the test split; the official test
 * images have no labels and are left out.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";

/** Tiny ImageNet. */
export const tinyImagenetLayout: ImageLayout = { root: { anchor: "wnids.txt" }, plan };

function plan(index: TreeIndex): ImagePlan {
  const wnids = linesOf(index.text("wnids.txt"));
  const labels = new Map(wnids.map((wnid, label) => [wnid, label]));
  const labelOf = (wnid: string | undefined, where: string): number => {
    const label = labels.get(wnid ?? "");
    if (label !== undefined) return label;
    throw new InputError(
      `Cannot read ${index.source}: found class ${JSON.stringify(wnid)} in ${where}, wanted one of wnids.txt`,
    );
  };
  const train = index.images.flatMap((path): LabelledPath[] => {
    const [, wnid] = /^train\/([^/]+)\//.exec(path) ?? [];
    return wnid === undefined ? [] : [{ path, label: labelOf(wnid, path) }];
  });
  const test = linesOf(index.text("val/val_annotations.txt")).map((line): LabelledPath => {
    const [file, wnid] = line.split("\t");
    return { path: `val/images/${file}`, label: labelOf(wnid, "val/val_annotations.txt") };
  });
  return {
    classNames: namesOf(wnids, index),
    train: train.sort((a, b) => a.label - b.label),
    test,
  };
}

/** Each WordNet id with the first of its words. */
function namesOf(wnids: readonly string[], index: TreeIndex): string[] {
  if (!index.hasText("words.txt")) return [...wnids];
  const words = new Map<string, string>();
  for (const line of linesOf(index.text("words.txt"))) {
    const [wnid, synonyms] = line.split("\t");
    words.set(wnid!, synonyms?.split(",")[0] ?? "");
  }
  return wnids.map((wnid) => `${wnid} ${words.get(wnid) ?? ""}`.trim());
}
