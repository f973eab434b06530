/**
 * Finding and reading the files of a backbone: weights in safetensors or ONNX, alone or in a folder as the Hugging
 * Face hub has them, and the facts beside them.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { decodeOnnx, externalFiles, onnxWeights } from "./onnx_weights.ts";
import { readSafetensors, type SafetensorsContent } from "./safetensors.ts";
import { parseCard } from "../backbones/card.ts";
import type { BackboneFacts } from "../backbones/facts.ts";
import { checkForeign, foreignText, SAVE_ADVICE } from "./foreign.ts";
import { isIndex, isShard, joinShards, parseIndex } from "./sharded.ts";
import { isFile, isFolder, listFiles, readBytes, readText } from "./files.ts";
import { parsePreprocessor } from "../backbones/hugging_face.ts";

/** Key of a weight file's metadata under which a card is found. */
export const CARD_KEY = "card";

const CONFIG = "config.json";
const PREPROCESSOR = "preprocessor_config.json";

/** Where the parts of a backbone are. */
export interface BackboneFiles {
  readonly weights: string;
  /** Its name for people. */
  readonly id: string;
}

function folderOf(path: string): string {
  return /^.*[/\\]/.exec(path)?.[0] ?? "";
}

function baseName(path: string): string {
  return path.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "");
}

function withoutExtension(path: string): string {
  return path.replace(/\.(safetensors(\.index\.json)?|onnx)$/, "");
}

/** The name of a weight file for people: the last part of its path, without the extension. */
export function idOf(path: string): string {
  return withoutExtension(baseName(path));
}

/** @throws {InputError} If the name is that of weights in a format that cannot be read */
function checkFormat(path: string): void {
  const other = /\.(bin|ckpt|h5|keras|msgpack|npz|pkl|pt|pth)(\.index\.json)?$/.exec(path)?.[0];
  if (other) {
    throw new InputError(
      `Cannot load ${path}: found a ${other} file, wanted .safetensors or .onnx; ${SAVE_ADVICE}`,
    );
  }
}

/** The file of a folder that stands for its weights; undefined if there is none or no telling which. */
function chooseWeights(names: readonly string[]): string | undefined {
  const usual = ["model.safetensors", "model.onnx"].find((name) => names.includes(name));
  if (usual) return usual;
  const whole = names.filter((name) => !isShard(name));
  return whole.length === 1 ? whole[0] : undefined;
}

/**
 * The weight file that a path means: itself, or the one in a folder, which may be the index of several.
 *
 * @throws {InputError} If there is none in the folder, or several without one called `model`
 */
