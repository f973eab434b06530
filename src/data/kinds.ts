/**
 * All kinds of data sets: what they are called, where their files lie, and how they are recognised.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { cached, type CacheOptions } from "./cache.ts";
import { loadCifar10, loadCifar100 } from "./cifar_tree.ts";
import type { Dataset } from "./dataset.ts";
import { familiesOfNames } from "./families.ts";
import { refuseLostLinks } from "./files/lost_links.ts";
import { type FileTree, openTree } from "./files/tree.ts";
import { FASHION_NAMES, KMNIST_NAMES } from "./idx_names.ts";
import { EMNIST_SETS, isEmnistTree, isIdxTree, loadEmnist, loadIdx } from "./idx_tree.ts";
import { cubLayout } from "./images/cub.ts";
import { folderLayout } from "./images/folder.ts";
import { isImageName } from "./images/formats.ts";
import { type ImageLayout, loadImageSet } from "./images/image_set.ts";
import { isListTree, listLayout } from "./images/list.ts";
import { imagenetRLayout } from "./images/imagenet_r.ts";
import { isOmniglotTree, omniglotLayout } from "./images/omniglot.ts";
import { tinyImagenetLayout } from "./images/tiny_imagenet.ts";
import { isParquetName, parquetTree } from "./parquet/parquet_tree.ts";
import { loadProcedural } from "./procedural/load.ts";
import { sampleLayout } from "./sample_tree.ts";
import { parseRest, type Settings } from "./settings.ts";
import { fileName } from "./tree_files.ts";
import { isWebDataset, webDataset } from "./webdataset.ts";

/** Where to keep decoded images, and listeners. */
export interface LoadDataOptions extends CacheOptions {
  /** Told how many images of how many are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One kind of data set. */
export interface DatasetKind {
  /** What it is, in a few words. */
  readonly title: string;
  /** How a specification of it is written. */
  readonly usage: string;
  /** Loads it, given what follows the colon of its specification. */
  load(rest: string, options: LoadDataOptions): Promise<Dataset>;
  /** Whether a tree with these paths is one. The first kind that says so is it. */
  recognises?(paths: readonly string[]): boolean;
}

/** Settings of all kinds whose images are files. */
const IMAGE_SETTINGS: readonly (keyof Settings)[] = ["size", "undecodable"];

/** Name of a kind of data set. */
export type DatasetKindName =
  | "procedural"
  | "cifar100"
  | "cifar10"
  | "tiny-imagenet"
  | "cub200"
  | "imagenet-r"
  | "omniglot"
  | "mnist"
  | "fashion-mnist"
  | "kmnist"
  | "emnist"
  | "idx"
  | "list"
  | "parquet"
  | "webdataset"
  | "folder";

/** The registry, in the order in which `guessKind` asks. */
export const datasetKinds: Readonly<Record<DatasetKindName, DatasetKind>> = {
  procedural: {
    title: "Images made from a seed, no files needed",
    usage: "procedural[:classes=100,trainPerClass=…,testPerClass=…,size=32,seed=0,…]",
    load: loadProcedural,
  },
  cifar100: {
    title: "CIFAR-100, binary or Python version",
    usage: "cifar100:PATH",
    load: fromTree([], loadCifar100),
    recognises: (paths) =>
      hasFiles("train.bin", "test.bin")(paths) || hasFiles("train", "test", "meta")(paths),
  },
  cifar10: {
    title: "CIFAR-10, binary or Python version",
    usage: "cifar10:PATH",
    load: fromTree([], loadCifar10),
    recognises: (paths) =>
      hasFiles("data_batch_1.bin", "test_batch.bin")(paths) || hasFiles("data_batch_1", "test_batch")(paths),
  },
  "tiny-imagenet": {
    title: "Tiny ImageNet, 200 classes; the validation images are the test split",
    usage: "tiny-imagenet:PATH[,size=N]",
    load: images("tiny-imagenet", () => tinyImagenetLayout, IMAGE_SETTINGS),
    recognises: hasFiles("wnids.txt", "val_annotations.txt"),
  },
  cub200: {
    title: "CUB-200-2011, birds, official split",
    usage: "cub200:PATH[,size=N]",
    load: images("cub200", () => cubLayout, IMAGE_SETTINGS),
    recognises: hasFiles("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"),
  },
  "imagenet-r": {
    title: "ImageNet-R, 200 classes of renditions, split 80/20 by a seed",
    usage: "imagenet-r:PATH[,size=N][,seed=0]",
    load: images("imagenet-r", ({ seed }) => imagenetRLayout(seed), [...IMAGE_SETTINGS, "seed"]),
    recognises: (paths) =>
      paths.length > 1 && paths.every((path) => /(^|\/)n\d{8}\/[^/]+$|README\.txt$/.test(path)),
  },
  omniglot: {
    title: "Omniglot, 1,623 characters: the original PNG tree, or IDX files",
    usage: "omniglot:PATH[,size=N]",
    load: fromTree(IMAGE_SETTINGS, loadOmniglot),
    recognises: isOmniglotTree,
  },
  mnist: { title: "MNIST, handwritten digits", usage: "mnist:PATH", load: idx("mnist") },
  "fashion-mnist": {
    title: "Fashion-MNIST, clothes",
    usage: "fashion-mnist:PATH",
    load: idx("fashion-mnist", FASHION_NAMES),
  },
  kmnist: {
    title: "Kuzushiji-MNIST, cursive Japanese",
    usage: "kmnist:PATH",
    load: idx("kmnist", KMNIST_NAMES),
  },
  emnist: {
    title: `EMNIST, letters and digits; set is one of ${EMNIST_SETS.join(", ")}`,
    usage: "emnist:PATH[,set=balanced]",
    load: fromTree(["set"], (tree, { set }) => {
      const known = EMNIST_SETS.find((name) => name === set);
      if (known) return loadEmnist(tree, known);
      throw new InputError(`Cannot load EMNIST: found set=${set}, wanted one of ${EMNIST_SETS.join(", ")}`);
    }),
    recognises: (paths) => isEmnistTree(paths.map(fileName)),
  },
  idx: {
    title: "Any pair or two of IDX files under MNIST's names; class names from classes.txt",
    usage: "idx:PATH",
    load: fromTree([], (tree, _, path) => loadIdx(baseName(path), tree)),
    recognises: (paths) => isIdxTree(paths.map(fileName)),
  },
  list: {
    title:
      "Images with labels in metadata.csv, metadata.jsonl, train.csv, train.txt (path label) or one such list",
    usage: "list:PATH[,file=COLUMN][,label=COLUMN][,size=N][,seed=0]",
    load: loadList,
    recognises: (paths) => isListTree(paths, isImageName),
  },
  parquet: {
    title: "Parquet files with image bytes and labels, as the Hugging Face hub serves data sets",
    usage: "parquet:PATH[,label=COLUMN][,size=N][,seed=0]",
    load: fromTree([...IMAGE_SETTINGS, "seed", "label"], async (tree, settings, path, options) => {
      const samples = parquetTree(tree, settings.label);
      const kind = `parquet ${JSON.stringify(settings.label ?? null)}`;
      const layout = sampleLayout(samples, settings.seed);
      return await loadImages(baseName(path), samples.tree, layout, settings, { ...options, kind });
    }),
    recognises: (paths) => paths.some(isParquetName),
  },
  webdataset: {
    title: "WebDataset shards: tar archives of 000017.jpg with 000017.cls or 000017.json",
    usage: "webdataset:PATH[,size=N][,seed=0]",
    async load(rest, options) {
      const { path, settings } = parseRest(rest, [...IMAGE_SETTINGS, "seed"]);
      const samples = await webDataset(path);
      const layout = sampleLayout(samples, settings.seed);
      const identity = { ...options, kind: "webdataset" };
      return await loadImages(archiveName(path), samples.tree, layout, settings, identity);
    },
    recognises: isWebDataset,
  },
  folder: {
    title: "Any image folder: train/<class>/*, test/<class>/*, or <class>/* split 80/20 by a seed",
    usage: "folder:PATH[,size=N][,seed=0][,depth=2]",
    load: images("folder", ({ seed, depth }) => folderLayout(seed, depth), [
      ...IMAGE_SETTINGS,
      "seed",
      "depth",
    ]),
    recognises: (paths) => paths.some((path) => path.includes("/") && isImageName(path)),
  },
};

/**
 * Guesses what lies in a folder or archive.
 *
 * @throws {InputError} If no kind recognises it
 */
export async function guessKind(path: string): Promise<DatasetKindName> {
  const tree = await openTree(path);
  const paths: string[] = [];
  for await (const file of tree.walk()) paths.push(file.path);
  for (const [name, kind] of Object.entries<DatasetKind>(datasetKinds)) {
    if (kind.recognises?.(paths)) return name as DatasetKindName;
  }
  await refuseLostLinks(tree);
  throw new InputError(
    `Cannot tell what ${path} is: found no files of a known data set among ${paths.length}`,
  );
}

/** A loader that opens `PATH` of `PATH,name=value,…`. */
function fromTree(
  known: readonly (keyof Settings)[],
  load: (tree: FileTree, settings: Settings, path: string, options: LoadDataOptions) => Promise<Dataset>,
): DatasetKind["load"] {
  return async (rest, options) => {
    const { path, settings } = parseRest(rest, known);
    return await load(await openTree(path), settings, path, options);
  };
}

/** A loader of image files. */
function images(
  kind: string,
  layout: (settings: Settings) => ImageLayout,
  known: readonly (keyof Settings)[],
): DatasetKind["load"] {
  return fromTree(known, (tree, settings, path, options) => {
    const name = kind === "folder" ? archiveName(path) : kind;
    const identity = settings.depth === 1 ? kind : `${kind} ${settings.depth}`;
    return loadImages(name, tree, layout(settings), settings, { ...options, kind: identity });
  });
}

/** Loads image files through the cache. The name is no part of the content. */
async function loadImages(
  name: string,
  tree: FileTree,
  layout: ImageLayout,
  { size, seed, undecodable }: Settings,
  { kind, ...options }: LoadDataOptions & { readonly kind: string },
): Promise<Dataset> {
  const identity = { kind, size: size ?? null, seed, undecodable, source: await tree.hash() };
  const dataset = await cached(
    identity,
    options,
    (onNotice) =>
      loadImageSet(name, tree, layout, { ...options, onNotice, undecodable, ...(size && { size }) }),
  );
  return { ...dataset, name };
}

/** A loader of IDX files whose classes have names. */
function idx(name: string, classNames?: readonly string[]): DatasetKind["load"] {
  return fromTree([], (tree) => loadIdx(name, tree, classNames && { classNames }));
}

async function loadOmniglot(
  tree: FileTree,
  settings: Settings,
  path: string,
  options: LoadDataOptions,
): Promise<Dataset> {
  for await (const file of tree.walk()) {
    if (!isIdxTree([fileName(file.path)])) continue;
    if (settings.size === undefined) {
      const dataset = await loadIdx("omniglot", tree);
      const families = familiesOfNames(dataset.classNames);
      return { ...dataset, ...(families && { families }) };
    }
    throw new InputError(`Cannot resize ${path}: found IDX files, wanted size= for image files only`);
  }
  return await loadImages("omniglot", tree, omniglotLayout, settings, { ...options, kind: "omniglot" });
}

/** Loads listed images. A path of a list means the images around it. */
async function loadList(rest: string, options: LoadDataOptions): Promise<Dataset> {
  const { path, settings } = parseRest(rest, [...IMAGE_SETTINGS, "seed", "file", "label"]);
  const isList = /\.(csv|tsv|jsonl|txt|lst)$/i.test(path);
  const slash = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  const folder = !isList ? path : slash < 0 ? "." : path.slice(0, slash) || "/";
  const list = isList ? path.slice(slash + 1) : undefined;
  const { file, label, seed } = settings;
  const layout = listLayout({ seed, ...(list && { list }), ...(file && { file }), ...(label && { label }) });
  const kind = `list ${JSON.stringify([list ?? null, file ?? null, label ?? null])}`;
  return await loadImages(baseName(folder), await openTree(folder), layout, settings, { ...options, kind });
}

function hasFiles(...wanted: readonly string[]): (paths: readonly string[]) => boolean {
  return (paths) => {
    const names = new Set(paths.map(fileName));
    return wanted.every((name) => names.has(name));
  };
}

/** Name of a folder, or of an archive without its ending. */
function archiveName(path: string): string {
  return baseName(path).replace(/\.(zip|tar|tar\.gz|tgz)$/i, "");
}

function baseName(path: string): string {
  return path.split(/[/\\]/).filter((part) => part !== "").at(-1) ?? path;
}
