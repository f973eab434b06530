import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { settleTokens } from "./tokens.ts";

/** Tokens of one number each. */
function row(...values: number[]) {
  return hostTensor([1, values.length, 1], Float32Array.from(values));
}

function settled(tensors: NamedTensors, patches?: number): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(settleTokens(tensors, patches, "w")).map(([name, { data }]) => [name, [...data]]),
  );
}

Deno.test("settleTokens() gives a class token without a position one of zeros", () => {
  const cls_token = row(7);
  assert.deepEqual(settled({ cls_token, pos_embed: row(1, 2, 3, 4) }), {
    cls_token: [7],
    pos_embed: [0, 1, 2, 3, 4],
  });
  assert.deepEqual(settled({ cls_token, pos_embed: row(9, 1, 2, 3, 4) }).pos_embed, [9, 1, 2, 3, 4]);
  assert.deepEqual(settled({ pos_embed: row(1, 2, 3, 4) }), { pos_embed: [1, 2, 3, 4] });
});

Deno.test("settleTokens() gives registers their positions, if they have some", () => {
  const [cls_token, reg_token] = [row(7), row(10, 20)];
  const expected = { cls_token: [7], pos_embed: [9, 1, 2, 3, 4], reg_token: [10, 20] };
  assert.deepEqual(settled({ cls_token, reg_token, pos_embed: row(9, 1, 2, 3, 4) }), expected);
  const all = { cls_token, reg_token, pos_embed: row(9, 5, 6, 1, 2, 3, 4) };
  assert.deepEqual(settled(all), { ...expected, reg_token: [15, 26] });
  const bare = { cls_token, reg_token, pos_embed: row(1, 2, 3, 4) };
  assert.deepEqual(settled(bare, 4), { ...expected, pos_embed: [0, 1, 2, 3, 4] });
  const distilled = { cls_token, dist_token: row(30), pos_embed: row(9, 5, 1, 2, 3, 4) };
  assert.deepEqual(settled(distilled), { cls_token: [7], pos_embed: [9, 1, 2, 3, 4], reg_token: [35] });
});

Deno.test("settleTokens() refuses numbers of positions that fit nothing, or more than one way", () => {
  const fails = (message: RegExp, tensors: NamedTensors, patches?: number) =>
    assert.throws(
      () => settleTokens(tensors, patches, "w"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  const cls_token = row(7);
  fails(/found 3 positions, wanted a square number/, { cls_token, pos_embed: row(1, 2, 3) });
  const nine = { cls_token, reg_token: row(1, 2, 3, 4), pos_embed: row(1, 2, 3, 4, 5, 6, 7, 8, 9) };
  fails(/found 9 positions and 4 registers, of which 0 or 5/, nine);
  assert.equal(settled(nine, 4).pos_embed!.length, 5);
  assert.equal(settled(nine, 9).pos_embed!.length, 10);
  fails(/\[1,1,2\] for "reg_token"/, {
    cls_token,
    reg_token: hostTensor([1, 1, 2]),
    pos_embed: row(1, 2, 3, 4),
  });
});
