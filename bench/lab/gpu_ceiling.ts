/**
 * What an adapter can do at most, measured by two kernels that do nothing else: fused multiply-adds in registers,
 * and a copy, of as much as a layer's activations and of more than caches hold; the faster counts. The yardstick for
 * shares in `deno task kernels`.
 *
 * @module
 */
import { summarise } from "./sampler.ts";

/** Rates per second. */
export interface Ceiling {
  readonly flops: number;
  readonly bytes: number;
  /** How it was measured. */
  readonly how: string;
}

const GROUP = 64;
/** Two operations on each of 8 vectors of 4. */
const FLOPS_PER_TURN = 8 * 4 * 2;
const TURNS = 128;
/** Enough to keep every core of a GPU busy; a software adapter needs no such number. */
const FMA_GROUPS = { software: 512, hardware: 16384 } as const;
/** Of either buffer. */
const COPY_BYTES = [2 ** 20, 2 ** 26] as const;
/** A measurement takes at least so many milliseconds, so that the wait for the device (10 in Deno) can be subtracted. */
const SHORTEST = 40;
const REPEATS = 7;

const fmaSource = `
@group(0) @binding(0) var<storage, read_write> result: array<vec4f>;
override turns: u32;
@compute @workgroup_size(${GROUP}) fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * ${GROUP} + lane;
  let x = vec4f(f32(at) * 1e-9 + 0.999);
  var a0 = x; var a1 = x + 1; var a2 = x + 2; var a3 = x + 3;
  var a4 = x + 4; var a5 = x + 5; var a6 = x + 6; var a7 = x + 7;
  for (var i = 0u; i < turns; i++) {
    a0 = fma(a0, x, x); a1 = fma(a1, x, x); a2 = fma(a2, x, x); a3 = fma(a3, x, x);
    a4 = fma(a4, x, x); a5 = fma(a5, x, x); a6 = fma(a6, x, x); a7 = fma(a7, x, x);
  }
  result[at] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
}`;

const copySource = `
@group(0) @binding(0) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@compute @workgroup_size(${GROUP}) fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * ${GROUP} + lane;
  result[at] = source[at];
}`;

/** Milliseconds of one dispatch, the wait for the device subtracted. */
async function timeDispatch(
  device: GPUDevice,
  encode: (pass: GPUComputePassEncoder) => void,
): Promise<number> {
  const spent = async (count: number) => {
    const began = performance.now();
    const encoder = device.createCommandEncoder({ label: "ceiling" });
    const pass = encoder.beginComputePass({ label: "ceiling" });
    for (let i = 0; i < count; i++) encode(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - began;
  };
  await spent(1);
  let count = 1;
  while (await spent(count) < SHORTEST && count < 2 ** 16) count *= 2;
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) waits.push(await spent(0));
  const wait = summarise(waits).min;
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) times.push(Math.max(1e-6, await spent(count) - wait) / count);
  return summarise(times).min;
}

function pipeline(device: GPUDevice, label: string, code: string, constants = {}): GPUComputePipeline {
  const module = device.createShaderModule({ label, code });
  return device.createComputePipeline({ label, layout: "auto", compute: { module, constants } });
}

/** Measures an adapter through its device. One or two seconds. */
export async function measureGpuCeiling(device: GPUDevice, software: boolean): Promise<Ceiling> {
  const [small, large] = COPY_BYTES;
  const [result, source] = ["ceiling result", "ceiling source"].map((label) =>
    device.createBuffer({ label, size: large, usage: GPUBufferUsage.STORAGE })
  ) as [GPUBuffer, GPUBuffer];
  const rate = async (compute: GPUComputePipeline, buffers: readonly GPUBuffer[], groups: number) => {
    const bindGroup = device.createBindGroup({
      label: "ceiling",
      layout: compute.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const milliseconds = await timeDispatch(device, (pass) => {
      pass.setPipeline(compute);
      pass.setBindGroup(0, bindGroup);
      // At most 2^16 - 1 workgroups are sure to be allowed along an axis.
      pass.dispatchWorkgroups(Math.min(groups, 2 ** 15), Math.ceil(groups / 2 ** 15));
    });
    return groups * GROUP / (milliseconds / 1e3);
  };
  try {
    const fma = pipeline(device, "fma", fmaSource, { turns: TURNS });
    const copy = pipeline(device, "copy", copySource);
    const invocations = await rate(fma, [result], FMA_GROUPS[software ? "software" : "hardware"]);
    const copied: number[] = [];
    for (const size of COPY_BYTES) copied.push(await rate(copy, [result, source], size / 16 / GROUP));
    return {
      flops: invocations * TURNS * FLOPS_PER_TURN,
      bytes: Math.max(...copied) * 2 * 16,
      how: `fma in registers; copy of ${small / 2 ** 20} or ${large / 2 ** 20} MiB`,
    };
  } finally {
    result.destroy();
    source.destroy();
  }
}
