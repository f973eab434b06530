/**
 * Links that became texts: Git writes a symbolic link as a file that holds its target where links are not allowed.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { FileTree } from "./tree.ts";

const MAX_LINK_BYTES = 1024;

/**
 * Says that links were lost, if a tree without images has such texts.
 *
 * @throws {InputError} If it has
 */
export async function refuseLostLinks(tree: FileTree): Promise<void> {
  for await (const file of tree.walk()) {
    if (file.size > MAX_LINK_BYTES || /\.[^/]*$/.test(file.path.slice(file.path.lastIndexOf("/") + 1))) {
      continue;
    }
    const text = new TextDecoder().decode(await file.bytes());
    if (!/^\.{1,2}\/[^\n\0]+$/.test(text)) continue;
    throw new InputError(
      `Cannot read ${tree.source}: found ${file.path}, a text with the path ${text}, which was a link once; ` +
        "wanted links or folders (git config core.symlinks true, then check out again)",
    );
  }
}
