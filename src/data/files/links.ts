/**
 * Links in archives. A link stands for a file or folder of the same archive, whose content may come earlier or later,
 * so links are collected in one walk and answered in a second. Nothing outside the archive is ever read.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { isImageName, otherFormatOf } from "../images/formats.ts";
import type { TreeFile } from "./tree_file.ts";

/** Links that lead to links that lead to links. */
const MAX_HOPS = 40;
/** Places in which one file is seen. */
const MAX_PLACES = 10_000;
/** How many times the archive's files all links together may repeat. */
const MAX_REPEATS = 100;

/** A link of an archive: where it is, and where it leads from the top, `undefined` if out of the archive. */
export interface ArchiveLink {
  readonly path: string;
  readonly target: string | undefined;
  /** The target as it is written, for messages. */
  readonly written: string;
}

/** Where a symbolic link leads from the top of its archive; `undefined` if out of it. */
export function symlinkTarget(path: string, written: string): string | undefined {
  if (written.startsWith("/")) return undefined;
  return plainPath([...path.split("/").slice(0, -1), ...written.split("/")]);
}

/** The plain form of a path from the top; `undefined` if it leads upwards. */
export function plainPath(parts: readonly string[]): string | undefined {
  const plain: string[] = [];
  for (const part of parts) {
    if (part === "" || part === ".") continue;
    if (part !== "..") plain.push(part);
    else if (plain.pop() === undefined) return undefined;
  }
  return plain.join("/");
}

/**
 * The files that links stand for. A link that leads nowhere is passed over if it is no image.
 *
 * @param source Path of the archive, for messages
 * @param files A fresh walk over the archive's own files
 * @throws {InputError} If a link to an image leads out of the archive, nowhere or in a circle
 */
export async function* linkedFiles(
  source: string,
  links: readonly ArchiveLink[],
  files: AsyncIterable<TreeFile>,
): AsyncGenerator<TreeFile> {
  const loop = links.find(({ target }) => target === "");
  if (loop) throw circle(source, loop);
  const byTarget = Map.groupBy(links, ({ target }) => target);
  const unanswered = new Set(links);
  let own = 0, repeated = 0;
  for await (const file of files) {
    own += file.size;
    const places = placesOf(source, file.path, byTarget);
    let content: Promise<Uint8Array> | undefined;
    for (const { path, link } of places) {
      unanswered.delete(link);
      repeated += file.size;
      if (repeated > MAX_REPEATS * Math.max(own, 2 ** 20)) {
        throw new InputError(
          `Cannot read ${source}: found links that repeat ${repeated} bytes, ` +
            `wanted at most ${MAX_REPEATS} times what they lead to`,
        );
      }
      yield { path, size: file.size, bytes: () => content ??= file.bytes() };
    }
  }
  for (const { path, written } of unanswered) {
    if (!isImageName(path) && !otherFormatOf(path)) continue;
    throw new InputError(
      `Cannot read ${source}: found ${path}, a link to ${written}, wanted a link to a file in the archive`,
    );
  }
}

/** Every place where a file is seen through links to it, to folders above it, and to such places. */
function placesOf(
  source: string,
  path: string,
  byTarget: ReadonlyMap<string | undefined, readonly ArchiveLink[]>,
): readonly { readonly path: string; readonly link: ArchiveLink }[] {
  const places: { path: string; link: ArchiveLink; hops: number }[] = [];
  const follow = (from: string, hops: number) => {
    for (let end = from.length; end > 0; end = from.lastIndexOf("/", end - 1)) {
      for (const link of byTarget.get(from.slice(0, end)) ?? []) {
        if (hops >= MAX_HOPS || places.length >= MAX_PLACES) {
          throw new InputError(
            `Cannot read ${source}: found ${link.path}, a link in a circle, wanted a file`,
          );
        }
        places.push({ path: link.path + from.slice(end), link, hops });
      }
    }
  };
  follow(path, 0);
  for (let i = 0; i < places.length; i++) follow(places[i]!.path, places[i]!.hops + 1);
  return places;
}

function circle(source: string, { path }: ArchiveLink): InputError {
  return new InputError(`Cannot read ${source}: found ${path}, a link in a circle, wanted one to a file`);
}
