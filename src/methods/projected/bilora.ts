/**
 * BiLoRA (Zhu et al., CVPR 2025): a task's update is sparse in the frequency domain. Tasks write to few places drawn
 * at random, so that their updates are almost orthogonal without looking at one another.
 *
 * 1. Draw n places (u, v) of the spectrum of ΔW [out, in], the same at all sites of one shape.
 * 2. Train the real coefficients c at them, from zero: ΔW = α Re IFFT2(F) with F zero but for c. In the graph it is
 *    α / (out · in) Σ_j c_j (cos 2πu_j m/out · cos 2πv_j n/in - sin 2πu_j m/out · sin 2πv_j n/in), with the cosines and
 *    sines fed as values.
 * 3. Add F to the sum of spectra. Deploy its transform.
 *
 * The paper's: all steps. Its α = 300 and n = 3000 are for the k and v of ViT-B, of width 768, beside which it compares
 * adapters of rank 10. Ours, so that they carry over to any width: n is a fifth of the numbers of an adapter of the
 * run's rank, and α is such that coefficients of one size give updates as large beside the weights, whose entries
 * have deviations like 1/√in; both are the paper's at its sizes. Their learning rate has a factor, because our trainings
 * are several times shorter. Places come from the run's seed, not from 777 + 10 t.
 *
 * @module
 */
import { z } from "zod";
import type { Rng } from "../../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { matmul, mul, reshape, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Adapter, LoraPair } from "../../nn/adapter.ts";
import type { BranchPair, LoraBranch } from "../../nn/lora.ts";
import { type LoraSite, loraSites } from "../../nn/sites.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named } from "../method.ts";
import { foldedMethod, noUpdate } from "./folded_method.ts";

/** A spectrum [rows, columns] that is zero but at some places, counted row by row, ascending. */
export type Spectrum = { readonly at: Int32Array; readonly values: Float32Array };

/** What is kept: the summed spectra by site. */
export type BiloraState = { readonly spectra: { readonly [site: string]: Spectrum } };

type Size = Pick<LoraSite, "inputs" | "outputs">;

/** How many coefficients a site has where none are said. */
export function defaultCoefficients({ inputs, outputs }: Size, rank: number): number {
  const share = 3000 / (10 * 2 * 768);
  return Math.max(1, Math.min(inputs * outputs, Math.round(share * rank * (inputs + outputs))));
}

/** The factor of the transform where none is said: that of `count` coefficients. */
export function defaultAlpha({ inputs, outputs }: Size, count: number): number {
  const relative = 300 / 768 ** 2 * Math.sqrt(3000) * Math.sqrt(768);
  return relative * inputs * outputs / Math.sqrt(count * inputs);
}

