/**
 * Tiny ImageNet (Stanford CS231N): `train/<wnid>/images/*`, `val/images/*` labelled by `val/val_annotations.txt`,
 * class order by `wnids.txt`, names by `words.txt`. The validation images are the test split; the official test
 * images have no labels and are left out. Scripts sort `val` into `val/<wnid>/*` or `val/<wnid>/images/*` and keep the
 * list or not: both are read.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";

const ANNOTATIONS = "val/val_annotations.txt";

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
  const test = index.hasText(ANNOTATIONS) ? listedImages(index, labelOf) : sortedImages(index, labelOf);
  return {
    classNames: namesOf(wnids, index),
    train: train.sort((a, b) => a.label - b.label),
    test,
  };
}

/** The number of a class, given where it was found. */
type LabelOf = (wnid: string | undefined, where: string) => number;

/** Validation images in the order of the list, wherever below `val` they lie. */
function listedImages(index: TreeIndex, labelOf: LabelOf): LabelledPath[] {
  const places = new Map<string, string>();
  for (const path of index.images) {
    const file = path.startsWith("val/") ? path.slice(path.lastIndexOf("/") + 1) : undefined;
    if (file !== undefined && !places.has(file)) places.set(file, path);
  }
  return linesOf(index.text(ANNOTATIONS)).map((line): LabelledPath => {
    const [file, wnid] = line.split("\t");
    return { path: places.get(file!) ?? `val/images/${file}`, label: labelOf(wnid, ANNOTATIONS) };
  });
}

/** Validation images in folders of their class. */
function sortedImages(index: TreeIndex, labelOf: LabelOf): LabelledPath[] {
  const sorted = index.images.flatMap((path): LabelledPath[] => {
    const [, wnid] = /^val\/([^/]+)\//.exec(path) ?? [];
    return wnid === undefined || wnid === "images" ? [] : [{ path, label: labelOf(wnid, path) }];
  });
  if (sorted.length > 0) return sorted.sort((a, b) => a.label - b.label);
  throw new InputError(
    `Cannot read ${index.source}: found no ${ANNOTATIONS} and no val/<wnid>/*, wanted one of them`,
  );
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
