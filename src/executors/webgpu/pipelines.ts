/**
 * Compiles kernels. A pipeline is known by kernel, entry point and constants, never by its text or by shapes, so
 * the same string is cache key, GPU label and name in messages. A compilation that fails is not remembered.
 *
 * @module
 */
import type { Dispatch } from "./kernel.ts";

/** The part of a dispatch that decides its pipeline. */
export type PipelineSpec = Pick<
  Dispatch,
  "kernel" | "source" | "entryPoint" | "constants" | "uniforms" | "bindings"
>;

/** A compiled kernel and the layout its bind groups need. */
export interface Pipeline {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
}

/** Identity of a pipeline, such as `"matmul/tiled:main?TILE=16"`. */
export function pipelineName({ kernel, entryPoint, constants }: PipelineSpec): string {
  const values = Object.keys(constants).sort().map((name) => `${name}=${constants[name]}`);
  return `${kernel}:${entryPoint}${values.length > 0 ? `?${values.join("&")}` : ""}`;
}

/** What the bindings of a pipeline are bound as, by number: the uniform struct first, if there is one. */
export function bindingTypes(
  { uniforms, bindings }: PipelineSpec,
): ReadonlyMap<number, GPUBufferBindingType> {
  const storage = bindings.map(({ access }, i) =>
    [i + 1, access === "read" ? "read-only-storage" : "storage"] as const
  );
  return new Map<number, GPUBufferBindingType>([
    ...(uniforms.length > 0 ? [[0, "uniform"]] as const : []),
    ...storage,
  ]);
}

/** Equal for pipelines that can share a layout. */
export function layoutKey(spec: PipelineSpec): string {
  return [...bindingTypes(spec)].map(([binding, type]) => `${binding} ${type}`).join(", ");
}

/** The lines around a place in a source, numbered, with a mark under the column. Both count from 1. */
export function sourceExcerpt(source: string, line: number, column: number): string {
  const lines = source.split("\n");
  const first = Math.max(1, line - 2);
  return lines.slice(first - 1, line + 2).flatMap((text, i) => {
    const number = `${first + i}`.padStart(5);
    const mark = first + i === line ? [`${" ".repeat(5)} | ${" ".repeat(Math.max(0, column - 1))}^`] : [];
    return [`${number} | ${text}`, ...mark];
  }).join("\n");
}

/** The pipelines of one device. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<
    string,
    { readonly spec: PipelineSpec; readonly pipeline: Promise<Pipeline> }
  >();
  readonly #modules = new Map<string, Promise<GPUShaderModule>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Number of pipelines compiled or being compiled. */
  get size(): number {
    return this.#pipelines.size;
  }

  /**
   * The pipeline of a dispatch, compiled on first use.
   *
   * @throws {Error} If the WGSL does not compile: with kernel name, line and an excerpt of the source
   */
  get(spec: PipelineSpec): Promise<Pipeline> {
    const name = pipelineName(spec);
    const known = this.#pipelines.get(name);
    if (known) {
      if (known.spec.source !== spec.source || layoutKey(known.spec) !== layoutKey(spec)) {
        throw new TypeError(`Cannot compile kernel "${name}": found two kernels of this name`);
      }
      return known.pipeline;
    }
    const pipeline = this.#compile(name, spec);
    this.#pipelines.set(name, { spec, pipeline });
    pipeline.catch(() => this.#pipelines.delete(name));
    return pipeline;
  }

  async #compile(name: string, spec: PipelineSpec): Promise<Pipeline> {
    const module = await this.#module(name, spec);
    const bindGroupLayout = this.#layout(spec);
    const layout = this.#device.createPipelineLayout({ label: name, bindGroupLayouts: [bindGroupLayout] });
    try {
      const pipeline = await this.#device.createComputePipelineAsync({
        label: name,
        layout,
        compute: { module, entryPoint: spec.entryPoint, constants: spec.constants },
      });
      return { name, pipeline, bindGroupLayout };
    } catch (error) {
      throw new Error(`Cannot compile kernel "${name}": ${(error as Error).message}`);
    }
  }

  #module(name: string, { source, kernel }: PipelineSpec): Promise<GPUShaderModule> {
    const known = this.#modules.get(source);
    if (known) return known;
    const module = this.#createModule(name, kernel, source);
    this.#modules.set(source, module);
    module.catch(() => this.#modules.delete(source));
    return module;
  }

  async #createModule(name: string, label: string, source: string): Promise<GPUShaderModule> {
    // The scope keeps the error from being reported twice; the compilation messages say more.
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label, code: source });
    const scope = this.#device.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const error = messages.find(({ type }) => type === "error");
    if (error) {
      const text = error.message.trim().split("\n")[0];
      throw new Error(
        `Cannot compile kernel "${name}": line ${error.lineNum}: ${text}\n` +
          sourceExcerpt(source, error.lineNum, error.linePos),
      );
    }
    const failure = await scope;
    if (failure) throw new Error(`Cannot compile kernel "${name}": ${failure.message}`);
    return module;
  }

  #layout(spec: PipelineSpec): GPUBindGroupLayout {
    const key = layoutKey(spec);
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries = [...bindingTypes(spec)].map(([binding, type]) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    }));
    const layout = this.#device.createBindGroupLayout({ label: key, entries });
    this.#layouts.set(key, layout);
    return layout;
  }
}
