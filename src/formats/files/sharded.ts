/**
 * Models in several safetensors files, as transformers saves large ones: `model.safetensors.index.json` tells in which
 * file each tensor is.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { checkJson, parseJson } from "./files.ts";
import type { IntegerTensor, SafetensorsContent } from "./safetensors.ts";
import { show } from "./safetensors.ts";
import type { HostTensor } from "../../core/tensors.ts";
import { findDuplicateKey } from "./json_keys.ts";

const index = z.object({
  metadata: z.record(z.string(), z.unknown()).nullish(),
  weight_map: z.record(z.string(), z.string()),
});

/** Whether a name is that of an index. */
export function isIndex(path: string): boolean {
  return path.endsWith(".safetensors.index.json");
}

/** Whether a name is that of one part of a model. */
export function isShard(path: string): boolean {
  return /-\d{5}-of-\d{5}\.safetensors$/.test(path);
}

/** The file of each tensor by the tensor's name. */
export type ShardMap = ReadonlyMap<string, string>;

/**
 * Reads an index.
 *
 * @throws {InputError} If it is none, or names files outside its folder
 */
export function parseIndex(text: string, file: string): ShardMap {
  const { weight_map: map } = checkJson(index, parseJson(text, file), file);
  const twice = findDuplicateKey(text);
  if (twice !== undefined) {
    throw new InputError(`Cannot read ${file}: found the key ${show(twice)} twice, wanted it once`);
  }
  for (const name of new Set(Object.values(map))) {
    if (!/^[^/\\]+\.safetensors$/.test(name)) {
      throw new InputError(
        `Cannot read ${file}: found parts in ${show(name)}, wanted .safetensors files beside it`,
      );
    }
  }
  if (Object.keys(map).length === 0) {
    throw new InputError(`Cannot read ${file}: found no tensors, wanted some`);
  }
  return new Map(Object.entries(map));
}

/**
 * One content from those of all files.
 *
 * @param parts By the name of the file
 * @throws {InputError} If a tensor is not in the file that the index says, or in two
 */
export function joinShards(
  map: ShardMap,
  parts: ReadonlyMap<string, SafetensorsContent>,
  file: string,
): SafetensorsContent {
  const tensors: Record<string, HostTensor> = {};
  const integers: Record<string, IntegerTensor> = {};
  const names = new Set<string>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [part, content] of parts) {
    metadata = { ...metadata, ...content.metadata };
    const add = <T>(found: Readonly<Record<string, T>>, all: Record<string, T>) => {
      for (const [name, tensor] of Object.entries(found)) {
        if (map.has(name) && map.get(name) !== part) continue;
        if (names.has(name)) {
          throw new InputError(
            `Cannot read ${file}: found the tensor ${show(name)} in two files, wanted it in one`,
          );
        }
        names.add(name);
        all[name] = tensor;
      }
    };
    add(content.tensors, tensors);
    add(content.integers, integers);
  }
  for (const [name, part] of map) {
    if (!names.has(name)) {
      throw new InputError(
        `Cannot read ${file}: found no tensor ${show(name)} in ${show(part)}, wanted it there`,
      );
    }
  }
  return { tensors, integers, metadata };
}
