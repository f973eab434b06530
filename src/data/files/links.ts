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
  const byTarget = resolveAll(source, links);
  const unanswered = new Set(links);
  let own = 0, repeated = 0;
  for await (const file of files) {
    own += file.size;
    const places = placesOf(file.path, byTarget);
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

/** Every place where a file is seen through a link to it or to a folder above it. */
function* placesOf(path: string, byTarget: ReadonlyMap<string, readonly ArchiveLink[]>) {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    for (const link of byTarget.get(path.slice(0, end)) ?? []) {
      yield { path: link.path + path.slice(end), link };
    }
  }
}

/** Links by what they lead to in the end. */
function resolveAll(source: string, links: readonly ArchiveLink[]): Map<string, ArchiveLink[]> {
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  const byTarget = new Map<string, ArchiveLink[]>();
  for (const link of links) {
    const target = resolve(source, link, targets);
    if (target === undefined || target === "") continue;
    byTarget.set(target, [...byTarget.get(target) ?? [], link]);
  }
  return byTarget;
}

function resolve(
  source: string,
  link: ArchiveLink,
  targets: ReadonlyMap<string, string | undefined>,
): string | undefined {
  let path = link.target;
  for (let hops = 0; path !== undefined; hops++) {
    const end = linkedPart(path, targets);
    if (end === undefined) return path;
    if (hops >= MAX_HOPS) {
      throw new InputError(`Cannot read ${source}: found ${link.path}, a link in a circle, wanted a file`);
    }
    const target = targets.get(path.slice(0, end));
    path = target === undefined ? undefined : plainPath([target, ...path.slice(end).split("/")]);
  }
  return undefined;
}

/** Length of the part of a path that is itself a link. */
function linkedPart(path: string, targets: ReadonlyMap<string, string | undefined>): number | undefined {
  for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
    if (targets.has(path.slice(0, end))) return end;
  }
  return targets.has(path) ? path.length : undefined;
}
