/**
 * The folders of a set of images, with how many lie in and below each: what a layout decides by.
 *
 * @module
 */

/** A folder that holds images, directly or further down. */
export interface ImageFolder {
  readonly name: string;
  /** Path with a slash at its end; empty at the top. */
  readonly path: string;
  /** Paths of the images directly in it. */
  readonly images: readonly string[];
  /** The folders in it that hold images, by name. */
  readonly folders: ReadonlyMap<string, ImageFolder>;
  /** Images in it and below. */
  readonly count: number;
}

interface Growing {
  readonly name: string;
  readonly path: string;
  readonly images: string[];
  readonly folders: Map<string, Growing>;
  count: number;
}

/** Images beside the class folders are stray if the class folders hold at least so many times as many. */
const STRAY_RATIO = 4;

/** Builds the tree of folders of some paths. */
export function folderTreeOf(paths: readonly string[]): ImageFolder {
  const grow = (name: string, path: string): Growing => ({
    name,
    path,
    images: [],
    folders: new Map(),
    count: 0,
  });
  const top = grow("", "");
  for (const path of paths) {
    let folder = top;
    folder.count++;
    for (const name of path.split("/").slice(0, -1)) {
      const next = folder.folders.get(name) ?? grow(name, `${folder.path}${name}/`);
      folder.folders.set(name, next);
      folder = next;
      folder.count++;
    }
    folder.images.push(path);
  }
  return top;
}

/** The folders in a folder. */
export function childrenOf(folder: ImageFolder): ImageFolder[] {
  return [...folder.folders.values()];
}

/** Whether `few` images are too few beside `many` to be data themselves. */
export function areStray(few: number, many: number): boolean {
  return few * STRAY_RATIO <= many;
}

/** Whether a folder holds folders of images, and beside them at most stray images. */
export function holdsFolders({ images, folders, count }: ImageFolder): boolean {
  return folders.size > 0 && areStray(images.length, count - images.length);
}
