/**
 * Tokens that an exporter has folded: repeated for a fixed batch, without a name, they are what is joined in front of
 * the patches.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import type { NodeProto } from "../../executors/onnx/model.ts";
import { type Constant, type Constants, isGiven } from "./onnx_constants.ts";

/** The names of class token and registers among siblings of the positions' name. */
function tokenNames(position: string): readonly [token: string, registers: string] | undefined {
  if (position.endsWith("encoder.pos_embedding")) {
    const stem = position.slice(0, -"encoder.pos_embedding".length);
    return [`${stem}class_token`, `${stem}reg_token`];
  }
  if (position.endsWith("position_embedding.weight")) {
    const stem = position.slice(0, -"position_embedding.weight".length);
    return [`${stem}class_embedding`, `${stem}register_tokens`];
  }
  const [, stem, isLong] = /^(.*)pos(ition)?_embed(?:ding)?s?$/.exec(position) ?? [];
  return stem === undefined
    ? undefined
    : [`${stem}cls_token`, `${stem}${isLong ? "register_tokens" : "reg_token"}`];
}

/** [batch, tokens, width] that are equal for every image as [1, tokens, width]. */
function foldBatch({ shape, data }: HostTensor): HostTensor | undefined {
  const [batch, tokens, width] = shape;
  if (shape.length !== 3 || !batch || !tokens || !width) return undefined;
  const size = tokens * width;
  return data.every((value, i) => Object.is(value, data[i % size]))
    ? hostTensor([1, tokens, width], data.slice(0, size))
    : undefined;
}

/** A token under the name that it had, and the array that it comes from. */
interface FoldedToken {
  readonly name: string;
  readonly tensor: HostTensor;
  readonly root: string;
}

/** Class token and registers without names of their own, as far as the graph joins them to the patches. */
export function foldedTokens(
  named: ReadonlyMap<string, HostTensor>,
  { known }: Constants,
  nodes: readonly NodeProto[],
): FoldedToken[] {
  const names = [...named.keys()].map(tokenNames).find((found) => found !== undefined);
  if (!names) return [];
  const tokenAt = (name: string | undefined): { constant: Constant; tensor: HostTensor } | undefined => {
    const constant = known.get(name ?? "");
    const tensor = constant && !isGiven(constant.name) ? foldBatch(constant.tensor) : undefined;
    return constant && tensor && { constant, tensor };
  };
  const found = new Map<string, FoldedToken>();
  const add = (name: string, token: ReturnType<typeof tokenAt>) => {
    if (!token || named.has(name) || found.has(name)) return;
    found.set(name, { name, tensor: token.tensor, root: token.constant.root });
  };
  for (const { opType, input } of nodes) {
    if (opType !== "Concat" || input.length < 2) continue;
    const [first, second] = [tokenAt(input[0]), input.length > 2 ? tokenAt(input[1]) : undefined];
    // The class token is one; what follows it before the patches has no place in the image.
    if (first?.tensor.shape[1] === 1) add(names[0], first);
    if (second) add(names[1], second);
  }
  return [...found.values()];
}
