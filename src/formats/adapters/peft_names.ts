/**
 * Where the models that PEFT adapts have our sites: the names of their modules. Some have q, k and v as three
 * projections, others as one; an adapter of either kind becomes one of the other without a change of its update.
 *
 * @module
 */
import { sameShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import type { Adapter, LoraPair } from "../../nn/adapter.ts";
import { type LoraTarget } from "../../nn/sites.ts";
import type { ViTConfig } from "../../nn/config.ts";

/** Names of a family of models. */
interface ModuleNames {
  /** Start of a block's modules; `{block}` stands for its number. */
  readonly block: string;
  /** Modules of a block. Either `qkv` or `q`, `k` and `v` are among them. */
  readonly modules: { readonly [K in LoraTarget]?: string };
  readonly head: string;
}

/** Name of a family of models. */
export type PeftNaming = "hugging-face-5" | "hugging-face" | "timm";

const families = {
  /** `ViTForImageClassification` of transformers since version 5. */
  "hugging-face-5": {
    block: "vit.layers.{block}.",
    modules: {
      q: "attention.q_proj",
      k: "attention.k_proj",
      v: "attention.v_proj",
      proj: "attention.o_proj",
      fc1: "mlp.fc1",
      fc2: "mlp.fc2",
    },
    head: "classifier",
  },
  /** The same before version 5; PEFT does not rename modules, so neither version loads the names of the other. */
  "hugging-face": {
    block: "vit.encoder.layer.{block}.",
    modules: {
      q: "attention.attention.query",
      k: "attention.attention.key",
      v: "attention.attention.value",
      proj: "attention.output.dense",
      fc1: "intermediate.dense",
      fc2: "output.dense",
    },
    head: "classifier",
  },
  /** timm's `VisionTransformer`. */
  "timm": {
    block: "blocks.{block}.",
    modules: { qkv: "attn.qkv", proj: "attn.proj", fc1: "mlp.fc1", fc2: "mlp.fc2" },
    head: "head",
  },
} as const satisfies Readonly<Record<PeftNaming, ModuleNames>>;

/** All of them, the usual one first. */
export const peftNamings = Object.keys(families) as readonly PeftNaming[];

/** Name of the classifier's module. */
export function headModule(naming: PeftNaming): string {
  return families[naming].head;
}

/** What the classifier's modules are called in some family, and what they are; DeiT has a second one. */
export const headModules: ReadonlyMap<string, "head" | "head_dist"> = new Map([
  ["classifier", "head"],
  ["head", "head"],
  ["cls_classifier", "head"],
  ["distillation_classifier", "head_dist"],
  ["head_dist", "head_dist"],
]);

/** What an adapted module is that is no projection of a block; undefined if it is none of a Vision Transformer. */
export function otherPart(module: string): string | undefined {
  if (headModules.has(module.split(".").at(-1)!)) return "classifier";
  return /(^|\.)(patch_embed\.proj|patch_embeddings?(\.projection)?|conv_proj)$/.test(module)
    ? "patch embedding"
    : undefined;
}

const targetOf: ReadonlyMap<string, LoraTarget> = new Map([
  ...Object.values<ModuleNames>(families).flatMap(({ modules }) =>
    Object.entries(modules).map(([target, name]) => [name, target as LoraTarget] as const)
  ),
  // CLIP and SigLIP, and gated perceptrons.
  ["self_attn.q_proj", "q"],
  ["self_attn.k_proj", "k"],
  ["self_attn.v_proj", "v"],
  ["self_attn.out_proj", "proj"],
  ["mlp.weights_in", "fc1"],
  ["mlp.weights_out", "fc2"],
  ["mlp.down_proj", "fc2"],
]);

/** The site that a module is, in any of the families and whatever is in front; undefined if it is none. */
export function siteOfModule(module: string): string | undefined {
  const [, block, name] = /(?:^|\.)(?:encoder\.layer|layers|blocks)\.(\d{1,4})\.([\w.]+)$/.exec(module) ?? [];
  const target = targetOf.get(name ?? "");
  return target && `${Number(block)}.${target}`;
}

/** Names of all modules of a model that can be adapted, and the short name each shares with those of other blocks. */
export function adaptableModules(naming: PeftNaming, { depth }: ViTConfig): Map<string, string> {
  const { block, modules } = families[naming];
  return new Map(
    Array.from(
      { length: depth },
      (_, i) =>
        Object.values(modules).map((name) => [`${block.replace("{block}", `${i}`)}${name}`, name] as const),
    )
      .flat(),
  );
}

const thirds = ["q", "k", "v"] as const;

/** Copies the rows [first, first + count) of a matrix. */
function rowsOf({ shape, data }: HostTensor, first: number, count: number): HostTensor {
  const columns = shape[1]!;
  return hostTensor([count, columns], data.slice(first * columns, (first + count) * columns));
}

/** Parts of q, k and v side by side: the ranks follow one another, and each part's rows of B stay its own. */
function fuse(parts: readonly (readonly [third: number, pair: LoraPair])[]): LoraPair {
  const [inputs, outputs] = [parts[0]![1].a.shape[1]!, parts[0]![1].b.shape[0]!];
  const rank = parts.reduce((sum, [, { a }]) => sum + a.shape[0]!, 0);
  const a = hostTensor([rank, inputs]);
  const b = hostTensor([3 * outputs, rank]);
  let column = 0;
  for (const [third, pair] of parts) {
    const own = pair.a.shape[0]!;
    a.data.set(pair.a.data, column * inputs);
    for (let row = 0; row < outputs; row++) {
      b.data.set(pair.b.data.subarray(row * own, (row + 1) * own), (third * outputs + row) * rank + column);
    }
    column += own;
  }
  return { a, b };
}

/** The same factors by the modules of a model. */
export function toModules(adapter: Adapter, naming: PeftNaming): Map<string, LoraPair> {
  const { block: start, modules }: ModuleNames = families[naming];
  const pairs = new Map<string, LoraPair>();
  const waiting = new Map<string, (readonly [third: number, pair: LoraPair])[]>();
  const nameOf = (block: string, target: LoraTarget) =>
    `${start.replace("{block}", block)}${modules[target]!}`;
  for (const [site, pair] of Object.entries(adapter.pairs)) {
    const [block, target] = site.split(".") as [string, LoraTarget];
    if (modules[target] !== undefined) pairs.set(nameOf(block, target), pair);
    else if (target === "qkv") {
      const count = pair.b.shape[0]! / 3;
      thirds.forEach((third, i) =>
        pairs.set(nameOf(block, third), { a: pair.a, b: rowsOf(pair.b, i * count, count) })
      );
    } else {
      const name = nameOf(block, "qkv");
      waiting.set(name, [...waiting.get(name) ?? [], [thirds.indexOf(target as "q"), pair]]);
    }
  }
  for (const [name, parts] of waiting) pairs.set(name, fuse(parts.toSorted(([x], [y]) => x - y)));
  return pairs;
}

function sameValues(x: HostTensor, y: HostTensor): boolean {
  return x.data.length === y.data.length && x.data.every((value, i) => Object.is(value, y.data[i]));
}

/** Undoes `fuse` for parts of known ranks; undefined if something else is in the pair. */
function split(
  { a, b }: LoraPair,
  parts: readonly (readonly [third: number, rank: number])[],
): LoraPair[] | undefined {
  const [total, outputs] = [a.shape[0]!, b.shape[0]! / 3];
  const given = parts.reduce((sum, [, rank]) => sum + rank, 0);
  if (given !== total || !Number.isInteger(outputs)) return undefined;
  let column = 0;
  const pairs = parts.map(([third, rank]) => {
    const own = hostTensor([outputs, rank]);
    for (let row = 0; row < outputs; row++) {
      const start = (third * outputs + row) * total + column;
      own.data.set(b.data.subarray(start, start + rank), row * rank);
    }
    const pair = { a: rowsOf(a, column, rank), b: own };
    column += rank;
    return pair;
  });
  const again = fuse(parts.map(([third], i) => [third, pairs[i]!] as const));
  return sameValues(again.b, b) ? pairs : undefined;
}

/** Undoes the cutting of a fused pair into thirds; undefined if they were not cut from one. */
function join(pairs: readonly (LoraPair | undefined)[]): LoraPair | undefined {
  const [q, k, v] = pairs;
  if (!q || !k || !v || [k, v].some((one) => !sameValues(one.a, q.a) || !sameShape(one.b.shape, q.b.shape))) {
    return undefined;
  }
  const [outputs, rank] = q.b.shape as [number, number];
  const b = hostTensor([3 * outputs, rank]);
  [q, k, v].forEach((pair, i) => b.data.set(pair.b.data, i * outputs * rank));
  return { a: q.a, b };
}

/**
 * Pairs by site in the form that an adapter had before `toModules`.
 *
 * @param ranks The ranks of its sites. Where the pairs cannot have come from them, they stay
 */
export function restoreSites(
  pairs: Readonly<Record<string, LoraPair>>,
  ranks: Readonly<Record<string, number>>,
): Record<string, LoraPair> {
  const restored: Record<string, LoraPair> = { ...pairs };
  for (const block of new Set(Object.keys(ranks).map((site) => site.split(".")[0]!))) {
    const fused = restored[`${block}.qkv`];
    const separate = thirds.map((third) => restored[`${block}.${third}`]);
    const parts = thirds.flatMap((third, i) => {
      const rank = ranks[`${block}.${third}`];
      return rank === undefined ? [] : [[i, rank] as const];
    });
    const joined = ranks[`${block}.qkv`] === undefined ? undefined : join(separate);
    const cut = fused && parts.length > 0 ? split(fused, parts) : undefined;
    if (joined) {
      for (const third of thirds) delete restored[`${block}.${third}`];
      restored[`${block}.qkv`] = joined;
    }
    if (cut) {
      delete restored[`${block}.qkv`];
      parts.forEach(([third], i) => restored[`${block}.${thirds[third]}`] = cut[i]!);
    }
  }
  return restored;
}
