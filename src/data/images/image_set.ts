/**
 * Data sets whose images are files: a plan says which file belongs to which class and split, the rest is the same
 * for all of them. Two walks over the tree, one for names, sizes and texts, one for pixels, so that what lies in
 * memory is the result and one file.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createDataset, type Dataset, imageSize, selectImages, type Split } from "../dataset.ts";
import { createImageCodec, type ImageCodec, type ImageSize } from "./codec.ts";
import { refuseLostLinks } from "../files/lost_links.ts";
import type { FileTree } from "../files/tree.ts";
import { otherFormatOf } from "./formats.ts";
import type { ImageHeader } from "./header.ts";
import { indexTree, type TreeIndex } from "./tree_index.ts";

export type { TreeIndex } from "./tree_index.ts";

/** An image file and its class number. */
export interface LabelledPath {
  readonly path: string;
  readonly label: number;
}

/** Which files make a data set, in the order of the result. */
export interface ImagePlan {
  readonly classNames: readonly string[];
  /** The family of every class, if the layout tells. */
  readonly families?: readonly string[];
  readonly train: readonly LabelledPath[];
  readonly test: readonly LabelledPath[];
  /** Whether black and white change places. */
  readonly inverted?: boolean;
  /** What the layout decided for the user. */
  readonly notices?: readonly string[];
  /** Folders, with a slash at their end, in which images of other formats would belong to the set; all if left out. */
  readonly regions?: readonly string[];
}

/** How one kind of data set lays out its files. */
export interface ImageLayout {
  /** The folder that paths are relative to: all of the tree, or that of a text file. */
  readonly root: "tree" | { readonly anchor: string };
  /**
   * Chooses the files.
   *
   * @throws {InputError} If files are not as the layout wants them
   */
  plan(index: TreeIndex): ImagePlan;
}

/** Settings and listeners of a load. */
export interface ImageSetOptions {
  /** Height and width of the result. Left out: the most common size, or 64x64 if that is larger. */
  readonly size?: number;
  /** Told what was decided for the user. */
  readonly onNotice?: (text: string) => void;
  /** Told how many images of how many are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
  /** What decodes the images; loaded when needed if left out. */
  readonly codec?: ImageCodec;
  /** What becomes of images that cannot be decoded: the first is refused, or all are left out and counted. */
  readonly undecodable?: "refuse" | "skip";
}

/** Largest side of the default size. */
const DEFAULT_SIDE = 64;
/** Largest result: what a typed array and a laptop hold. */
const MAX_RESULT_BYTES = 2 ** 32;

/**
 * Loads the images that a layout chooses.
 *
 * @throws {InputError} If the tree or an image in it cannot be read, or the plan names files that are not there
 */
export async function loadImageSet(
  name: string,
  tree: FileTree,
  layout: ImageLayout,
  options: ImageSetOptions,
): Promise<Dataset> {
  const { index, headers, prefix } = await indexTree(tree, layout.root);
  if (index.images.length === 0) await refuseLostLinks(tree);
  const plan = layout.plan(index);
  for (const notice of [...plan.notices ?? [], ...bareFolders(index, plan)]) options.onNotice?.(notice);
  const places = [...plan.train, ...plan.test];
  for (const { path } of places) {
    if (!headers.has(path)) {
      throw new InputError(`Cannot read ${tree.source}: found no image ${path}, wanted it as listed`);
    }
  }
  const known = places.flatMap(({ path }) => headers.get(path) ?? []);
  const channels = known.length > 0 && known.every((header) => header.channels === 1) ? 1 : 3;
  const { height, width } = chooseSize(known, options);
  const bytes = imageSize({ channels, height, width });
  if (bytes * places.length > MAX_RESULT_BYTES) {
    throw new InputError(
      `Cannot load ${tree.source}: found ${places.length} images of ${width}x${height}, ` +
        `wanted at most ${MAX_RESULT_BYTES} bytes in all; a smaller size= helps`,
    );
  }
  const splits = { train: emptySplit(plan.train, bytes), test: emptySplit(plan.test, bytes) };
  const targets = new Map<string, Uint8Array[]>();
  for (const [paths, { images }] of [[plan.train, splits.train], [plan.test, splits.test]] as const) {
    paths.forEach(({ path }, i) => {
      const target = images.subarray(i * bytes, (i + 1) * bytes);
      targets.set(path, [...targets.get(path) ?? [], target]);
    });
  }
  const failed = await decodeInto(targets, tree, prefix, { height, width }, options);
  if (plan.inverted) {
    for (const { images } of [splits.train, splits.test]) {
      images.forEach((value, i) => images[i] = 255 - value);
    }
  }
  const leftOut = countLeftOut(index, plan, failed);
  if (leftOut) options.onNotice?.(leftOutNotice(index, plan, leftOut));
  return createDataset({
    name,
    channels,
    height,
    width,
    classNames: plan.classNames,
    ...(plan.families && { families: plan.families }),
    train: without(splits.train, plan.train, failed, bytes),
    test: without(splits.test, plan.test, failed, bytes),
    ...(leftOut && { leftOut }),
  });
}

