import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hostTensor } from "../../core/tensors.ts";
import { nameMapOf } from "./card_names.ts";
import { applyNameMap } from "./name_map.ts";

function apply(names: Readonly<Record<string, string | null>>, ...found: readonly string[]) {
  const tensors = Object.fromEntries(found.map((name, i) => [name, hostTensor([1], Float32Array.of(i))]));
  return applyNameMap(nameMapOf(names, "w"), tensors, () => []);
}

Deno.test("nameMapOf() fills in the number of a block and the kind of a tensor", () => {
  const { map, tensors, leftover } = apply(
    { "level_{block}/norm:{kind}": "blocks.{block}.norm1.{kind}" },
    "level_0/norm:bias",
    "level_12/norm:weight",
    "level_x/norm:bias",
  );
  assert.equal(map, "card");
  assert.deepEqual(Object.keys(tensors).sort(), ["blocks.0.norm1.bias", "blocks.12.norm1.weight"]);
  assert.deepEqual(leftover, ["level_x/norm:bias"]);
});

Deno.test("nameMapOf() takes names literally, whatever their characters mean in a pattern", () => {
  const odd = "a.b+(c)[d]*?^$|\\{x}-é";
  const { tensors, leftover } = apply({ [odd]: "norm.bias" }, odd, "aXb+(c)[d]*?^$|\\{x}-é", "b");
  assert.deepEqual(Object.keys(tensors), ["norm.bias"]);
  assert.equal(leftover.length, 2);
});

Deno.test("nameMapOf() drops what goes to null, and gives tokens the axes of ours", () => {
  const { tensors, unneeded } = apply({ cls: "cls_token", "junk.{block}": null }, "cls", "junk.3");
  assert.deepEqual(tensors["cls_token"]!.shape, [1, 1, 1]);
  assert.deepEqual(unneeded, ["junk.3"]);
});

Deno.test("nameMapOf() joins thirds of the fused projection", () => {
  for (
    const ends of [["{block}.{kind}", "{block}", "{kind}"], [".{kind}", "0", "{kind}"], [
      "{block}",
      "{block}",
      "bias",
    ]]
  ) {
    const [end, block, kind] = ends;
    const names = Object.fromEntries(
      ["v", "q", "k"].map((letter) => [letter + end, `blocks.${block}.attn.${letter}.${kind}`]),
    );
    const found = ["q", "k", "v"].map((letter) =>
      letter + end!.replace("{block}", "0").replace("{kind}", "bias")
    );
    const { tensors } = apply(names, ...found);
    assert.deepEqual([...tensors["blocks.0.attn.qkv.bias"]!.data], [0, 1, 2]);
  }
});

Deno.test("nameMapOf() refuses placeholders that stand on one side or twice", () => {
  for (
    const [from, to] of [
      ["a{block}", "b"],
      ["a{kind}{kind}", "b{kind}"],
      ["a{block}", "b{block}{block}"],
      ["a{block}{block}", null],
    ] as const
  ) {
    assert.throws(
      () => nameMapOf({ [from]: to }, "w"),
      (error) => error instanceof InputError && /\{block\} and \{kind\} once each/.test(error.message),
    );
  }
});
