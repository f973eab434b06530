/**
 * A compiled program: pipelines, bind groups, uniforms and constants are made once, so that a run is only feeds,
 * one command buffer and one submission.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import type { Program } from "../../graph/graph.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import { checkInputs, type Executable, type HostArray } from "../executor.ts";
import type { DeviceArray } from "../host_values.ts";
import type { Arena, Lease } from "./arena.ts";
import type { Gpu } from "./device.ts";
import type { Dispatch } from "./kernel.ts";
import type { Pipeline } from "./pipelines.ts";
import type { MemoryPlan, Place, Storage } from "./planner.ts";
import type { Schedule, Step } from "./schedule.ts";
import { checkBindable, type WebGpuTensor } from "./tensor.ts";
import { type Readback, type ReadRequest, toDeviceArray } from "./transfer.ts";
import { packUniforms, uniformSize } from "./uniforms.ts";
import { describeRef, paddedSize } from "./views.ts";

/** What an executor shares with its programs. */
export interface Shared {
  readonly gpu: Gpu;
  readonly arena: Arena;
  readonly readback: Readback;
  /** Notes a submission; what it returns is to be awaited, so that the queue does not grow without bound. */
  submitted(waited: boolean): Promise<void> | undefined;
}

/** A dispatch ready to be recorded. */
export interface BoundStep extends Step {
  /** Of the dispatch's kernel, entry point and constants. */
  readonly pipeline: GPUComputePipeline;
  /** Its uniforms and buffers, as group 0. */
  readonly bindGroup: GPUBindGroup;
}

/** Records dispatches into a pass. */
export function encodeSteps(pass: GPUComputePassEncoder, steps: readonly BoundStep[]): void {
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, bindGroup, dispatch: { workgroups } } of steps) {
    if (pipeline !== current) pass.setPipeline(current = pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
  }
}

interface Range {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly offset: number;
}

/** A program on the GPU. */
export class WebGpuExecutable implements Executable {
  /** The dispatches of a run, in order. */
  readonly steps: readonly BoundStep[];
  readonly #shared: Shared;
  readonly #program: Program;
  readonly #plan: MemoryPlan;
  readonly #tensors: Readonly<Record<string, WebGpuTensor>>;
  readonly #lease: Lease;
  readonly #constants:
    | { readonly buffer: GPUBuffer; readonly offsets: ReadonlyMap<Tensor, number> }
    | undefined;
  readonly #uniforms: GPUBuffer | undefined;
  #checked = false;
  #disposed = false;

