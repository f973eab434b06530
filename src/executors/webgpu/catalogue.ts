/**
 * Every pipeline that programs may need on some device: with the rules of software and of hardware adapters, and with
 * each variant that a kernel family offers. Other compilers of WGSL than this runtime's can so be tried on all of
 * them, without a GPU.
 *
 * @module
 */
import type { Program } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { LoweringContext } from "./kernel.ts";
import { bindingTypes, layoutKey, pipelineName } from "./pipelines.ts";
import { nativeProgram, schedule } from "./schedule.ts";

/** A compute pipeline as WebGPU wants to know it. */
export interface PipelineEntry {
  /** Kernel, entry point and constants. */
  readonly name: string;
  /** Family and purpose, such as `"matmul/tiled"`. */
  readonly kernel: string;
  /** The WGSL module. */
  readonly source: string;
  /** Name of the compute function in `source`. */
  readonly entryPoint: string;
  /** Values of `override` constants. */
  readonly constants: Readonly<Record<string, number>>;
  /** Of bind group 0, all visible to the compute stage. */
  readonly layout: readonly { readonly binding: number; readonly type: GPUBufferBindingType }[];
}

/** WebGPU's default limits, which every device has. */
const LIMITS = { maxInvocations: 256, maxWorkgroupStorageBytes: 16_384 } as const;

/** The answers to what a node's lowering asks, by the position of the variant: every combination once. */
class Choices {
  readonly #untried: (readonly number[])[] = [[]];

  get done(): boolean {
    return this.#untried.length === 0;
  }

  /** The next combination as a context. Once all were tried it is the first choices again. */
  context(software: boolean): LoweringContext {
    const untried = this.#untried.pop();
    const wanted = untried ?? [];
    const isNew = (position: number) => untried !== undefined && position >= wanted.length;
    const given: number[] = [];
    return {
      software,
      ...LIMITS,
      scratch: (label, size) => ({ kind: "scratch", label, size }),
      variant: (family, shapeClass, variants) => {
        const position = given.length;
        if (isNew(position)) {
          for (let i = 1; i < variants.length; i++) this.#untried.push([...given, i]);
        }
        const answer = wanted[position] ?? 0;
        given.push(answer);
        const variant = variants[answer];
        if (variant === undefined) {
          throw new TypeError(`Cannot list variants of ${family} for ${shapeClass}: the offer has changed`);
        }
        return variant;
      },
    };
  }
}

/**
 * Lists the pipelines of programs, sorted by name.
 *
 * @throws {TypeError} If two kernels have one name
 */
export function listPipelines(programs: Iterable<Program>): PipelineEntry[] {
  const found = new Map<string, PipelineEntry & { readonly key: string }>();
  for (const program of programs) {
    const native = nativeProgram(program);
    for (const software of [true, false]) {
      const choices = new Map<Tensor, Choices>();
      const choicesOf = (node: Tensor) => {
        const own = choices.get(node) ?? new Choices();
        choices.set(node, own);
        return own;
      };
      do {
        const { steps } = schedule(native, (node) => choicesOf(node).context(software));
        for (const { dispatch } of steps) {
          const name = pipelineName(dispatch);
          const { kernel, source, entryPoint, constants } = dispatch;
          const key = `${layoutKey(dispatch)}\n${source}`;
          const known = found.get(name);
          if (known && known.key !== key) {
            throw new TypeError(`Cannot list pipelines: found two kernels of the name "${name}"`);
          }
          const layout = [...bindingTypes(dispatch)].map(([binding, type]) => ({ binding, type }));
          if (!known) found.set(name, { name, kernel, source, entryPoint, constants, layout, key });
        }
      } while (![...choices.values()].every(({ done }) => done));
    }
  }
  return [...found.values()].map(({ key: _, ...entry }) => entry)
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}
