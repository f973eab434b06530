/**
 * What lies under the name of weights when it is none: pointers of Git LFS where a clone fetched no files, pages that a
 * server sent instead, and the formats of other tools. Saying so helps; parsing them as weights does not.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";

/** How to get what is read here from PyTorch. */
export const SAVE_ADVICE = "PyTorch writes it with safetensors.torch.save_file(model.state_dict(), path)";

const texts: readonly (readonly [start: RegExp, what: string])[] = [
  [
    /^version https?:\/\/[\w.-]*git-lfs/,
    'a pointer of Git LFS and not the file itself ("git lfs pull" fetches it)',
  ],
  [
    /^\s*<(!doctype|html|head|body)\b/i,
    "an HTML page, as servers send instead of a file that they do not give",
  ],
  [/^\s*<\?xml\b/i, "an XML document, as servers send instead of a file that they do not give"],
];

/** What a text is instead of what it should be, if that can be seen. */
export function foreignText(text: string): string | undefined {
  const start = text.slice(0, 200).replace(/^\uFEFF/, "");
  return texts.find(([pattern]) => pattern.test(start))?.[1];
}

const signatures: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive, as PyTorch's own files are"],
  [[0x50, 0x4b, 0x05, 0x06], "an empty zip archive"],
  [[0x1f, 0x8b], "a gzip archive"],
  [[0x89, 0x48, 0x44, 0x46], "an HDF5 file, as Keras writes them"],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "an array of NumPy"],
  [[0x47, 0x47, 0x55, 0x46], "a GGUF file"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF document"],
  [[0x89, 0x50, 0x4e, 0x47], "a PNG image"],
  [[0x28, 0xb5, 0x2f, 0xfd], "a Zstandard archive"],
  [[0x37, 0x7a, 0xbc, 0xaf], "a 7-Zip archive"],
  [[0x42, 0x5a, 0x68], "a bzip2 archive"],
];

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

/** A pickle begins with its version, and the first of old PyTorch files is a number of eleven bytes. */
function isPickle(bytes: Uint8Array): boolean {
  const [first = 0, version = 0, next = 0] = bytes;
  return first === 0x80 && version >= 2 && version <= 5 &&
    [0x8a, 0x7d, 0x63, 0x95, 0x5d, 0x28].includes(next);
}

/** What bytes are instead of weights, if that can be seen. */
export function foreignKind(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "an empty file";
  const start = new TextDecoder().decode(bytes.subarray(0, 200));
  const text = foreignText(start);
  if (text) return text;
  if (/^\s*\{\s*"/.test(start)) return "a JSON text";
  const found = signatures.find(([start]) => startsWith(bytes, start));
  if (found) return found[1];
  return isPickle(bytes) ? "a pickle of Python, as PyTorch's own files were" : undefined;
}

/**
 * Refuses what is no weights by what it is.
 *
 * @param wanted What the file should be
 * @throws {InputError} If it is something else that can be told
 */
export function checkForeign(bytes: Uint8Array, file: string, wanted: string): void {
  const found = foreignKind(bytes);
  if (!found) return;
  const advice = /PyTorch/.test(found) ? `; ${SAVE_ADVICE}` : "";
  throw new InputError(`Cannot read ${file}: found ${found}, wanted ${wanted}${advice}`);
}