  /**
   * Reserves memory and binds buffers. Use `WebGpuExecutor.compile`.
   *
   * @param pipelines One for each step of the schedule
   */
  constructor(
    shared: Shared,
    schedule: Schedule,
    plan: MemoryPlan,
    pipelines: readonly Pipeline[],
    tensors: Readonly<Record<string, WebGpuTensor>>,
  ) {
    this.#shared = shared;
    this.#program = schedule.program;
    this.#plan = plan;
    this.#tensors = tensors;
    const { gpu } = shared;
    for (const { node, dispatch } of schedule.steps) {
      for (const { buffer } of dispatch.bindings) {
        checkBindable(gpu, `${describeRef(buffer)} for ${describeRef(node)}`, 4 * paddedSize(buffer));
      }
    }
    this.#lease = gpu.guard(
      "reserve memory for the program",
      () => shared.arena.acquire(plan.slots.map((size) => 4 * size)),
    );
    this.#constants = this.#uploadConstants(schedule);
    const structs = schedule.steps.map(({ dispatch }) => dispatch.uniforms);
    const { bytes, offsets } = packUniforms(structs, gpu.description.limits.minUniformBufferOffsetAlignment);
    this.#uniforms = this.#upload("uniforms", bytes, GPUBufferUsage.UNIFORM);
    this.steps = schedule.steps.map(({ node, dispatch }, i) => ({
      node,
      dispatch,
      pipeline: pipelines[i]!.pipeline,
      bindGroup: this.#bind(dispatch, pipelines[i]!, offsets[i]!),
    }));
  }

  async run(
    inputs: Readonly<Record<string, HostArray>>,
    read: readonly string[] = [],
  ): Promise<Record<string, DeviceArray>> {
    const { gpu, readback } = this.#shared;
    if (this.#disposed) throw new Error("Cannot run: the program was disposed of");
    gpu.check();
    checkInputs(this.#program, inputs);
    const names = [...new Set(read)];
    const requests = names.map((name) => this.#requestFor(name));
    for (const tensor of Object.values(this.#tensors)) tensor.checkUsable();
    // Validation costs a round trip to the driver, so only the first run and those that wait anyway pay for it.
    const checks = !this.#checked || names.length > 0;
    const submit = () => {
      this.#feed(inputs);
      const encoder = gpu.device.createCommandEncoder({ label: "run" });
      const pass = encoder.beginComputePass({ label: "run" });
      encodeSteps(pass, this.steps);
      pass.end();
      const finish = requests.length > 0 ? readback.encode(encoder, requests) : undefined;
      for (const { from, to, size } of this.#plan.copies) {
        const source = this.#locate(from);
        encoder.copyBufferToBuffer(source.buffer, source.offset, this.#bufferOf(to), 0, 4 * size);
      }
      gpu.device.queue.submit([encoder.finish()]);
      return finish;
    };
    const finish = checks ? gpu.guard("run the program", submit) : submit();
    if (checks) await gpu.settle();
    this.#checked = true;
    await this.#shared.submitted(finish !== undefined);
    if (finish) {
      const values = await finish();
      return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
    }
    return {};
  }

  /**
   * Memory in bytes: of intermediate values, and of the largest piece that a kernel binds, states included; and the
   * state updates that need a copy.
   */
  get memory(): {
    readonly bytes: number;
    readonly bytesWithoutReuse: number;
    readonly largestBinding: number;
    readonly copies: number;
  } {
    const { slots, sizeWithoutReuse, copies } = this.#plan;
    const size = slots.reduce((sum, slot) => sum + slot, 0);
    const bindings = this.steps.flatMap(({ dispatch }) => dispatch.bindings);
    return {
      bytes: 4 * size,
      bytesWithoutReuse: 4 * sizeWithoutReuse,
      largestBinding: 4 * bindings.reduce((most, { buffer }) => Math.max(most, paddedSize(buffer)), 0),
      copies: copies.length,
    };
  }

  #feed(inputs: Readonly<Record<string, HostArray>>): void {
    const { queue } = this.#shared.gpu.device;
    for (const [name, node] of Object.entries(this.#program.inputs)) {
      const place = this.#plan.placeOf(node as Tensor);
      if (!place) continue;
      queue.writeBuffer(this.#locate(place).buffer, 0, toDeviceArray(inputs[name]!, node.dtype));
    }
  }

  /** Frees constants and uniforms and gives back the intermediate memory; the bound tensors stay. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#lease.release();
    this.#constants?.buffer.destroy();
    this.#uniforms?.destroy();
  }

  #requestFor(name: string): ReadRequest {
    const node = this.#program.outputs[name];
    if (!node) throw new RangeError(`Cannot run: the program has no output "${name}"`);
    const { buffer, offset } = this.#locate(this.#plan.placeOf(node)!);
    return { buffer, offset, size: sizeOf(node.shape), dtype: node.dtype };
  }

  #locate({ storage, offset }: Place): Range {
    const start = storage.kind === "constant" ? this.#constants!.offsets.get(storage.node as Tensor)! : 0;
    return { buffer: this.#bufferOf(storage), offset: start + 4 * offset };
  }

  #bufferOf(storage: Storage): GPUBuffer {
    switch (storage.kind) {
      case "state":
        return this.#tensors[storage.name]!.buffer;
      case "slot":
        return this.#lease.buffers[storage.slot]!;
      case "constant":
        return this.#constants!.buffer;
    }
  }

  #bind(
    { uniforms, bindings }: Dispatch,
    { name, bindGroupLayout }: Pipeline,
    uniformOffset: number,
  ): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = bindings.map(({ buffer: ref }, i) => {
      const { buffer, offset } = this.#locate(this.#plan.placeOf(ref)!);
      return { binding: i + 1, resource: { buffer, offset, size: 4 * paddedSize(ref) } };
    });
    if (uniforms.length > 0) {
      const resource = { buffer: this.#uniforms!, offset: uniformOffset, size: uniformSize(uniforms) };
      entries.unshift({ binding: 0, resource });
    }
    const { gpu } = this.#shared;
    return gpu.guard(
      `bind the buffers of kernel "${name}"`,
      () => gpu.device.createBindGroup({ label: name, layout: bindGroupLayout, entries }),
    );
  }

  /** All constants that a kernel, an output or an update reads, in one buffer. */
  #uploadConstants({ program, steps }: Schedule) {
    const refs = [
      ...steps.flatMap(({ dispatch }) => dispatch.bindings.map(({ buffer }) => buffer)),
      ...Object.values(program.outputs),
      ...Object.values(program.updates),
    ];
    const offsets = new Map<Tensor, number>();
    const nodes: NodeOf<"constant">[] = [];
    const alignment = this.#shared.gpu.description.limits.minStorageBufferOffsetAlignment;
    let size = 0;
    for (const ref of refs) {
      const storage = this.#plan.placeOf(ref)?.storage;
      if (storage?.kind !== "constant" || offsets.has(storage.node as Tensor)) continue;
      offsets.set(storage.node as Tensor, size);
      nodes.push(storage.node);
      size = Math.ceil((size + 4 * paddedSize(storage.node as Tensor)) / alignment) * alignment;
    }
    const bytes = new Uint8Array(size);
    for (const node of nodes) {
      const values = toDeviceArray(node.attributes.data, node.dtype);
      bytes.set(
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        offsets.get(node as Tensor)!,
      );
    }
    const buffer = this.#upload("constants", bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
    return buffer && { buffer, offsets };
  }

  #upload(label: string, bytes: Uint8Array<ArrayBuffer>, usage: number): GPUBuffer | undefined {
    if (bytes.length === 0) return undefined;
    const { gpu } = this.#shared;
    return gpu.guard(`upload ${label}`, () => {
      const buffer = gpu.device.createBuffer({
        label,
        size: Math.ceil(bytes.length / 16) * 16,
        usage: usage | GPUBufferUsage.COPY_DST,
      });
      gpu.device.queue.writeBuffer(buffer, 0, bytes);
      return buffer;
    });
  }
}
