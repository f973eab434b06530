/**
 * Finding and reading the files of a backbone: weights in safetensors or ONNX, alone or in a folder as the Hugging
 * Face hub has them, and the facts beside them.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { externalFiles, readOnnxWeights } from "../weights/onnx_weights.ts";
import { readSafetensors, type SafetensorsContent } from "../weights/safetensors.ts";
import { parseCard } from "./card.ts";
import type { BackboneFacts } from "./facts.ts";
import { isFile, isFolder, listFiles, readBytes, readText } from "./files.ts";
import { isHubConfig, parsePreprocessor } from "./hugging_face.ts";

/** Key of an ONNX model's metadata under which a card is found. */
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
  return path.replace(/\.(safetensors|onnx)$/, "");
}

/**
 * The weight file that a path means: itself, or the one in a folder.
 *
 * @throws {InputError} If there is none in the folder, or several without one called `model`
 */
export async function findWeights(path: string): Promise<BackboneFiles> {
  if (!await isFolder(path)) return { weights: path, id: withoutExtension(baseName(path)) };
  const all = await listFiles(path);
  const names = all.filter((name) => /\.(safetensors|onnx)$/.test(name));
  const usual = ["model.safetensors", "model.onnx"].find((name) => names.includes(name));
  const [only, ...others] = usual ? [usual] : names;
  if (only === undefined || others.length > 0) {
    throw new InputError(
      `Cannot load ${path}: found ${names.length === 0 ? "no weights" : names.join(", ")}, ` +
        "wanted one .safetensors or .onnx file, or one called model",
    );
  }
  return { weights: `${path.replace(/[/\\]+$/, "")}/${only}`, id: baseName(path) };
}

/**
 * The content of a weight file, by its extension.
 *
 * @param external Other files of an ONNX model
 * @throws {InputError} If it is unsound
 */
export function readWeights(
  bytes: Uint8Array,
  file: string,
  external: ReadonlyMap<string, Uint8Array> = new Map(),
): SafetensorsContent {
  return file.endsWith(".onnx")
    ? readOnnxWeights(bytes, { file, finite: true, external })
    : readSafetensors(bytes, { file, finite: true });
}

/**
 * Reads a weight file, and the files beside it in which an ONNX model keeps its values.
 *
 * @throws {InputError} If a file cannot be read or is unsound
 */
export async function readWeightFile(path: string): Promise<SafetensorsContent> {
  const other = /\.(bin|ckpt|h5|npz|pkl|pt|pth)$/.exec(path)?.[0];
  if (other) {
    throw new InputError(
      `Cannot load ${path}: found a ${other} file, wanted .safetensors or .onnx; ` +
        "PyTorch writes it with safetensors.torch.save_file(model.state_dict(), path)",
    );
  }
  const bytes = await readBytes(path);
  const external = new Map<string, Uint8Array>();
  for (const name of path.endsWith(".onnx") ? externalFiles(bytes, { file: path }) : []) {
    if (name === "" || /[/\\]|^\.\.?$/.test(name)) {
      throw new InputError(
        `Cannot read ${path}: found values in the file ${
          JSON.stringify(name)
        }, wanted a file of the same folder`,
      );
    }
    external.set(name, await readBytes(`${folderOf(path)}${name}`));
  }
  return readWeights(bytes, path, external);
}

/**
 * The facts about a weight file: from the given card; else from the card of its name; else from `config.json` and
 * `preprocessor_config.json` in its folder; else from its metadata.
 *
 * @returns The facts and where they come from
 * @throws {InputError} If a file is unsound
 */
export async function findFacts(
  weights: string,
  given: string | undefined,
  metadata: Readonly<Record<string, string>>,
): Promise<{ readonly facts: BackboneFacts; readonly source?: string }> {
  const folder = folderOf(weights);
  const beside = `${withoutExtension(weights)}.json`;
  const path = given ??
    (await isFile(beside)
      ? beside
      : await isFile(`${folder}${CONFIG}`) || await isFile(`${folder}${PREPROCESSOR}`)
      ? `${folder}${CONFIG}`
      : undefined);
  if (path === undefined) {
    const text = metadata[CARD_KEY];
    if (text === undefined) return { facts: { config: {}, pixels: {} } };
    const source = `the metadata of ${weights}`;
    return { facts: parseCard(text, source), source };
  }
  const isAlone = given === undefined && !await isFile(path);
  const text = isAlone ? undefined : await readText(path);
  const facts = text === undefined ? { config: {}, pixels: {} } : parseCard(text, path);
  const preprocessor = `${folderOf(path)}${PREPROCESSOR}`;
  const isHub = text === undefined || isHubConfig(JSON.parse(text));
  if (!isHub || !await isFile(preprocessor)) return { facts, source: path };
  const { mean, std } = parsePreprocessor(await readText(preprocessor), preprocessor);
  const pixels = { mean: mean ?? facts.pixels.mean, std: std ?? facts.pixels.std };
  return { facts: { ...facts, pixels }, source: isAlone ? preprocessor : `${path} and ${preprocessor}` };
}
