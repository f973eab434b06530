/**
 * Experts by block in places of one size: a mixture that may have more of them in one block than in another, and whose
 * programs do not grow with their number.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import {
  broadcast,
  concat,
  div,
  greater,
  greaterEqual,
  max,
  mul,
  reshape,
  slice,
  softmax,
  sum,
  where,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { factorName, loraSites } from "../../nn/sites.ts";
import type { Kit, Named } from "../method.ts";

/** Experts: factors `experts.lora.<site>.A` [places · rank, in] and `.B` [out, places · rank], zero where there is none. */
export type Experts = {
  readonly factors: NamedTensors;
  /** How many there are in each block. */
  readonly counts: readonly number[];
  /** How many there can be. */
  readonly places: number;
};

const name = (site: string, factor: "A" | "B") => `experts.${factorName(site, factor)}`;

/** None yet. */
export function noExperts({ config, lora }: Pick<Kit, "config" | "lora">, places: number): Experts {
  const factors = loraSites(config, lora.targets).flatMap(({ name: site, inputs, outputs }) => [
    [name(site, "A"), hostTensor([places * lora.rank, inputs])] as const,
    [name(site, "B"), hostTensor([outputs, places * lora.rank])] as const,
  ]);
  return {
    factors: Object.fromEntries(factors),
    counts: Array.from({ length: config.depth }, () => 0),
    places,
  };
}

/** A factor of one expert. */
export function readExpert(
  { factors, places }: Experts,
  site: string,
  factor: "A" | "B",
  place: number,
): HostTensor {
  const { shape, data } = factors[name(site, factor)]!;
  if (factor === "A") {
    const rank = shape[0]! / places;
    const size = rank * shape[1]!;
    return hostTensor([rank, shape[1]!], data.slice(place * size, (place + 1) * size));
  }
  const rank = shape[1]! / places;
  const part = hostTensor([shape[0]!, rank]);
  for (let row = 0; row < shape[0]!; row++) {
    const first = row * shape[1]! + place * rank;
    part.data.set(data.subarray(first, first + rank), row * rank);
  }
  return part;
}

/** The experts with one of them replaced, or added, at a site. */
function written(tensor: HostTensor, part: HostTensor, factor: "A" | "B", place: number): HostTensor {
  const next = hostTensor(tensor.shape, tensor.data.slice());
  if (factor === "A") next.data.set(part.data, place * part.data.length);
  else {
    const rank = part.shape[1]!;
    for (let row = 0; row < part.shape[0]!; row++) {
      next.data.set(part.data.subarray(row * rank, (row + 1) * rank), row * tensor.shape[1]! + place * rank);
    }
  }
  return next;
}

/** The experts after factors under `new.` were put at a place of each block; `undefined` leaves a block alone. */
export function writeExperts(
  experts: Experts,
  values: NamedTensors,
  places: readonly (number | undefined)[],
  { config, lora }: Pick<Kit, "config" | "lora">,
): Experts {
  const changed = loraSites(config, lora.targets).flatMap(({ name: site, block }) => {
    const place = places[block];
    return place === undefined ? [] : (["A", "B"] as const).map((factor) => {
      const part = values[`new.${factorName(site, factor)}`]!;
      return [
        name(site, factor),
        written(experts.factors[name(site, factor)]!, part, factor, place),
      ] as const;
    });
  });
  const counts = experts.counts.map((count, block) => Math.max(count, (places[block] ?? -1) + 1));
  return { ...experts, factors: { ...experts.factors, ...Object.fromEntries(changed) }, counts };
}

/** 1 where there is an expert, or a place beside them is used: [depth, experts + 1]. */
export function expertMask({ counts, places }: Experts, beside: readonly boolean[]): HostTensor {
  const mask = hostTensor([counts.length, places + 1]);
  counts.forEach((count, block) => {
    mask.data.fill(1, block * (places + 1), block * (places + 1) + count);
    if (beside[block]) mask.data[block * (places + 1) + places] = 1;
  });
  return mask;
}

