/**
 * Duplicate keys in JSON text. `JSON.parse` keeps the last of them silently; in a weight file that would let one
 * name stand for two tensors.
 *
 * @module
 */

/** Index of the quote that ends the string that begins at `start`. A pattern would exhaust the stack on long ones. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** The first key that an object of the text has twice. The text must be valid JSON. */
export function findDuplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let previous = "";
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
      case "[":
        open.push(new Set());
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        previous = text.slice(at, end + 1);
        at = end;
        break;
      }
      case ":": {
        const key = JSON.parse(previous) as string;
        const keys = open[open.length - 1]!;
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
  }
  return undefined;
}
