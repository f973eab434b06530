/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="dom.asynciterable" />
/**
 * Reads what the page carries.
 *
 * @module
 */
import type { BoardRun, RunDetail } from "../../../src/protocol/mod.ts";
import type { Payload, SectionRest } from "../payload.ts";

/** A run, and the address of its record from the page where that is safe to give. */
export type LinkedRun = BoardRun & { readonly href?: string };

async function unpack<T>(id: string): Promise<T> {
  const text = document.getElementById(id)?.textContent ?? "";
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return await new Response(stream).json();
}

/** Decodes base64, by the browser's own means where it has them. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (fromBase64) return fromBase64.call(Uint8Array, text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** The board, but for the bulk of its sections. */
export function loadBoard(): Promise<Payload> {
  return unpack("board");
}

/** The bulk of a section, by its place. */
export function loadSection(index: number): Promise<SectionRest> {
  return unpack(`section-${index}`);
}

/** Finds details of runs, which are unpacked when one is asked for. */
export function detailFinder(packs: Payload["packs"]): (name: string) => Promise<RunDetail | undefined> {
  const places = new Map(packs.flatMap((names, i) => names.map((name) => [name, i] as const)));
  const opened = new Map<number, Promise<readonly RunDetail[]>>();
  return async (name) => {
    const place = places.get(name);
    if (place === undefined) return undefined;
    if (!opened.has(place)) opened.set(place, unpack(`pack-${place}`));
    return (await opened.get(place)!).find((detail) => detail.name === name);
  };
}