/** Different places, ascending. */
export function drawPlaces(places: number, count: number, rng: Rng): Int32Array {
  const all = Int32Array.from({ length: places }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const other = i + rng.integer(places - i);
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return all.slice(0, count).sort();
}

/** Cosines and sines of 2π k i / size for some frequencies k: [frequencies, size]. */
function waves(
  frequencies: ArrayLike<number>,
  size: number,
  factor = 1,
): { cos: HostTensor; sin: HostTensor } {
  const [cos, sin] = [hostTensor([frequencies.length, size]), hostTensor([frequencies.length, size])];
  for (let j = 0; j < frequencies.length; j++) {
    for (let i = 0; i < size; i++) {
      // Whole turns are left out before anything is rounded.
      const angle = 2 * Math.PI * (frequencies[j]! * i % size) / size;
      cos.data[j * size + i] = factor * Math.cos(angle);
      sin.data[j * size + i] = factor * Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** α Re IFFT2 of a spectrum: [outputs, inputs], first along the rows and then along the columns. */
export function inverse({ at, values }: Spectrum, { inputs, outputs }: Size, alpha: number): HostTensor {
  const known = new Map<number, { re: Float64Array; im: Float64Array }>();
  const { cos, sin } = waves(Float64Array.from({ length: inputs }, (_, v) => v), inputs);
  at.forEach((place, j) => {
    const [u, v] = [Math.floor(place / inputs), place % inputs];
    const row = known.get(u) ?? { re: new Float64Array(inputs), im: new Float64Array(inputs) };
    known.set(u, row);
    for (let n = 0; n < inputs; n++) {
      row.re[n]! += values[j]! * cos.data[v * inputs + n]!;
      row.im[n]! += values[j]! * sin.data[v * inputs + n]!;
    }
  });
  const sums = new Float64Array(outputs * inputs);
  for (const [u, { re, im }] of known) {
    for (let m = 0; m < outputs; m++) {
      const angle = 2 * Math.PI * (u * m % outputs) / outputs;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let n = 0; n < inputs; n++) sums[m * inputs + n]! += c * re[n]! - s * im[n]!;
    }
  }
  const factor = alpha / (outputs * inputs);
  return hostTensor([outputs, inputs], Float32Array.from(sums, (value) => factor * value));
}

/** The sum of spectra. */
export function summed(old: Spectrum | undefined, fresh: Spectrum): Spectrum {
  const all = new Map<number, number>();
  for (const { at, values } of old ? [old, fresh] : [fresh]) {
    at.forEach((place, j) => all.set(place, (all.get(place) ?? 0) + values[j]!));
  }
  const sorted = [...all].sort(([a], [b]) => a - b);
  return {
    at: Int32Array.from(sorted, ([place]) => place),
    values: Float32Array.from(sorted, ([, value]) => value),
  };
}

function shapeName({ inputs, outputs }: Size): string {
  return `${outputs}x${inputs}`;
}

function identity(size: number): HostTensor {
  const matrix = hostTensor([size, size]);
  for (let i = 0; i < size; i++) matrix.data[i * size + i] = 1;
  return matrix;
}

/** The waves of a site's places, as the graph reads them. */
export function waveTensors(at: Int32Array, size: Size, alpha: number): NamedTensors {
  const { inputs, outputs } = size;
  const rows = waves(at.map((place) => Math.floor(place / inputs)), outputs, alpha / (outputs * inputs));
  const columns = waves(at.map((place) => place % inputs), inputs);
  const name = shapeName(size);
  return {
    [`rowCos.${name}`]: rows.cos,
    [`rowSin.${name}`]: rows.sin,
    [`columnCos.${name}`]: columns.cos,
    [`columnSin.${name}`]: columns.sin,
    [`identity.${Math.min(inputs, outputs)}`]: identity(Math.min(inputs, outputs)),
  };
}

/** ΔW [outputs, inputs] of coefficients [n] in a graph. */
export function updateOf(coefficients: Tensor, fixed: Named, size: Size): Tensor {
  const name = shapeName(size);
  const weighed = (rows: Tensor) => mul(rows, reshape(coefficients, [coefficients.shape[0]!, 1]));
  const product = (wave: "Cos" | "Sin") =>
    matmul(weighed(fixed[`row${wave}.${name}`]!), fixed[`column${wave}.${name}`]!, { transposeA: true });
  return sub(product("Cos"), product("Sin"));
}

const COEFFICIENTS = "coefficients.";

function coefficientName(site: string): string {
  return `${COEFFICIENTS}${site}`;
}

/** A dense update as a pair: itself and the identity of its shorter side. */
function densePair<Value>(delta: Value, identity: Value, { inputs, outputs }: Size): { a: Value; b: Value } {
  return outputs <= inputs ? { a: delta, b: identity } : { a: identity, b: delta };
}

/** BiLoRA. */
export const bilora: MethodDefinition = defineMethod({
  name: "bilora",
  summary: "Updates of a few Fourier coefficients at random places, summed",
  source: "Zhu et al., CVPR 2025",
  family: "projected",
  year: 2025,
  keeps:
    "The coefficients written so far with their places, at most one for every entry of an adapted weight",
  options: z.strictObject({
    coefficients: z.int().min(1).nullable().default(null)
      .describe("Places n of a task at every site; null is a fifth of the numbers of an adapter"),
    alpha: z.number().positive().nullable().default(null)
      .describe("Factor α of the transform; null brings the paper's 300 to the width of the site"),
    rate: z.number().positive().max(1000).default(3)
      .describe(
        "Factor of the learning rate of the coefficients, whose steps change the update less than an adapter's",
      ),
  }),
  create(options) {
    const countAt = (size: Size, kit: Kit) =>
      Math.min(size.inputs * size.outputs, options.coefficients ?? defaultCoefficients(size, kit.lora.rank));
    const alphaAt = (size: Size, kit: Kit) => options.alpha ?? defaultAlpha(size, countAt(size, kit));
    const placesAt = (size: Size, task: number, kit: Kit) =>
      drawPlaces(
        size.inputs * size.outputs,
        countAt(size, kit),
        kit.rng(`places/${task}/${shapeName(size)}`),
      );
    const sitesOf = ({ config, lora }: Kit) => loraSites(config, lora.targets);
    const adapterOf = ({ spectra }: BiloraState, kit: Kit): Adapter | undefined => {
      if (Object.keys(spectra).length === 0) return undefined;
      const pairs = sitesOf(kit).map((site): [string, LoraPair] => {
        const delta = inverse(spectra[site.name]!, site, alphaAt(site, kit));
        return [site.name, densePair(delta, identity(Math.min(site.inputs, site.outputs)), site)];
      });
      return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
    };
    return foldedMethod<BiloraState>({
      init: () => ({ spectra: {} }),
      begin(state, task, kit) {
        const sites = sitesOf(kit);
        const start = sites.map((site) =>
          [coefficientName(site.name), hostTensor([countAt(site, kit)])] as const
        );
        const fixed: NamedTensors = Object.assign(
          {},
          ...sites.map((site) => waveTensors(placesAt(site, task.index, kit), site, alphaAt(site, kit))),
        );
        return {
          start: Object.fromEntries(start),
          rate: (name) => name.startsWith(COEFFICIENTS) ? options.rate : 1,
          base: adapterOf(state, kit) ?? noUpdate(kit),
          fixed,
          branch(trained, { fixed, graph }): LoraBranch {
            const pairs = sites.map((site): [string, BranchPair] => {
              const delta = updateOf(trained[coefficientName(site.name)]!, fixed, site);
              return [
                site.name,
                densePair(delta, fixed[`identity.${Math.min(site.inputs, site.outputs)}`]!, site),
              ];
            });
            return { pairs: Object.fromEntries(pairs), gain: graph.fill(1, [1]) };
          },
        };
      },
      end({ spectra }, task, values, kit) {
        const next = sitesOf(kit).map((site) => {
          const at = placesAt(site, task.index, kit);
          const fresh = { at, values: values[coefficientName(site.name)]!.data };
          return [site.name, summed(spectra[site.name], fresh)] as const;
        });
        return { spectra: Object.fromEntries(next) };
      },
      deploy: adapterOf,
    });
  },
});