/**
 * Gates of the two highest logits of each block, by softmax, and the softmax over all.
 *
 * @param logits [batch, depth · n]
 * @param known [1 or batch, depth, n]: 1 where there is an expert; at least one a block
 * @returns [batch, depth, n] each
 */
export function topGates(logits: Tensor, known: Tensor): { readonly gates: Tensor; readonly shares: Tensor } {
  const [, depth, size] = known.shape as [number, number, number];
  const shape = [logits.shape[0]!, depth, size];
  const there = broadcast(known, shape);
  const all = where(there, reshape(logits, shape), -1e9);
  const highest = max(all, { axes: [2], keepDims: true });
  const others = where(greaterEqual(all, highest), -1e9, all);
  const second = max(others, { axes: [2], keepDims: true });
  const kept = mul(greaterEqual(all, second), there);
  return { gates: softmax(where(kept, all, -1e9)), shares: softmax(all) };
}

/** n Σ_e (share of the images that use e) · (mean softmax of e), over the n experts of a block; the mean over blocks. */
export function balance(gates: Tensor, shares: Tensor, known: Tensor, weights: Tensor): Tensor {
  const [batch, depth] = gates.shape as [number, number];
  const counted = div(reshape(weights, [batch, 1, 1]), sum(weights));
  const used = sum(mul(greater(gates, 0), counted), { axes: [0], keepDims: true });
  const likely = sum(mul(shares, counted), { axes: [0], keepDims: true });
  const experts = sum(known, { axes: [2], keepDims: true });
  return mul(sum(mul(mul(used, likely), experts)), 1 / depth);
}

/**
 * The mixture as branches, one a block.
 *
 * @param gates [batch, depth, places], with one more place for the factors under `new.` if there are such
 */
export function expertBranches(
  gates: Tensor,
  tensors: Named,
  { config, lora }: Pick<Kit, "config" | "lora">,
  places: number,
  hasNew: boolean,
): LoraBranch[] {
  const { rank, scale } = lora;
  const batch = gates.shape[0]!;
  const total = places + (hasNew ? 1 : 0);
  return Array.from({ length: config.depth }, (_, block) => {
    const own = reshape(slice(gates, [0, block, 0], [batch, 1, total]), [batch, total, 1]);
    const gain = mul(reshape(broadcast(own, [batch, total, rank]), [batch, total * rank]), scale);
    const pairs = loraSites(config, lora.targets).filter((site) => site.block === block).map(
      ({ name: site }) => {
        const factor = (which: "A" | "B") => {
          const old = tensors[name(site, which)]!;
          return hasNew
            ? concat([old, tensors[`new.${factorName(site, which)}`]!], which === "A" ? 0 : 1)
            : old;
        };
        return [site, { a: factor("A"), b: factor("B") }] as const;
      },
    );
    return { pairs: Object.fromEntries(pairs), gain };
  });
}

/**
 * A router over the places and one beside them [width, depth · (places + 1)], after what stood beside has got a place
 * of its own in the blocks that have grown.
 *
 * @param counts Experts of each block before
 * @returns The router [width, depth · places], and which places it knows [depth, places]
 */
export function placeRouter(
  router: HostTensor,
  counts: readonly number[],
  grown: readonly boolean[],
  places: number,
): { readonly router: HostTensor; readonly known: HostTensor } {
  const [width, depth] = [router.shape[0]!, counts.length];
  const next = hostTensor([width, depth * places]);
  const known = hostTensor([depth, places]);
  counts.forEach((count, block) => {
    known.data.fill(1, block * places, block * places + count + (grown[block] ? 1 : 0));
    for (let i = 0; i < width; i++) {
      const from = (i * depth + block) * (places + 1);
      const to = (i * depth + block) * places;
      next.data.set(router.data.subarray(from, from + count), to);
      if (grown[block]) next.data[to + count] = router.data[from + places]!;
    }
  });
  return { router: next, known };
}
