/**
 * Images whose labels stand in a list beside them: `metadata.csv` or `metadata.jsonl` in each folder as Hugging Face's
 * imagefolder has them, `train.csv` and `test.csv`, `train.txt` and `val.txt` of `path label`, or one list of all with or
 * without a column for the split.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { splitLabelled } from "./folder.ts";
import type { ImageLayout, ImagePlan, LabelledPath, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";
import { type ListColumns, parseList } from "./list_table.ts";
import { roleOf, type SplitRole } from "./split_names.ts";

/** Choices of a list. */
export interface ListOptions extends ListColumns {
  readonly seed: number;
  /** Path of the one list to read, where it was named. */
  readonly list?: string;
}

const METADATA = /(^|\/)metadata\.(csv|jsonl)$/i;
const LIST_FILE = /\.(csv|tsv|jsonl|txt|lst)$/i;

/** A list of images. */
export function listLayout(options: ListOptions): ImageLayout {
  return { root: "tree", plan: (index) => planList(index, options) };
}

/** Whether a tree with these paths has a list and no class folders. */
export function isListTree(paths: readonly string[], isImage: (path: string) => boolean): boolean {
  if (!paths.some(isImage)) return false;
  if (paths.some((path) => METADATA.test(path))) return true;
  const hasList = paths.some((path) => LIST_FILE.test(path) && isListName(path));
  return hasList && paths.filter(isImage).every((path) => {
    const parent = path.split("/").at(-2);
    return parent === undefined || roleOf(parent) !== undefined || /^(images?|imgs?|data)$/i.test(parent);
  });
}

/** Names that lists of images have. */
function isListName(path: string): boolean {
  const stem = path.slice(path.lastIndexOf("/") + 1).replace(LIST_FILE, "");
  return roleOf(stem) !== undefined || /^(labels?|annotations?|list|index|images?)$/i.test(stem);
}

/** An image of a list, found in the tree. */
interface Listed {
  readonly path: string;
  readonly label: string;
  readonly role: SplitRole | undefined;
}

function planList(index: TreeIndex, options: ListOptions): ImagePlan {
  const lists = listsOf(index, options.list);
  const find = finder(index);
  const notices: string[] = [];
  const seen = new Map<string, Listed>();
  let repeated = 0;
  for (const list of lists) {
    const rows = parseList(list, index.text(list), options);
    if (rows.length > 0 && rows.every(({ label }) => label === undefined)) {
      notices.push(`${list} has no labels; its ${rows.length} images are left out`);
      continue;
    }
    for (const { file, label: written, split } of rows) {
      const label = written?.normalize("NFC");
      if (label === undefined) {
        throw new InputError(`Cannot read ${index.source}: found no label of ${file} in ${list}, wanted one`);
      }
      const role = roleIn(index, list, file, split);
      const path = find(file, list, role);
      const key = `${role ?? ""}\0${path}`, other = seen.get(key);
      if (other && other.label !== label) {
        throw new InputError(
          `Cannot read ${index.source}: found ${path} as ${other.label} and as ${label} in ${list}, wanted one label`,
        );
      }
      if (other) repeated++;
      else seen.set(key, { path, label, role });
    }
  }
  if (repeated > 0) notices.push(`${repeated} rows repeat others and are left out`);
  if (seen.size === 0) {
    throw new InputError(
      `Cannot read ${index.source}: found no labelled images in ${
        lists.join(", ")
      }, wanted file names and labels`,
    );
  }
  return planRows(index, [...seen.values()], options.seed, notices);
}

/** The lists to read: the one named, those of folders, those named like parts, or the only one. */
function listsOf(index: TreeIndex, named: string | undefined): readonly string[] {
  if (named !== undefined) return [named];
  const texts = index.texts.filter((path) =>
    LIST_FILE.test(path) && !/(^|\/)(classes|readme|licen[cs]e)\.txt$/i.test(path)
  );
  const metadata = texts.filter((path) => METADATA.test(path));
  if (metadata.length > 0) return metadata;
  const parts = texts.filter(isListName);
  const tables = parts.filter((path) => !/\.(txt|lst)$/i.test(path));
  const chosen = tables.length > 0 ? tables : parts;
  if (chosen.length > 0) return chosen;
  const [only, second] = texts;
  if (only && !second) return [only];
  throw new InputError(
    `Cannot read ${index.source}: found ${
      texts.length === 0 ? "no list" : `the lists ${texts.slice(0, 5).join(", ")}`
    }, wanted metadata.csv, train.csv and test.csv, or the like; name one as the path`,
  );
}

