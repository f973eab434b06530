/**
 * Data sets whose images are files: a plan says which file belongs to which class and split, the rest is the same
 * for all of them. Two walks over the tree, one for names, sizes and texts, one for pixels, so that what lies in
 * memory is the result and one file.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createDataset, type Dataset, imageSize, type Split } from "../dataset.ts";
import { createImageCodec, type ImageCodec, type ImageSize } from "./codec.ts";
import { type ImageHeader, readImageHeader } from "./header.ts";
import type { FileTree } from "../files/tree.ts";

/** An image file and its class number. */
export interface LabelledPath {
  readonly path: string;
  readonly label: number;
}

/** Which files make a data set, in the order of the result. */
export interface ImagePlan {
  readonly classNames: readonly string[];
  readonly train: readonly LabelledPath[];
  readonly test: readonly LabelledPath[];
  /** Whether black and white change places. */
  readonly inverted?: boolean;
  /** What the layout decided for the user. */
  readonly notice?: string;
}

/** How one kind of data set lays out its files. */
export interface ImageLayout {
  /** The folder that paths are relative to: all of the tree, the deepest with all images, or that of a text file. */
  readonly root: "tree" | "images" | { readonly anchor: string };
  /**
   * Chooses the files.
   *
   * @throws {InputError} If files are not as the layout wants them
   */
  plan(index: TreeIndex): ImagePlan;
}

/** What a plan is made from. Paths are relative to the folder that holds everything, texts outside it are unknown. */
export interface TreeIndex {
  readonly source: string;
  /** Paths of all images, sorted. */
  readonly images: readonly string[];
  /**
   * A text file.
   *
   * @throws {InputError} If there is none of that name
   */
  text(path: string): string;
  /** Whether there is a text file of that name. */
  hasText(path: string): boolean;
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
}

/** Largest side of the default size. */
const DEFAULT_SIDE = 64;
/** Largest result: what a typed array and a laptop hold. */
const MAX_RESULT_BYTES = 2 ** 32;
const MAX_TEXT_BYTES = 2 ** 26;
const IMAGE_FILE = /\.(jpe?g|png)$/i;

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
  const plan = layout.plan(index);
  if (plan.notice) options.onNotice?.(plan.notice);
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
  await decodeInto(targets, tree, prefix, { height, width }, options);
  if (plan.inverted) {
    for (const { images } of [splits.train, splits.test]) {
      images.forEach((value, i) => images[i] = 255 - value);
    }
  }
  return createDataset({ name, channels, height, width, classNames: plan.classNames, ...splits });
}

function emptySplit(paths: readonly LabelledPath[], bytes: number): Split {
  return {
    images: new Uint8Array(paths.length * bytes),
    labels: Int32Array.from(paths, ({ label }) => label),
    count: paths.length,
  };
}

/** Decodes every wanted image and writes its planes to each of its places. */
async function decodeInto(
  targets: ReadonlyMap<string, readonly Uint8Array[]>,
  tree: FileTree,
  prefix: string,
  size: ImageSize,
  { onProgress, codec: given }: ImageSetOptions,
): Promise<void> {
  const codec = given ?? await createImageCodec();
  let done = 0;
  for await (const file of tree.walk()) {
    const places = file.path.startsWith(prefix) ? targets.get(file.path.slice(prefix.length)) : undefined;
    if (!places) continue;
    const image = await codec.decode(`${tree.source}: ${file.path}`, await file.bytes());
    const { data } = codec.fit(image, size);
    for (const target of places) writePlanes(target, data);
    onProgress?.(++done, targets.size);
  }
}

/** Four bytes a pixel to one plane a channel; a single channel is the first, gray images have all alike. */
function writePlanes(target: Uint8Array, rgba: Uint8Array | Uint8ClampedArray): void {
  const pixels = rgba.length / 4;
  for (let c = 0; c * pixels < target.length; c++) {
    for (let p = 0; p < pixels; p++) target[c * pixels + p] = rgba[4 * p + c]!;
  }
}

/** First walk. Images whose header cannot be read have none; decoding them will say why, if they are wanted. */
async function indexTree(tree: FileTree, root: ImageLayout["root"]): Promise<{
  readonly index: TreeIndex;
  readonly headers: ReadonlyMap<string, ImageHeader | undefined>;
  readonly prefix: string;
}> {
  const found = new Map<string, ImageHeader | undefined>();
  const foundTexts = new Map<string, string>();
  for await (const file of tree.walk()) {
    if (IMAGE_FILE.test(file.path)) found.set(file.path, headerOf(file.path, await file.bytes()));
    if (file.path.endsWith(".txt") && file.size <= MAX_TEXT_BYTES) {
      foundTexts.set(file.path, new TextDecoder().decode(await file.bytes()));
    }
  }
  const prefix = typeof root === "object"
    ? folderOf(root.anchor, [...foundTexts.keys()], tree.source)
    : root === "images"
    ? commonFolder([...found.keys()])
    : "";
  const strip = <T>(map: ReadonlyMap<string, T>) =>
    new Map(
      [...map].flatMap(([path, value]) =>
        path.startsWith(prefix) ? [[path.slice(prefix.length), value] as const] : []
      ),
    );
  const headers = strip(found), texts = strip(foundTexts);
  const index: TreeIndex = {
    source: tree.source,
    images: [...headers.keys()].sort(),
    hasText: (path) => texts.has(path),
    text(path) {
      const text = texts.get(path);
      if (text !== undefined) return text;
      throw new InputError(`Cannot read ${tree.source}: found no ${path}`);
    },
  };
  return { index, headers, prefix };
}

function headerOf(source: string, bytes: Uint8Array): ImageHeader | undefined {
  try {
    return readImageHeader(source, bytes);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** The folder of the file called `name`, with a slash at its end; of several, the one nearest to the top. */
function folderOf(name: string, paths: readonly string[], source: string): string {
  const depth = (path: string) => path.split("/").length;
  const [nearest] = paths.filter((path) => `/${path}`.endsWith(`/${name}`)).sort((a, b) =>
    depth(a) - depth(b)
  );
  if (nearest === undefined) throw new InputError(`Cannot read ${source}: found no ${name}`);
  return nearest.slice(0, -name.length);
}

/** The deepest folder, with a slash at its end, in which all images lie at least one folder down. */
function commonFolder(paths: readonly string[]): string {
  const parentOf = (folder: string) => folder.replace(/[^/]*\/$/, "");
  let prefix = parentOf(paths[0]?.replace(/[^/]*$/, "") ?? "");
  for (const path of paths) {
    while (!path.startsWith(prefix) || (prefix !== "" && !path.slice(prefix.length).includes("/"))) {
      prefix = parentOf(prefix);
    }
  }
  return prefix;
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
