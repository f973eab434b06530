/**
 * The places of a Vision Transformer that an adapter can change: which projections there are, how they are named,
 * in which order they come, and which rows of which weight they cover. Nothing else spells these.
 *
 * @module
 */
import type { ViTConfig } from "./config.ts";

/** Projections of a block that can be adapted. `qkv` is the fused projection as one; it excludes `q`, `k`, `v`. */
export const loraTargets = ["q", "k", "v", "qkv", "proj", "fc1", "fc2"] as const;
/** Name of an adaptable projection. */
export type LoraTarget = typeof loraTargets[number];

/** One adapted projection of one block. */
export interface LoraSite {
  /** `"<block>.<target>"`, such as `"0.q"`. */
  readonly name: string;
  /** From 0. */
  readonly block: number;
  /** Which of the block's projections. */
  readonly target: LoraTarget;
  /** Columns of A: the width of what the projection reads. */
  readonly inputs: number;
  /** Rows of B: the width of what the projection gives. */
  readonly outputs: number;
}

/** Linear maps of a block. */
export const projections = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"] as const;
/** Name of a linear map within its block. */
export type Projection = typeof projections[number];

/** The map that a target is part of, and the first of its rows in multiples of the width. */
const places: Readonly<Record<LoraTarget, readonly [part: Projection, row: 0 | 1 | 2]>> = {
  q: ["attn.qkv", 0],
  k: ["attn.qkv", 1],
  v: ["attn.qkv", 2],
  qkv: ["attn.qkv", 0],
  proj: ["attn.proj", 0],
  fc1: ["mlp.fc1", 0],
  fc2: ["mlp.fc2", 0],
};

/** Name of a site. */
export function siteName(block: number, target: LoraTarget): string {
  return `${block}.${target}`;
}

/** The block and target of a site's name; `undefined` if it is no such name. */
export function parseSite(name: string): { readonly block: number; readonly target: LoraTarget } | undefined {
  const [, block, found] = /^(\d+)\.(.+)$/.exec(name) ?? [];
  const target = loraTargets.find((target) => target === found);
  return block === undefined || target === undefined ? undefined : { block: Number(block), target };
}

/** The order of `loraSites`, which names sorted as text do not keep; other names come last. */
export function compareSites(x: string, y: string): number {
  const position = (name: string) => {
    const site = parseSite(name);
    return site ? site.block * loraTargets.length + loraTargets.indexOf(site.target) : Infinity;
  };
  const [a, b] = [position(x), position(y)];
  return a === b ? 0 : a - b;
}

/** The sites of an adapter, blocks ascending, targets in the order of `loraTargets`. */
export function loraSites(config: ViTConfig, targets: readonly LoraTarget[]): LoraSite[] {
  const { width, mlp, gated } = config;
  const sizes: Readonly<Record<LoraTarget, readonly [inputs: number, outputs: number]>> = {
    q: [width, width],
    k: [width, width],
    v: [width, width],
    qkv: [width, 3 * width],
    proj: [width, width],
    fc1: [width, gated ? 2 * mlp : mlp],
    fc2: [mlp, width],
  };
  if (
    targets.includes("qkv") && targets.some((target) => target === "q" || target === "k" || target === "v")
  ) {
    throw new RangeError(`Cannot adapt ${targets.join(", ")}: qkv already covers q, k and v`);
  }
  return Array.from(
    { length: config.depth },
    (_, block) =>
      loraTargets.filter((target) => targets.includes(target)).map((target) => ({
        name: siteName(block, target),
        block,
        target,
        inputs: sizes[target][0],
        outputs: sizes[target][1],
      })),
  ).flat();
}

/** The weight that a site adapts, and the first of its rows that the site covers. */
export function sitePlace(
  config: ViTConfig,
  { block, target }: Pick<LoraSite, "block" | "target">,
): { readonly weight: string; readonly row: number } {
  const [part, row] = places[target];
  return { weight: `blocks.${block}.${part}.weight`, row: row * config.width };
}

/** A site, and the first row that it covers of the projection it is part of. */
export interface SitePlacement {
  readonly site: string;
  readonly row: number;
}

/** The sites that are part of one projection of one block. */
export function sitesOf(config: ViTConfig, block: number, part: Projection): SitePlacement[] {
  return loraTargets.filter((target) => places[target][0] === part).map((target) => ({
    site: siteName(block, target),
    row: places[target][1] * config.width,
  }));
}

/** Name of a factor among named tensors: `lora.0.q.A`. */
export function factorName(site: string, factor: "A" | "B"): string {
  return `lora.${site}.${factor}`;
}

/** The site and factor of a tensor's name; `undefined` if it is no factor. */
export function parseFactor(name: string): { readonly site: string; readonly factor: "A" | "B" } | undefined {
  const [, site, factor] = /^lora\.(.+)\.([AB])$/.exec(name) ?? [];
  return site === undefined ? undefined : { site, factor: factor as "A" | "B" };
}
