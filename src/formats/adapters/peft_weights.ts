/**
 * What PEFT's adapters change besides adding B A: biases, modules that were trained whole, the magnitudes of DoRA
 * (arXiv 2402.09353: the rows of W + gain · B A are scaled to norms of their own), and what a layer scale that was folded into
 * the backbone means for factors that were trained before it.
 *
 * @module
 */
import { formatShape, sameShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import type { LoraPair } from "../../nn/adapter.ts";
import type { Backbone } from "../../nn/backbone.ts";
import { loraSites, loraTargets, parseSite, sitePlace } from "../../nn/sites.ts";
import { type Match, matchNames } from "../backbones/name_map.ts";
import { familyMaps } from "../backbones/name_maps.ts";
import { scaleRows } from "../backbones/transforms.ts";

type Fail = (why: string) => never;

/** What a backbone must tell. */
export type AdaptedBackbone = Pick<Backbone, "config" | "weights" | "scales" | "head">;

type Pairs = Readonly<Record<string, LoraPair>>;

/** The factors of a folded layer scale at a site. */
function scaleAt(
  { config, scales = {} }: Pick<Backbone, "config" | "scales">,
  site: string,
): HostTensor | undefined {
  const place = parseSite(site);
  if (!place || place.block >= config.depth) return undefined;
  return scales[sitePlace(config, place).weight.replace(/\.weight$/, "")];
}

function scaledPairs(
  backbone: Pick<Backbone, "config" | "scales">,
  pairs: Pairs,
  change: (b: HostTensor, scale: HostTensor, site: string) => HostTensor,
): Record<string, LoraPair> {
  return Object.fromEntries(
    Object.entries(pairs).map(([site, pair]) => {
      const scale = scaleAt(backbone, site);
      return [site, scale ? { a: pair.a, b: change(pair.b, scale, site) } : pair];
    }),
  );
}

/** Factors that were trained before a layer scale, as those of the weights that it is folded into. */
export function behindScales(backbone: Pick<Backbone, "config" | "scales">, pairs: Pairs, fail: Fail): Pairs {
  return scaledPairs(
    backbone,
    pairs,
    (b, scale, site) =>
      b.shape[0] === scale.data.length
        ? scaleRows(b, scale)
        : fail(`found B ${formatShape(b.shape)} at ${site}, wanted [${scale.data.length},rank]`),
  );
}

/** The opposite, for tools that apply the layer scale themselves. */
export function beforeScales(backbone: Pick<Backbone, "config" | "scales">, pairs: Pairs, fail: Fail): Pairs {
  return scaledPairs(backbone, pairs, (b, scale, site) => {
    if (scale.data.some((value) => value === 0)) {
      fail(`found a layer scale of 0 behind ${site}, which nothing can be added to`);
    }
    return scaleRows(b, hostTensor(scale.shape, scale.data.map((value) => 1 / value)));
  });
}

/** The part of a tensor of ours that a tensor of the file replaces. */
function replace(
  all: Record<string, HostTensor>,
  { config, weights, scales = {} }: AdaptedBackbone,
  { source, tensor, rule, fill }: Match,
  fail: Fail,
): void {
  const name = fill(rule.to!);
  const whole = all[name] ?? weights[name];
  if (!whole) return fail(`found "${source}", which is ${name}, wanted a part of the backbone`);
  const value = rule.transform ? rule.transform(tensor) : tensor;
  const piece = rule.third ?? rule.half;
  const pieces = rule.third === undefined ? rule.half === undefined ? 1 : 2 : 3;
  const shape = [whole.shape[0]! / pieces, ...whole.shape.slice(1)];
  if (!sameShape(value.shape, shape)) {
    return fail(`found ${formatShape(value.shape)} for "${source}", wanted ${formatShape(shape)}`);
  }
  const scale = scales[name.replace(/\.(weight|bias)$/, "")];
  const data = Float32Array.from(whole.data);
  const own = scale ? scaleRows(value, scale) : value;
  data.set(own.data, (piece ?? 0) * own.data.length);
  all[name] = hostTensor(whole.shape, data);
  // Tokens with positions in them are made of two tensors of the file.
  const isMixed = /^(reg_token|pos_embed)$/.test(name) && (config.registers ?? 0) > 0;
  if (isMixed) fail(`found "${source}", which was trained, wanted it as the backbone has it`);
}

/**
 * Weights of the backbone that tensors of the file replace: biases, norms, embeddings.
 *
 * @param plain By the names of the adapted model
 */
export function replacedWeights(plain: NamedTensors, backbone: AdaptedBackbone, fail: Fail): NamedTensors {
  const names = Object.keys(plain);
  if (names.length === 0) return {};
  const tried = familyMaps.map((map) => matchNames(map, plain));
  const best = tried.reduce((least, one) => one.leftover.length < least.leftover.length ? one : least);
  const [unknown] = best.leftover;
  if (unknown !== undefined) {
    return fail(
      `found the tensor "${unknown}", wanted lora_A and lora_B of linear layers, a classifier, and parts of the backbone`,
    );
  }
  const all: Record<string, HostTensor> = {};
  for (const match of best.matches) {
    if (match.rule.scales !== undefined) {
      fail(`found a trained layer scale ("${match.source}"), wanted it as it was`);
    }
    if (match.rule.to !== undefined) replace(all, backbone, match, fail);
  }
  return all;
}

/** A weight as DoRA makes it: rows of W + gain · B A, each with the norm that was trained for it. */
function withMagnitudes(
  weight: HostTensor,
  first: number,
  { a, b }: LoraPair,
  gain: number,
  magnitudes: HostTensor,
  scale: HostTensor | undefined,
): HostTensor {
  const [rank, inputs] = a.shape as [number, number];
  const data = Float32Array.from(weight.data);
  for (let row = 0; row < b.shape[0]!; row++) {
    const start = (first + row) * inputs;
    const factor = scale?.data[row] ?? 1;
    const sums = Float64Array.from({ length: inputs }, (_, i) => {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += b.data[row * rank + r]! * a.data[r * inputs + i]!;
      return weight.data[start + i]! / factor + gain * sum;
    });
    const norm = Math.sqrt(sums.reduce((total, value) => total + value * value, 0));
    for (let i = 0; i < inputs; i++) data[start + i] = factor * magnitudes.data[row]! * sums[i]! / norm;
  }
  return hostTensor(weight.shape, data);
}

/**
 * Weights that DoRA makes of the backbone's.
 *
 * @param weights Those that were replaced already
 * @param magnitudes By site
 */
export function magnitudeWeights(
  backbone: AdaptedBackbone,
  weights: NamedTensors,
  { pairs, gains, magnitudes }: {
    readonly pairs: Pairs;
    readonly gains: Readonly<Record<string, number>>;
    readonly magnitudes: NamedTensors;
  },
  fail: Fail,
): NamedTensors {
  const { config } = backbone;
  const sites = new Map(
    loraTargets.flatMap((target) => loraSites(config, [target])).map((site) => [site.name, site]),
  );
  const all: Record<string, HostTensor> = { ...weights };
  for (const [name, magnitude] of Object.entries(magnitudes)) {
    const [site, pair] = [sites.get(name), pairs[name]];
    if (!site || !pair) {
      return fail(`found magnitudes at ${name}, wanted them at adapted sites of the backbone`);
    }
    const fits = sameShape(pair.a.shape, [pair.a.shape[0]!, site.inputs]) && pair.b.shape[0] === site.outputs;
    if (!fits || magnitude.data.length !== site.outputs) {
      return fail(`found ${formatShape(magnitude.shape)} magnitudes at ${name}, wanted [${site.outputs}]`);
    }
    const scale = scaleAt(backbone, name);
    if (scale?.data.some((value) => value === 0)) {
      fail(`found a layer scale of 0 behind ${name}, wanted none`);
    }
    const place = sitePlace(config, site);
    const weight = all[place.weight] ?? backbone.weights[place.weight]!;
    all[place.weight] = withMagnitudes(weight, place.row, pair, gains[name]!, magnitude, scale);
  }
  return all;
}
