/**
 * Tokens that are no patches: the class token, registers, DeiT's distillation token. Families differ in which of them
 * have a position of their own; here only the class token has, and the others carry theirs in themselves.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";

type Fail = (why: string) => never;

function rowsOf(
  name: string,
  tensor: HostTensor | undefined,
  width: number,
  fail: Fail,
): HostTensor | undefined {
  if (!tensor) return undefined;
  const { shape } = tensor;
  if (shape.length !== 3 || shape[0] !== 1 || shape[2] !== width || shape[1]! < 1) {
    return fail(`found ${formatShape(shape)} for "${name}", wanted [1,tokens,${width}]`);
  }
  return tensor;
}

/** Rows [first, first + count) of tokens [1, tokens, width]. */
function cut({ shape, data }: HostTensor, first: number, count: number): Float32Array {
  const width = shape[2]!;
  return data.subarray(first * width, (first + count) * width);
}

function joined(parts: readonly Float32Array[], width: number): HostTensor {
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const result = hostTensor([1, total / width, width]);
  let at = 0;
  for (const part of parts) {
    result.data.set(part, at);
    at += part.length;
  }
  return result;
}

function isSquare(count: number): boolean {
  return count > 0 && Number.isInteger(Math.sqrt(count));
}

/** How many of the first positions belong to tokens that are no patches. */
function ownPositions(
  positions: number,
  { classTokens, registers, isDistilled }: {
    readonly classTokens: number;
    readonly registers: number;
    readonly isDistilled: boolean;
  },
  patches: number | undefined,
  fail: Fail,
): number {
  const all = classTokens + registers;
  const ways = [...new Set(isDistilled ? [all] : [0, classTokens, all])];
  const squares = ways.filter((own) => isSquare(positions - own));
  const stated = squares.filter((own) => positions - own === patches);
  const [own, other] = stated.length > 0 ? stated : squares;
  if (own === undefined) {
    if (classTokens === 0 && isSquare(positions - 1)) {
      return fail(`found ${positions} positions and no class token, wanted one: the first position is its`);
    }
    return fail(
      `found ${positions} positions, wanted a square number of patches, with the class token or without`,
    );
  }
  if (other === undefined) return own;
  // One class token cannot make two squares of positions, so registers do.
  return fail(
    `found ${positions} positions and ${registers} registers, of which ${
      squares.join(" or ")
    } positions may be of ` +
      "tokens that are no patches; wanted image and patch in a card or a config.json",
  );
}

/**
 * Brings tokens and positions to ours: `cls_token`, `reg_token` and `pos_embed` of class token and patches.
 *
 * @param patches Patches of an image, if they are stated; they decide where several numbers are possible
 * @throws {InputError} If the numbers of tokens and positions do not fit together
 */
export function settleTokens(tensors: NamedTensors, patches: number | undefined, file: string): NamedTensors {
  const fail = (why: string): never => {
    throw new InputError(`Cannot load ${file}: ${why}`);
  };
  const { reg_token, dist_token, ...others } = tensors;
  const positions = others["pos_embed"];
  const width = positions?.shape[2] ?? 0;
  // Other shapes are told of when sizes are.
  if (!positions || positions.shape.length !== 3 || positions.shape[0] !== 1 || width < 1) return others;
  const extra = [
    rowsOf("dist_token", dist_token, width, fail),
    rowsOf("reg_token", reg_token, width, fail),
  ].filter((tensor) => tensor !== undefined);
  const classTokens = others["cls_token"] ? 1 : 0;
  const registers = extra.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const count = positions.shape[1]!;
  const kind = { classTokens, registers, isDistilled: dist_token !== undefined };
  const own = ownPositions(count, kind, patches, fail);
  const ofClass = own > 0 ? cut(positions, 0, classTokens) : new Float32Array(classTokens * width);
  const ofPatches = cut(positions, own, count - own);
  const settled = { ...others, pos_embed: joined([ofClass, ofPatches], width) };
  if (registers === 0) return settled;
  const tokens = joined(extra.map(({ data }) => data), width);
  if (own > classTokens) {
    const theirs = cut(positions, classTokens, registers);
    theirs.forEach((value, i) => tokens.data[i]! += value);
  }
  return { ...settled, reg_token: tokens };
}
