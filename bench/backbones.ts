/**
 * The backbones that come with the program, by name.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { InputError } from "../src/core/mod.ts";
import { loadBackbone, type LoadOptions } from "../src/formats/mod.ts";
import { type Backbone } from "../src/nn/mod.ts";
import { exists } from "./folders.ts";

const folder = new URL("../fixtures/backbones/", import.meta.url);

/** Names of the shipped backbones. */
export const shippedBackbones: readonly string[] = ["nano", "small", "nano-procedural"];

/**
 * The path that a shipped backbone's name or a user's path means: a weight file, or a folder with one.
 *
 * @throws {InputError} If there is no such name, and no such path that looks like a name
 */
export async function backbonePath(idOrPath: string): Promise<string> {
  if (shippedBackbones.includes(idOrPath)) {
    return fileURLToPath(new URL(`${idOrPath}.safetensors`, folder));
  }
  const isName = !/[/\\.]/.test(idOrPath);
  if (isName && !await exists(idOrPath)) {
    throw new InputError(
      `Cannot open backbone "${idOrPath}": wanted ${shippedBackbones.join(", ")} or the path of ` +
        "a .safetensors or .onnx file or a folder with one",
    );
  }
  return idOrPath;
}

/**
 * Opens a shipped backbone by its name, or any other by its path.
 *
 * @throws {InputError} If there is no such backbone, or it cannot be loaded
 */
export async function openBackbone(idOrPath: string, options: LoadOptions = {}): Promise<Backbone> {
  return await loadBackbone(await backbonePath(idOrPath), options);
}
