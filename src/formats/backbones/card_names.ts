/**
 * Name maps that users write: from the names in their file to ours, as plain text.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { NameMap, NameRule } from "./name_map.ts";
import { withRank } from "./transforms.ts";

const PLACEHOLDER = /(\{block\}|\{kind\})/;

const THIRD = /^(blocks\.(?:\{block\}|\d+)\.attn\.)([qkv])(\.(?:\{kind\}|weight|bias))$/;

/** Names that stand for a third of our fused projection. */
const thirds: Readonly<Record<string, 0 | 1 | 2>> = { q: 0, k: 1, v: 2 };

function ruleOf(from: string, to: string | null, file: string): NameRule {
  const parts = from.split(PLACEHOLDER);
  const placeholders = parts.filter((part) => PLACEHOLDER.test(part));
  const isSound = new Set(placeholders).size === placeholders.length &&
    (to === null || placeholders.every((part) => to.split(part).length === 2));
  if (!isSound) {
    throw new InputError(
      `Cannot use the names for ${file}: found ${JSON.stringify(from)} to ${JSON.stringify(to)}, ` +
        "wanted {block} and {kind} once each on both sides, or on neither",
    );
  }
  const pattern = parts.map((part) => PLACEHOLDER.test(part) ? part : part.replace(/[^\w.-]/g, "\\$&")).join(
    "",
  );
  if (to === null) return { from: pattern };
  const [, start, letter, end] = THIRD.exec(to) ?? [];
  if (letter !== undefined) return { from: pattern, to: `${start}qkv${end}`, third: thirds[letter]! };
  const isToken = to === "cls_token" || to === "pos_embed";
  return { from: pattern, to, ...(isToken && { transform: withRank(3) }) };
}

/**
 * A name map from pairs of names. `{block}` stands for a block's number, `{kind}` for weight or bias; a name that is
 * not needed goes to `null`; `blocks.{block}.attn.q.{kind}`, `k` and `v` are thirds of our `qkv`.
 *
 * @param file Named in errors
 * @throws {InputError} If a placeholder is missing on a side or used twice
 */
export function nameMapOf(names: Readonly<Record<string, string | null>>, file: string): NameMap {
  return { id: "card", rules: Object.entries(names).map(([from, to]) => ruleOf(from, to, file)) };
}