/** The part of an image: by its column, the name of its list, or the folder of the list or of the image. */
function roleIn(
  index: TreeIndex,
  list: string,
  file: string,
  split: string | undefined,
): SplitRole | undefined {
  if (split !== undefined) {
    const role = roleOf(split)?.role;
    if (role) return role;
    throw new InputError(
      `Cannot read ${index.source}: found ${file} of split ${JSON.stringify(split)} in ${list}, ` +
        "wanted train, test or validation",
    );
  }
  const stem = list.slice(list.lastIndexOf("/") + 1).replace(LIST_FILE, "");
  const folders = [...list.split("/").slice(0, -1).reverse(), ...file.split(/[/\\]/).slice(0, -1)];
  return [stem, ...folders].map((name) => roleOf(name)?.role).find((role) => role !== undefined);
}

/** Finds listed files: relative to the list or the top, or by the end of their path where that is the only one. */
function finder(index: TreeIndex): (file: string, list: string, role: SplitRole | undefined) => string {
  // macOS writes names decomposed, lists do not.
  const images = new Map(index.images.map((path) => [path.normalize("NFC"), path]));
  const stemOf = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
  const byStem = Map.groupBy([...images.keys()], stemOf);
  return (file, list, role) => {
    const plain = file.normalize("NFC").replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    const beside = list.slice(0, list.lastIndexOf("/") + 1).normalize("NFC") + plain;
    const exact = images.get(beside) ?? images.get(plain);
    if (exact !== undefined) return exact;
    const name = plain.slice(plain.lastIndexOf("/") + 1);
    const near = [...byStem.get(stemOf(plain)) ?? [], ...byStem.get(name) ?? []];
    const ends = (wanted: string) =>
      near.filter((path) =>
        [path, path.replace(/\.[^.]*$/, "")].some((other) => `/${other}`.endsWith(`/${wanted}`))
      );
    // The longest end of the listed path that is there: lists carry folders of other machines.
    for (
      let wanted = plain;
      wanted !== "";
      wanted = wanted.includes("/") ? wanted.slice(wanted.indexOf("/") + 1) : ""
    ) {
      const found = [...new Set(ends(wanted))];
      const own = found.filter((path) => path.split("/").some((part) => role && roleOf(part)?.role === role));
      const [only, second] = own.length > 0 ? own : found;
      if (only && !second) return images.get(only)!;
      if (second) {
        throw new InputError(
          `Cannot read ${index.source}: found ${only} and ${second} for ${file} of ${list}, wanted one`,
        );
      }
    }
    throw new InputError(`Cannot read ${index.source}: found no image ${file}, which ${list} names`);
  };
}

function planRows(index: TreeIndex, rows: readonly Listed[], seed: number, notices: string[]): ImagePlan {
  const { classNames, numbers } = classesOf(index, rows);
  const of = (role: SplitRole | undefined): LabelledPath[] =>
    rows.filter((row) => row.role === role).map(({ path, label }) => ({ path, label: numbers.get(label)! }));
  const train = of("train"), test = of("test"), validation = of("validation"), rest = of(undefined);
  const unlisted = index.images.length - new Set(rows.map(({ path }) => path)).size;
  if (unlisted > 0) notices.push(`${unlisted} images are on no list and are left out`);
  const held = test.length > 0 ? test : validation;
  if (train.length > 0 && rest.length > 0) {
    throw new InputError(
      `Cannot read ${index.source}: found ${
        rest[0]!.path
      } of no split beside ${train.length} training images, ` +
        "wanted a split of every image",
    );
  }
  if (train.length > 0 && held.length > 0) {
    if (held === test && validation.length > 0) {
      notices.push(`${validation.length} validation images are left out; the test images are the test split`);
    }
    if (held === validation) notices.push("the validation images are the test split");
    return { classNames, train, test: held, notices };
  }
  const all = [...train, ...held, ...rest];
  notices.push("found one part with labels; its images are split 80 to 20 by a seed");
  return { ...splitLabelled(all, classNames, seed), notices };
}

/** Numbers are in their order, names in that of the alphabet. `classes.txt` names numbers. */
function classesOf(index: TreeIndex, rows: readonly Listed[]) {
  const labels = [...new Set(rows.map(({ label }) => label))];
  const areNumbers = labels.every((label) => /^\d{1,9}$/.test(label));
  labels.sort(areNumbers ? (a, b) => Number(a) - Number(b) : undefined);
  const file = index.texts.find((path) => /(^|\/)classes\.txt$/.test(path));
  const names = areNumbers && file ? linesOf(index.text(file)) : [];
  const isNamed = labels.every((label) => names[Number(label)] !== undefined);
  return {
    classNames: labels.map((label) => isNamed && names.length > 0 ? names[Number(label)]! : label),
    numbers: new Map(labels.map((label, number) => [label, number])),
  };
}
