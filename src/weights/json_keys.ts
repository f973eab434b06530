/**
 * Duplicate keys in JSON text. `JSON.parse` keeps the last of them silently; in a weight file that would let one
 * name stand for two tensors.
 *
 * @module
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** The first key that an object of the text has twice. The text must be valid JSON. */
export function findDuplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let previous = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key = JSON.parse(previous) as string;
      const keys = open[open.length - 1]!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    previous = token;
  }
  return undefined;
}