export async function findWeights(path: string): Promise<BackboneFiles> {
  if (!await isFolder(path)) return { weights: path, id: idOf(path) };
  const folder = path.replace(/[/\\]+$/, "");
  const all = await listFiles(path);
  const names = all.filter((name) => /\.(safetensors|onnx)$/.test(name) || isIndex(name));
  if (names.length === 0) all.forEach((name) => checkFormat(`${folder}/${name}`));
  const only = chooseWeights(names);
  if (only === undefined) {
    const parts = names.filter(isShard);
    throw new InputError(
      parts.length > 0 && parts.length === names.length
        ? `Cannot load ${path}: found ${listed(parts)}, which are parts of a model, and no index, ` +
          "wanted model.safetensors.index.json beside them"
        : `Cannot load ${path}: found ${names.length === 0 ? "no weights" : listed(names)}, ` +
          "wanted one .safetensors or .onnx file, or one called model",
    );
  }
  return { weights: `${folder}/${only}`, id: baseName(path) };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/**
 * The content of a weight file that has all values in it, by its extension.
 *
 * @throws {InputError} If it is unsound
 */
export function readWeights(bytes: Uint8Array, file: string): SafetensorsContent {
  const options = { file, finite: true };
  checkForeign(bytes, file, file.endsWith(".onnx") ? "an ONNX model" : "safetensors");
  return file.endsWith(".onnx")
    ? onnxWeights(decodeOnnx(bytes, options), options)
    : readSafetensors(bytes, options);
}

/** The path of a file of external data below the model's folder; undefined if it leads elsewhere. */
function pathBelow(location: string): string | undefined {
  const parts = location.split("/").filter((part) => part !== "." && part !== "");
  const leaves = location.startsWith("/") || /[\\\0]|^[A-Za-z]:/.test(location) || parts.includes("..");
  return leaves || parts.length === 0 ? undefined : parts.join("/");
}

async function readOnnx(path: string): Promise<SafetensorsContent> {
  const bytes = await readBytes(path);
  checkForeign(bytes, path, "an ONNX model");
  const model = decodeOnnx(bytes, { file: path });
  const external = new Map<string, Uint8Array>();
  for (const name of externalFiles(model)) {
    const below = pathBelow(name);
    if (below === undefined) {
      throw new InputError(
        `Cannot read ${path}: found values in the file ${
          JSON.stringify(name)
        }, wanted a file of the same folder`,
      );
    }
    const values = await readBytes(`${folderOf(path)}${below}`);
    const text = foreignText(new TextDecoder().decode(values.subarray(0, 200)));
    if (text) {
      throw new InputError(`Cannot read ${folderOf(path)}${below}: found ${text}, wanted values of ${path}`);
    }
    external.set(name, values);
  }
  return onnxWeights(model, { file: path, finite: true, external });
}

async function readSharded(path: string): Promise<SafetensorsContent> {
  const map = parseIndex(await readText(path), path);
  const parts = new Map<string, SafetensorsContent>();
  for (const name of [...new Set(map.values())].sort()) {
    const part = `${folderOf(path)}${name}`;
    parts.set(name, readWeights(await readBytes(part), part));
  }
  return joinShards(map, parts, path);
}

/**
 * Reads a weight file, and the files beside it in which the rest of it is.
 *
 * @throws {InputError} If a file cannot be read or is unsound
 */
export async function readWeightFile(path: string): Promise<SafetensorsContent> {
  checkFormat(path);
  if (path.endsWith(".onnx")) return await readOnnx(path);
  if (isIndex(path)) return await readSharded(path);
  const bytes = await readBytes(path);
  if (isShard(path)) {
    throw new InputError(
      `Cannot load ${path}: found one part of a model in several files, wanted their ` +
        ".safetensors.index.json or the folder with it",
    );
  }
  return readWeights(bytes, path);
}

/** The text that tells about a weight file, and where it comes from. */
async function findCard(
  weights: string,
  given: string | undefined,
  metadata: Readonly<Record<string, string>>,
): Promise<{ readonly text: string; readonly source: string } | undefined> {
  if (given !== undefined) return { text: await readText(given), source: given };
  for (const path of [`${withoutExtension(weights)}.json`, `${folderOf(weights)}${CONFIG}`]) {
    if (await isFile(path)) return { text: await readText(path), source: path };
  }
  const text = metadata[CARD_KEY];
  return text === undefined ? undefined : { text, source: `the metadata of ${weights}` };
}

/**
 * The facts about a weight file: from the given card; else from the card of its name; else from `config.json` in its
 * folder; else from its metadata. Pixel statistics that these do not state are those of `preprocessor_config.json`
 * beside them.
 *
 * @returns The facts and where they come from
 * @throws {InputError} If a file is unsound
 */
export async function findFacts(
  weights: string,
  given: string | undefined,
  metadata: Readonly<Record<string, string>>,
): Promise<{ readonly facts: BackboneFacts; readonly source?: string }> {
  const card = await findCard(weights, given, metadata);
  const facts = card ? parseCard(card.text, card.source) : { config: {}, pixels: {} };
  const { mean, std } = facts.pixels;
  const preprocessor = `${folderOf(given ?? weights)}${PREPROCESSOR}`;
  if ((mean && std) || !await isFile(preprocessor)) return { facts, ...(card && { source: card.source }) };
  const found = parsePreprocessor(await readText(preprocessor), preprocessor);
  const pixels = { mean: mean ?? found.mean, std: std ?? found.std };
  return {
    facts: { ...facts, pixels },
    source: card ? `${card.source} and ${preprocessor}` : preprocessor,
  };
}
