/**
 * The backbones that come with the program, by name.
 *
 * @module
 */
import { type Backbone, InputError, loadBackbone } from "../mod.ts";

const folder = new URL("../fixtures/backbones/", import.meta.url);

/** Names of the shipped backbones. */
export const shippedBackbones: readonly string[] = ["nano"];

/**
 * Opens a shipped backbone by its name, or any other by the path of its weight file.
 *
 * @throws {InputError} If there is no such name or file
 */
export async function openBackbone(idOrPath: string): Promise<Backbone> {
  if (shippedBackbones.includes(idOrPath)) {
    return await loadBackbone(decodeURIComponent(new URL(`${idOrPath}.safetensors`, folder).pathname));
  }
  if (!/[/\\.]/.test(idOrPath)) {
    throw new InputError(
      `Cannot open backbone "${idOrPath}": wanted ${
        shippedBackbones.join(", ")
      } or the path of a .safetensors file`,
    );
  }
  return await loadBackbone(idOrPath);
}