/** A split without the images that could not be decoded. */
function without(
  split: Split,
  paths: readonly LabelledPath[],
  failed: ReadonlySet<string>,
  size: number,
): Split {
  if (failed.size === 0) return split;
  return selectImages(split, [...paths.keys()].filter((i) => !failed.has(paths[i]!.path)), size);
}

/** Images that would belong to the set but are not in it, by format. */
function countLeftOut(
  { others }: TreeIndex,
  { regions }: ImagePlan,
  failed: ReadonlySet<string>,
): Record<string, number> | undefined {
  const counts: Record<string, number> = {};
  for (const path of others) {
    if (!isWithin(path, regions)) continue;
    const format = otherFormatOf(path)!;
    counts[format] = (counts[format] ?? 0) + 1;
  }
  if (failed.size > 0) counts.undecodable = failed.size;
  return Object.keys(counts).length > 0 ? counts : undefined;
}

/** Folders where classes are expected, with files but no images by their names: they may be images all the same. */
function bareFolders({ images, others, rest }: TreeIndex, { regions = [] }: ImagePlan): string[] {
  const classOf = (path: string, region: string) => {
    const end = path.indexOf("/", region.length);
    return end < 0 ? undefined : path.slice(0, end + 1);
  };
  const bare = new Set<string>();
  for (const region of regions) {
    const within = (paths: readonly string[]) =>
      paths.filter((path) => path.startsWith(region)).flatMap((path) => classOf(path, region) ?? []);
    const known = new Set(within([...images, ...others]));
    for (const folder of within(rest)) if (!known.has(folder)) bare.add(folder);
  }
  const shown = [...bare].slice(0, 3).join(", ");
  return bare.size === 0
    ? []
    : [`no images by their names in ${shown}${bare.size > 3 ? ", …" : ""}; left out`];
}

function isWithin(path: string, regions: ImagePlan["regions"]): boolean {
  return !regions || regions.some((region) => path.startsWith(region));
}

function leftOutNotice(
  { images, others }: TreeIndex,
  { regions }: ImagePlan,
  leftOut: Readonly<Record<string, number>>,
): string {
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  const known = new Set(images.map(folderOf));
  const bare = [...new Set(others.filter((path) => isWithin(path, regions)).map(folderOf))].filter((folder) =>
    !known.has(folder)
  );
  const total = Object.values(leftOut).reduce((sum, count) => sum + count, 0);
  const formats = Object.entries(leftOut).map(([format, count]) => `${format} ${count}`).join(", ");
  const emptied = bare.length > 0
    ? `; no others in ${bare.slice(0, 5).join(", ")}${bare.length > 5 ? ", …" : ""}`
    : "";
  return `${total} image ${total === 1 ? "file is" : "files are"} left out: ${formats}${emptied}`;
}

function emptySplit(paths: readonly LabelledPath[], bytes: number): Split {
  return {
    images: new Uint8Array(paths.length * bytes),
    labels: Int32Array.from(paths, ({ label }) => label),
    count: paths.length,
  };
}

/** Decodes every wanted image and writes its planes to each of its places. Gives the paths left out. */
async function decodeInto(
  targets: ReadonlyMap<string, readonly Uint8Array[]>,
  tree: FileTree,
  prefix: string,
  size: ImageSize,
  { onProgress, codec: given, undecodable }: ImageSetOptions,
): Promise<ReadonlySet<string>> {
  const codec = given ?? await createImageCodec();
  const failed = new Set<string>();
  let done = 0;
  for await (const file of tree.walk()) {
    const path = file.path.slice(prefix.length);
    const places = file.path.startsWith(prefix) ? targets.get(path) : undefined;
    if (!places) continue;
    const bytes = await file.bytes();
    try {
      const { data } = codec.fit(await codec.decode(`${tree.source}: ${file.path}`, bytes), size);
      for (const target of places) writePlanes(target, data);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (undecodable !== "skip") {
        throw new InputError(`${error.message}; undecodable=skip leaves such images out`, { cause: error });
      }
      failed.add(path);
    }
    onProgress?.(++done, targets.size);
  }
  return failed;
}

/** Four bytes a pixel to one plane a channel; a single channel is the first, gray images have all alike. */
function writePlanes(target: Uint8Array, rgba: Uint8Array | Uint8ClampedArray): void {
  const pixels = rgba.length / 4;
  for (let c = 0; c * pixels < target.length; c++) {
    for (let p = 0; p < pixels; p++) target[c * pixels + p] = rgba[4 * p + c]!;
  }
}

function chooseSize(headers: readonly ImageHeader[], { size, onNotice }: ImageSetOptions): ImageSize {
  if (size !== undefined) return { height: size, width: size };
  const counts = new Map<string, number>();
  for (const { width, height } of headers) {
    const key = `${width}x${height}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [common] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const [width, height] = common ? common[0].split("x").map(Number) as [number, number] : [1, 1];
  const side = Math.max(width, height) > DEFAULT_SIDE ? DEFAULT_SIDE : undefined;
  const chosen = { height: side ?? height, width: side ?? width };
  if (counts.size > 1 || side !== undefined) {
    onNotice?.(
      `found images of ${counts.size} sizes, most often ${width}x${height}; ` +
        `resizing to ${chosen.width}x${chosen.height} (choose with size=)`,
    );
  }
  return chosen;
}
