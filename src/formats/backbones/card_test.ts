import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { formatCard, parseCard } from "./card.ts";

const config: ViTConfig = {
  image: 32,
  patch: 4,
  channels: 3,
  width: 64,
  depth: 4,
  heads: 4,
  mlp: 256,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};
const pixels = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.1] };

function blockOf(block: string) {
  return parseCard(JSON.stringify({ block }), "x.json").config;
}

Deno.test("parseCard() reads what formatCard() writes", () => {
  const text = formatCard({ config, pixels }, { licence: "MIT" });
  const { config: found, pixels: statistics } = parseCard(text, "x.json");
  assert.deepEqual({ found, statistics }, { found: config, statistics: pixels });
  const shuffled = Object.fromEntries(Object.entries(config).reverse()) as unknown as ViTConfig;
  assert.equal(formatCard({ config: shuffled, pixels }, { licence: "MIT" }), text);
  const deep = text.replace(/\{\s*"licence": "MIT"\s*\}/, `${"[".repeat(50_000)}${"]".repeat(50_000)}`);
  assert.ok(deep.length > 100_000);
  assert.deepEqual(parseCard(deep, "x.json").config, config);
});

Deno.test("parseCard() understands blocks described in words", () => {
  const facts = (block: string) => {
    const { norm, activation, epsilon } = blockOf(block);
    return [norm, activation, epsilon];
  };
  assert.deepEqual(facts("PRE-norm (standard ViT), exact-erf GELU MLP, eps 1e-5"), ["pre", "gelu", 1e-5]);
  assert.deepEqual(
    facts("POST-norm torch.nn.TransformerEncoderLayer (LayerNorm after residual), ReLU MLP, eps 1e-5"),
    ["post", "relu", 1e-5],
  );
  assert.deepEqual(facts("prenorm, tanh-approximated GELU, epsilon = 0.001"), ["pre", "gelu-tanh", 0.001]);
  assert.deepEqual(facts("Pre-LN, gelu_new, layer_norm_eps=1e-06"), ["pre", "gelu-tanh", 1e-6]);
  assert.deepEqual(facts("norm_first=False; ReLU; eps: 0.01"), ["post", "relu", 0.01]);
  assert.deepEqual(facts("LayerNorm with eps of 1.0e-06"), [undefined, undefined, 1e-6]);
  assert.deepEqual(facts("pre-norm, not post-norm; GELU (erf, not the tanh form)"), [
    "pre",
    "gelu",
    undefined,
  ]);
  assert.deepEqual(facts("eps" + " ".repeat(1e5)), [undefined, undefined, undefined]);
  assert.deepEqual(facts("pre-norm, QuickGELU"), ["pre", undefined, undefined]);
  assert.deepEqual(facts("GELU or ReLU; pre-norm or post-norm"), [undefined, undefined, undefined]);
  assert.deepEqual(facts(""), [undefined, undefined, undefined]);
});

Deno.test("parseCard() refuses what is not a card, naming the place", () => {
  const fails = (text: string, message: RegExp) =>
    assert.throws(
      () => parseCard(text, "x.json"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  fails("{", /x\.json/);
  fails("[]", /expected object/);
  fails('{"heads":"four"}', /heads: expected number/);
  fails('{"mean":[]}', /mean/);
  const own = JSON.parse(formatCard({ config, pixels }));
  fails(JSON.stringify({ ...own, config: { ...config, norm: "middle" } }), /config\.norm/);
  fails(JSON.stringify({ ...own, config: { ...config, head: 4 } }), /config.*head/);
  fails(JSON.stringify({ ...own, pixels: { mean: [0], std: [0] } }), /pixels\.std/);
});

Deno.test("parseCard() reads norm, activation and epsilon under keys of their own, unless words contradict them", () => {
  const facts = (json: unknown) => {
    const { norm, activation, epsilon } = parseCard(JSON.stringify(json), "x.json").config;
    return [norm, activation, epsilon];
  };
  assert.deepEqual(facts({ norm: "post", activation: "relu", eps: 1e-12 }), ["post", "relu", 1e-12]);
  assert.deepEqual(facts({ norm: "pre-norm", activation: "gelu-tanh", block: "eps 1e-5" }), [
    "pre",
    "gelu-tanh",
    1e-5,
  ]);
  assert.deepEqual(facts({ norm: "pre", block: "POST-norm, ReLU" }), [undefined, "relu", undefined]);
  assert.deepEqual(facts({ eps: 1e-6, block: "GELU, eps 1e-5" }), [undefined, "gelu", undefined]);
});

Deno.test("parseCard() reads the names of tensors and the order of patches from either format", () => {
  const naming = { names: { "a.{kind}": "norm.{kind}", b: null }, patchOrder: "channels-last" };
  for (const card of [naming, { ...JSON.parse(formatCard({ config, pixels })), ...naming }]) {
    const { names, patchOrder } = parseCard(JSON.stringify(card), "x.json");
    assert.deepEqual({ names, patchOrder }, naming);
  }
  assert.throws(() => parseCard('{"patchOrder":"any"}', "x.json"), InputError);
});
